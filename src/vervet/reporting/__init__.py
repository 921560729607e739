"""Reporting: an analysis and its samples as one offline HTML file, and as figures for papers."""

from vervet.reporting.figures import write_figures
from vervet.reporting.html import render
from vervet.reporting.report import write_report

__all__ = ["render", "write_figures", "write_report"]
