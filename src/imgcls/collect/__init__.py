"""Images from the web, with where each came from."""
