"""Images to predictions to scores, for every model in one pass."""
