"""Somebody's own preprocessing or running service held against the reference, and the culprit where it differs."""
