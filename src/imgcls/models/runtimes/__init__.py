"""Who computes the logits: one protocol, and a module for each runtime."""
