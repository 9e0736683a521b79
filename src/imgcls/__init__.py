"""Test image classifiers the way you test code."""
