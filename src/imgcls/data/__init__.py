"""Which images there are, and which classes are right for them."""
