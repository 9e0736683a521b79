"""One run, from any of the three doors."""
