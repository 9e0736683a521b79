"""Names that are too long for a table: shortened in the middle, and different for different names."""

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

ELLIPSIS = "…"

UNTRAINED = " (untrained)"
"""What the name of a model with random weights ends with, which is never shortened."""


def shortened(names: Sequence[str], width: int) -> list[str]:
    """The names in at most ``width`` cells of a terminal; those that fit are as they are.

    The ellipsis is in the middle, or where all names stay different; at worst they are numbered.
    """
    long = list(dict.fromkeys(name for name in names if cell_len(name) > width))
    short = {name for name in names if cell_len(name) <= width}
    for tail in _tails(width):
        texts = {name: _with_mark(name, width, tail) for name in long}
        if len({*texts.values()} | short) == len(long) + len(short):
            break
    else:
        texts = {name: _numbered(name, width, number) for number, name in enumerate(long, 1)}
    return [texts.get(name, name) for name in names]


def _tails(width: int) -> Iterator[float]:
    """Which part of the room the end of a name gets, the middle first."""
    yield 0.5
    for number in range(1, width):
        yield number / width


def _with_mark(name: str, width: int, tail: float) -> str:
    if name.endswith(UNTRAINED) and width > len(UNTRAINED) + 4:
        return _middle(name.removesuffix(UNTRAINED), width - len(UNTRAINED), tail) + UNTRAINED
    return _middle(name, width, tail)


def _middle(text: str, width: int, tail: float) -> str:
    """The beginning and the end of a text, around an ellipsis."""
    room = max(0, width - 1)
    end = _first(reversed(text), round(room * tail))[::-1]
    return _first(text, room - cell_len(end)) + ELLIPSIS + end


def _first(characters: Iterable[str], width: int) -> str:
    """The first characters that take at most ``width`` cells."""
    result = ""
    for character in characters:
        if cell_len(result + character) > width:
            break
        result += character
    return result


def _numbered(name: str, width: int, number: int) -> str:
    mark = f"{ELLIPSIS}{number}"
    return _first(name, width - len(mark)) + mark
