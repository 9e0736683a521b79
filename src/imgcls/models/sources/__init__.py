"""Where a network comes from: one protocol, and a module for each source."""
