"""Why a URL gives no image, as one word and a sentence."""

from __future__ import annotations

from typing import Literal

from imgcls.errors import Reason

Refusal = (
    Reason
    | Literal[
        "unusable_url",
        "private_address",
        "robots",
        "robots_unreachable",
        "redirects",
        "http_error",
        "busy",
        "server_error",
        "connection",
        "timeout",
        "cut_short",
        "too_big",
        "too_small",
        "duplicate",
        "near_duplicate",
        "excluded",
        "near_excluded",
        "deleted",
    ]
)
"""Why there is no image of a URL, in addition to the reasons for which bytes are not decoded.

- Before a request: ``unusable_url`` (not http or https, or no host), ``private_address``, ``robots`` (robots.txt
  forbids it), ``robots_unreachable``.
- The response: ``redirects`` (too many), ``http_error``, ``busy`` (429 or 503), ``server_error``, ``connection``,
  ``timeout``, ``cut_short``, ``too_big`` (in bytes).
- The image: ``too_small``, ``duplicate`` and ``near_duplicate`` (of one that is kept), ``excluded`` and
  ``near_excluded`` (of one in a folder to exclude), ``deleted`` (by hand, after it was kept).
"""

TRANSIENT: frozenset[str] = frozenset(
    {"robots_unreachable", "busy", "server_error", "connection", "timeout", "cut_short"}
)
"""What may be otherwise next time, so that a later run tries the URL again."""


class Refused(Exception):
    """A URL of which no image is kept: ``reason`` is one word, ``detail`` a sentence."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Refusal = reason
        self.detail = detail


class Stopped(Exception):
    """The run ends: what is being fetched is not needed any more."""
