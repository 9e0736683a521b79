"""Findings as lines for a terminal, the gravest first, and as one document for a bug report."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec

from imgcls import messages
from imgcls.doctor.findings import Finding, Level

LEVELS: Sequence[Level] = tuple(reversed(get_args(Level)))
"""The gravest first."""

_LEVEL_WIDTH = max(map(len, LEVELS)) + 2
_ARROW = "-> "


def lines(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """Each finding with its remedy below it, which is never wrapped, so that it can be copied; last how many there are.

    ``width``: characters of a line.
    """
    check_width = max((len(finding.check) for finding in findings), default=0) + 2
    margin = " " * (_LEVEL_WIDTH + check_width)
    for level in LEVELS:
        for finding in (one for one in findings if one.level == level):
            head = f"{level:<{_LEVEL_WIDTH}}{finding.check:<{check_width}}"
            yield from textwrap.wrap(
                messages.printable(finding.text), width, initial_indent=head, subsequent_indent=margin,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
            if finding.remedy:
                yield f"{margin}{_ARROW}{finding.remedy}"
    yield summary(findings)


def summary(findings: Sequence[Finding]) -> str:
    """How many findings there are of each level that is not ``ok``."""
    counts = Counter(finding.level for finding in findings)
    broken, warnings, notes = counts["broken"], counts["warning"], counts["note"]
    parts = [f"{broken} broken"] if broken else ["nothing is broken"]
    parts += [messages.counted(count, kind) for count, kind in ((warnings, "warning"), (notes, "note")) if count]
    return f"imgcls doctor: {', '.join(parts)}"


def document(findings: Sequence[Finding]) -> str:
    """JSON: ``format``, ``made_at``, ``broken`` (the number of findings of this level) and all ``findings``."""
    content: dict[str, Any] = {
        "format": 1,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "broken": sum(finding.level == "broken" for finding in findings),
        "findings": [
            {"check": one.check, "level": one.level, "text": one.text, "remedy": one.remedy} for one in findings
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n"
