"""Files that a network is shipped in: those that imgcls makes, and how any of them is a model of its own."""
