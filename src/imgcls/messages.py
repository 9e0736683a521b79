"""Words that messages have in common: lists cut short, exceptions on one line, names that resemble a wrong one.

Names and texts that we did not write reach a terminal, a log or a report only as :func:`printable` and
:func:`spelled` have them.
"""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

NAMED = 10  # docs/decisions.md#names-in-a-message
SENTENCES = 5  # docs/decisions.md#names-in-a-message


def named(items: Sequence[str], limit: int = NAMED) -> str:
    """The first of many names, up to the limit, as :func:`spelled` has them, and the number of the others."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(map(spelled, items[:limit])) + more


def sentences(items: Sequence[str], count: int | None = None) -> str:
    """The first of many parts of a message, each as long as a sentence, and the number of the others.

    ``count``: of all, where ``items`` are only the first.
    """
    others = (len(items) if count is None else count) - SENTENCES
    more = f"; and {others} more" if others > 0 else ""
    return "; ".join(items[:SENTENCES]) + more


def counted(count: int, kind: str) -> str:
    """As in ``1 group``, ``0 classes`` and ``50 distinct images``."""
    return f"{count} {noun(count, kind)}"


def noun(count: int, kind: str) -> str:
    """The word after a number."""
    return kind if count == 1 else plural(kind)


def plural(kind: str) -> str:
    """Of a noun that ends in ``s``, in ``y`` after a consonant, or otherwise."""
    if kind.endswith("s"):
        return f"{kind}es"
    return f"{kind[:-1]}ies" if kind.endswith("y") and kind[-2] not in "aeou" else f"{kind}s"


def one_line(error: BaseException) -> str:
    """The text of an exception, without its line breaks and its full stop; its type where it has no text."""
    return printable(" ".join(str(error).split()).rstrip(".") or type(error).__name__)


def similar(name: str, known: Iterable[str], count: int = 3, cutoff: float = 0.5) -> list[str]:
    """The known names that resemble this one, the nearest first, up to ``count``."""
    import difflib  # here, because the plugin imports this module in every run of pytest

    return difflib.get_close_matches(name, list(known), n=count, cutoff=cutoff)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that it resembles, if there is one."""
    return "".join(f"; did you mean '{spelled(other)}'?" for other in similar(name, known, count=1))


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that it resembles, or all of them."""
    names = list(known)
    return did_you_mean(name, names) or (f"; known: {', '.join(map(spelled, names))}" if names else "; there is none")


def nearest_three(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name, one of very many: the three known ones that it resembles most."""
    names = similar(name, known, cutoff=0.6)  # among very many names, some resemble any word a little
    return f"; nearest: {', '.join(map(spelled, names))}" if names else ""


# Names and texts that we did not write.

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # docs/decisions.md#names-on-a-terminal
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_JOINERS = frozenset("\u200c\u200d")
_JOINED = frozenset({"Lo", "Mc", "Mn", "Sk", "Sm", "So"})
_SHORT = {"\n": "n", "\r": "r", "\t": "t"}
_MARK = "\0"
"""The backslash of an escape, until the backslashes of the name itself are doubled."""

_LIKE_AN_ESCAPE = re.compile(r"\\+(?=\0|[nrt]|x[01][0-9a-f]|x7f|u[0-9a-f]{4}|U[0-9a-f]{8})")
_LIKE_A_BYTE = re.compile(r"\\+(?=[\udc80-\udcff]|x[89a-f][0-9a-f])")


def printable(text: str) -> str:
    """The same text in one line in which everything is seen: controls, line breaks and invisible characters as escapes.

    Letters of all scripts, their marks, and emoji stay as they are. Twice is as once.
    """
    return text if text.isprintable() else "".join(_characters(text)).replace(_MARK, "\\")


def printable_lines(text: str) -> str:
    """The same for a text that has lines of its own."""
    return "\n".join(map(printable, text.split("\n")))


def spelled(name: str) -> str:
    """A name as messages have it: :func:`printable`, and different for different names.

    A backslash of the name itself is doubled where it would look like that of an escape.
    """
    if "\\" not in name:
        return printable(name)
    return _LIKE_AN_ESCAPE.sub(_doubled, "".join(_characters(name))).replace(_MARK, "\\")


def path_text(path: PurePath) -> str:
    """A path as documents have it: with ``/``, bytes that are not UTF-8 spelled out, different for different paths.

    A backslash of the path itself is doubled where it would look like that of such a byte.
    """
    text = _LIKE_A_BYTE.sub(_doubled, path.as_posix())
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _doubled(backslashes: re.Match[str]) -> str:
    return 2 * backslashes[0]


def _characters(text: str) -> Iterator[str]:
    """The characters of a text, those that are not seen as escapes that begin with :data:`_MARK`."""
    for place, character in enumerate(text):
        if _is_hidden(character) and not _joins(text, place):
            yield _MARK + _escape_of(character)
        else:
            yield character


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or character in _BLANK_LETTERS


def _joins(text: str, place: int) -> bool:
    """Whether an invisible character belongs to a letter or an emoji: joiners within, and the tags of a flag."""
    character, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    if character in _JOINERS:
        return all(other > "\x7f" and unicodedata.category(other) in _JOINED for other in (before, after))
    return _is_tag(character) and (before == "\U0001f3f4" or _is_tag(before))


def _is_tag(character: str) -> bool:
    return "\U000e0020" <= character <= "\U000e007f"


def _escape_of(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # how Python keeps a byte that is not UTF-8
        return f"x{number - 0xDC00:02x}"
    if number < 0x80:
        return _SHORT.get(character, f"x{number:02x}")
    return f"u{number:04x}" if number < 0x10000 else f"U{number:08x}"


RULES = str.maketrans({"─": "-", "━": "=", "│": "|", "…": "~"})
"""The rules of tables and the ellipsis of short names, for streams that have only letters and punctuation."""


def encodable(text: str, encoding: str) -> str:
    """The same text in characters that an encoding has: rules as hyphens, everything else as escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(RULES).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What a stream writes of characters that its encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return encodable(error.object[error.start : error.end], "ascii"), error.end


ESCAPED = "imgcls.escaped"
"""How a stream handles such characters: ``stream.reconfigure(errors=ESCAPED)``."""

codecs.register_error(ESCAPED, _replaced)
