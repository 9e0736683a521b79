"""Saved runs in a row, as a table and as a page."""
