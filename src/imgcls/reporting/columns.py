"""The columns of the two tables of models, and which of them options pick."""

from collections.abc import Sequence

from imgcls.errors import ConfigError
from imgcls.messages import nearest

RESULTS = (
    *("model", "dataset", "images", "top-1 %", "top-5 %", "seconds", "images/s", "load s", "peak RSS", "params"),
)
COSTS = (
    *("model", "device", "top-1 %", "top-5 %", "p50 ms", "p95 ms", "images/s", "s / set", "peak MB", "weights"),
    *("activations", "load MB", "RSS MB", "params M", "GMACs", "dominated by"),
)

RESULTS_IMPORTANCE = (
    *("model", "dataset", "top-1 %", "images", "top-5 %", "images/s", "params", "seconds", "peak RSS", "load s"),
)  # docs/decisions.md#tables-of-80-columns
COSTS_IMPORTANCE = (
    *("model", "device", "top-1 %", "p50 ms", "images/s", "peak MB", "dominated by", "p95 ms", "params M", "top-5 %"),
    *("GMACs", "s / set", "weights", "activations", "load MB", "RSS MB"),
)  # docs/decisions.md#tables-of-80-columns


def check(names: Sequence[str], option: str) -> None:
    """Raise ConfigError for a name that no column has. Blanks, signs and case of a name do not matter."""
    known = dict.fromkeys((*RESULTS, *COSTS))
    keys = {_key(column) for column in known}
    for name in names:
        if _key(name) not in keys:
            raise ConfigError(f"{option} {name}: no column of this name{nearest(name, known)}")


def picked(of: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns of a table that are named, in the order of the names, after the model; all where none is."""
    columns = {_key(column): column for column in of}
    chosen = [columns[key] for key in map(_key, names) if key in columns]
    return list(dict.fromkeys(["model", *chosen])) if chosen else list(of)


def _key(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum() or character == "/")
