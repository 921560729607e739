"""The command line: parse, one function, print."""
