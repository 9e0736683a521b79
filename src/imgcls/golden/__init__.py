"""Whether predictions are still those of a golden record, and if not, at which stage they moved."""
