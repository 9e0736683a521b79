"""Two runs or several models on the same images: which predictions differ, and whether accuracy does."""
