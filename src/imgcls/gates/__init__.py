"""Numbers and thresholds to verdicts: pure functions that measure nothing and print nothing."""
