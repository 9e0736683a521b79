"""What is wrong with a set of images before anything is predicted: duplicates, near duplicates, blank and broken."""
