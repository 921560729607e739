"""Transfer: other tools' files into a run, and a run into theirs."""
