"""Where images are: what a dataset's path may name besides a folder or a manifest, a module for each form of it."""
