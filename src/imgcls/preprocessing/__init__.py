"""Bytes to pixels to tensors, bit for bit as torchvision and timm make them."""
