"""What ships held against what was tested: exports of a model, and the reason where they differ."""
