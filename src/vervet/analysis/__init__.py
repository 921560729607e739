"""Analysis: tables in, numbers with their intervals out."""

from vervet.analysis.analyze import analyze
from vervet.analysis.result import Analysis
from vervet.analysis.table import Table

__all__ = ["Analysis", "Table", "analyze"]
