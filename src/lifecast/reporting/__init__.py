"""One HTML page with all that a forecast says, for people who read no code."""
