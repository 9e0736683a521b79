"""Proportions, pairs and timings as numbers with intervals: pure functions."""
