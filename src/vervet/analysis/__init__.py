"""Analysis: tables in, numbers with their intervals out."""
