"""How long every configured model takes: one image at a time, and as many as scoring takes at once."""

from imgcls.suite import test_latency

__all__ = ["test_latency"]
