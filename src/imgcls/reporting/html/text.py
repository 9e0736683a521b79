"""Words and figures as the templates write them; every name stays text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from imgcls import messages

LETTERS = 22
"""How many letters of a name a drawing has room for."""

BAR_WIDTH, BAR_HEIGHT = 120, 10


def seen(value: Any) -> Any:
    """What a template writes: text in which every character is seen, and nothing for None."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    return messages.printable_lines(value)


def name(value: object) -> Markup:
    """A name that we did not write, apart from the text around it whatever its direction is."""
    return _isolated(str(value))


@lru_cache(maxsize=10_000)  # of classes, models and paths, which stand in many places
def _isolated(text: str) -> Markup:
    return Markup(f"<bdi>{escape(messages.spelled(text))}</bdi>")  # noqa: S704 - escaped


def short(value: object) -> str:
    """A name in a drawing, cut short."""
    words = messages.spelled(str(value))
    return words if len(words) <= LETTERS else f"{words[: LETTERS - 1]}…"


def names(values: Iterable[object]) -> Markup:
    """Several names."""
    return Markup(", ").join(map(name, values))


def figure(value: float | None, digits: int = 1) -> str:
    """A number, and a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def share(value: float | None, digits: int = 1) -> str:
    """A fraction in per cent; 100 and 0 only where they are exact."""
    return "-" if value is None else percent(100 * value, digits)


def percent(value: float | None, digits: int = 1) -> str:
    """Per cent; 100 and 0 only where they are exact."""
    if value is None:
        return "-"
    step = 10.0**-digits
    return f"{min(max(value, step), 100 - step) if 0 < value < 100 else value:.{digits}f}"


def interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """An interval in per cent."""
    return "-" if low is None or high is None else f"{percent(low, digits)} to {percent(high, digits)}"


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:.2f}"


def megabytes(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:.1f}"


def count(number: int, noun: str) -> str:
    """As in ``1 image`` and ``2 images``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def bar(fraction: float) -> Markup:
    """A bar from 0 to 1, which needs no style; its number stands next to it."""
    width = round(BAR_WIDTH * min(max(fraction, 0.0), 1.0), 1)
    return Markup(
        '<svg class="bar" width="{w}" height="{h}" aria-hidden="true">'
        '<rect class="track" width="{w}" height="{h}" fill="#8884"/>'
        '<rect class="fill" width="{v:g}" height="{h}" fill="#4477aa"/></svg>'
    ).format(w=BAR_WIDTH, h=BAR_HEIGHT, v=width)


FILTERS = {
    "name": name, "short": short, "names": names, "figure": figure, "share": share, "milliseconds": milliseconds,
    "megabytes": megabytes, "count": count, "bar": bar,
}  # fmt: skip
"""What templates may do with a value."""
