"""From a folder of images and names of models to a first configuration and its tests."""
