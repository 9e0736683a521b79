"""Train a classifier on folders of images: from images to weights and a run folder."""
