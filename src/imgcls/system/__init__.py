"""The machine, and the versions of the libraries on it."""
