"""What judges have in common: whom they ask, what they show, and how their words are read."""
