"""How long every configured model takes: one picture at a time, and as many as scoring asks about at once."""

from imgcls.suite import test_latency

__all__ = ["test_latency"]
