"""Reads what services return for an image: the best classes in the forms in which people send them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imgcls.data import wordnet
from imgcls.data.labels import Lookup
from imgcls.errors import ModelError
from imgcls.serving.evidence import Served

WRAPPERS = ("predictions", "prediction", "results", "result", "outputs", "output", "data", "top_k", "topk", "classes")

NAMES = ("wnid", "label", "class_name", "class", "name", "category")

INDICES = ("class_id", "class_index", "index", "id", "label_id")

SCORES = ("score", "probability", "confidence", "prob", "value")

LISTS = ("labels", "classes", "class_names", "names", "class_ids", "indices", "index")

SCORE_LISTS = ("scores", "probabilities", "confidences", "probs", "values", "logits")

UNDERSTOOD = (
    'understood are a list of {"label" or "class" or "index": …, "score" or "probability": …}, also under '
    '"predictions", {"labels": […], "scores": […]}, [[label, score], …], {label: score, …}, and a number for each class'
)


class Entry(NamedTuple):
    """One class of a response: what may name it, the likeliest first, and its score."""

    keys: tuple[Any, ...]
    score: float | None


def entries(document: Any, classes: int) -> list[Entry]:
    """The classes of a response; ``classes``: how many the network has. Raises ModelError, with its shape."""
    found = _of_mapping(document, classes) if isinstance(document, Mapping) else _of_list(document, classes)
    if not found:
        raise ModelError(f"it returned {_shape(document)}; {UNDERSTOOD}")
    return found


def _of_mapping(document: Mapping[str, Any], classes: int) -> list[Entry]:
    if single := _of_item(document):
        return [single]
    scores = next(filter(_is_numbers, (_of_one(document.get(key)) for key in SCORE_LISTS)), None)
    names = next(filter(_is_keys, (_of_one(document.get(key)) for key in LISTS)), None)
    if names is not None:
        paired = scores if scores is not None and len(scores) == len(names) else [None] * len(names)
        return [Entry((name,), score) for name, score in zip(names, paired, strict=True)]
    if scores is not None:
        return _of_list(scores, classes)
    for key in WRAPPERS:
        if isinstance(document.get(key), list | Mapping):
            return entries(document[key], classes)
    if document and all(map(_is_number, document.values())):
        return [Entry((name,), float(score)) for name, score in document.items()]
    return []


def _of_list(items: Any, classes: int) -> list[Entry]:
    if not isinstance(items, list) or not items:
        return []
    items = _of_one(items)
    if _is_numbers(items) and len(items) == classes:
        return [Entry((number,), float(score)) for number, score in enumerate(items)]
    if _is_keys(items):
        return [Entry((key,), None) for key in items]
    if len(items) == 1 and isinstance(items[0], Mapping):
        return _of_mapping(items[0], classes)
    read = [_of_item(item) if isinstance(item, Mapping) else _of_pair(item) for item in items]
    return [entry for entry in read if entry] if all(read) else []


def _of_one(value: Any) -> Any:
    """What a batch of one holds; anything else as it is."""
    is_batch = isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) and not _is_pair(value[0])
    return value[0] if is_batch else value


def _of_item(item: Mapping[str, Any]) -> Entry | None:
    """One class, by its name and its number."""
    keys = tuple(item[key] for key in (*NAMES, *INDICES) if isinstance(item.get(key), str | int))
    scores = [float(item[key]) for key in SCORES if _is_number(item.get(key))]
    return Entry(keys, scores[0] if scores else None) if keys else None


def _of_pair(item: Any) -> Entry | None:
    """``[label, score]``, and Keras's ``[wnid, label, score]``."""
    return Entry(tuple(item[:-1]), float(item[-1])) if _is_pair(item) else None


def _is_pair(item: Any) -> bool:
    is_list = isinstance(item, list) and len(item) in {2, 3} and _is_number(item[-1])
    return is_list and all(isinstance(key, str) for key in item[:-1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_number, value))


def _is_keys(value: Any) -> bool:
    """Whether these are names or numbers of classes."""
    return isinstance(value, list) and bool(value) and all(isinstance(key, str | int) for key in value)


def _shape(document: Any) -> str:
    text = json.dumps(document, ensure_ascii=False)
    kind = (
        f"an object with the keys {', '.join(map(str, list(document)[:5]))}" if isinstance(document, Mapping) else text
    )
    return kind if len(kind) <= 120 else f"{kind[:120]}…"


class Matched(NamedTuple):
    """``served``: None where no class of a response is one of the network; ``unknown``: the names that are not."""

    served: Served | None
    unknown: tuple[str, ...]


def matched(read: Sequence[Entry], lookup: Lookup, reference: npt.NDArray[np.float64]) -> Matched:
    """The classes of a response by their numbers in the network.

    ``reference``: its probabilities, by which one of several classes of the same name is chosen.
    """
    rows, unknown = list[tuple[int, float | None]](), list[str]()
    for entry in read:
        meant = next((classes for key in entry.keys if (classes := _classes(key, lookup, len(reference)))), None)
        if meant:
            rows.append((max(meant, key=lambda index: reference[index]), entry.score))
        else:
            unknown.append(" ".join(map(str, entry.keys)))
    if not rows:
        return Matched(None, tuple(unknown))
    indices, scores = tuple(index for index, _ in rows), [score for _, score in rows if score is not None]
    return Matched(Served(indices, tuple(scores) if len(scores) == len(rows) else None), tuple(unknown))


def _classes(key: Any, lookup: Lookup, count: int) -> set[int]:
    """The classes that a key may mean: its number, its WordNet id, its name, or a word for the same thing."""
    if isinstance(key, str) and (named := lookup.find(key, "auto")):
        return named
    if str(key).isdecimal() and int(key) < count:
        return {int(key)}
    meanings = wordnet.table().meanings(key) if isinstance(key, str) and lookup.by_wnid else []
    return {lookup.by_wnid[wnid] for wnid in meanings if wnid in lookup.by_wnid}
