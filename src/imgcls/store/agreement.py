"""Which prediction keys of several stores do not agree, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from imgcls.messages import named
from imgcls.store.identities import Parts, unlike
from imgcls.store.merging import MergedStore

SHOWN = 3  # docs/decisions.md#names-in-a-message

SAME_MODEL = ("arch", "options", "decode", "precision", "output", "dataset")
"""Parts of a key that say which model it is, and of which dataset; of two of them there may well be two keys."""


def disagreements(stores: Sequence[MergedStore]) -> Iterator[str]:
    """A sentence for each key that not all of the stores have: what differs from the key that the others have."""
    parts = {key: known for store in stores for key, known in store.keys.items()}
    holders = {key: [store for store in stores if key in store.keys] for key in parts}
    partial = {key: parts[key] for key in parts if len(holders[key]) < len(stores)}
    reported = set[frozenset[str]]()
    for key, known in partial.items():
        lacking = [store for store in stores if key not in store.keys]
        others = {other for store in lacking if (other := _counterpart(known, store, partial))}
        for other in sorted(others):
            if frozenset({key, other}) not in reported:
                reported.add(frozenset({key, other}))
                yield _pair(key, other, parts, holders)
        if not others:
            yield (
                f"{_model(key, known)}: {_names(holders[key])} {'has' if len(holders[key]) == 1 else 'have'} "
                f"predictions with a key that {_names(lacking)} {'does' if len(lacking) == 1 else 'do'} not have"
            )


def _counterpart(known: Parts | None, store: MergedStore, partial: Mapping[str, Parts | None]) -> str | None:
    """The key of the same model in another store that differs in the fewest parts."""
    if known is None:
        return None
    alike = {key: other for key, other in store.keys.items() if key in partial and other and _is_alike(known, other)}
    return min(alike, key=lambda key: len(list(unlike(known, "", alike[key] or {}, ""))), default=None)


def _is_alike(one: Parts, other: Parts) -> bool:
    return all(one.get(name) == other.get(name) for name in SAME_MODEL)


def _pair(key: str, other: str, parts: Mapping[str, Parts | None], holders: Mapping[str, Sequence[MergedStore]]) -> str:
    first, second = _names(holders[key]), _names(holders[other])
    why = "; ".join(unlike(parts[key] or {}, f"in {first}", parts[other] or {}, f"in {second}"))
    return f"{_model(key, parts[key])}: predictions of {first} and of {second} have different keys: {why}"


def _model(key: str, known: Parts | None) -> str:
    return str(known["arch"]) if known and "arch" in known else f"key {key[:12]}"


def _names(stores: Sequence[MergedStore]) -> str:
    return named([str(store.folder) for store in stores], SHOWN)
