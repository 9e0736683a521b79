"""Which words of lines are coloured, and whether a stream has colours."""

import os
import re
from collections.abc import Mapping
from typing import Literal, TextIO

Colour = Literal["green", "red", "yellow"]

WORDS: Mapping[str, Colour] = {
    "PASS": "green", "FAIL": "red", "FAILED": "red", "ERROR": "red", "INCONCLUSIVE": "yellow",
}  # fmt: skip

CODES: Mapping[Colour, int] = {"green": 32, "red": 31, "yellow": 33}

_VERDICT = re.compile(rf"({'|'.join(WORDS)})\b")


def verdict_word(line: str) -> tuple[str, str]:
    """The word of a verdict with which a line begins, or nothing, and the rest of the line."""
    match = _VERDICT.match(line)
    word = match[1] if match else ""
    return word, line[len(word) :]


def coloured(text: str) -> str:
    """A text of one or more lines whose verdicts are coloured, for a terminal."""
    return "\n".join(map(_line, text.split("\n")))


def _line(line: str) -> str:
    word, rest = verdict_word(line)
    return f"\x1b[1;{CODES[WORDS[word]]}m{word}\x1b[0m{rest}" if word else line


def has_colours(stream: TextIO) -> bool:
    """Whether a stream shows colours, by the variables that pytest obeys, in its order; else a terminal does."""
    if (stated := os.environ.get("PY_COLORS")) in ("0", "1"):
        return stated == "1"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")
