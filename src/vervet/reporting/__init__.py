"""The report: one self-contained HTML file, and its figures as files."""
