"""Weights: downloaded or drawn at random, read without running code, and hashed."""
