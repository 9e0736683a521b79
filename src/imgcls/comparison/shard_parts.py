"""Shards of a run, each in a document of its own: joined where all of them are there once, and named where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imgcls.comparison import pair_parts
from imgcls.comparison.pair_parts import ADDED, SAME, Row
from imgcls.comparison.parts import Part
from imgcls.data import shards
from imgcls.errors import ConfigError
from imgcls.performance import conditions
from imgcls.records.comparison import Prediction
from imgcls.records.shards import Shard

Pair = tuple[str, str]


def check(parts: Sequence[Part]) -> None:
    """Raise ConfigError where a pair has shards of several numbers of shards, or is also whole in a document."""
    for (model, dataset), of_pair in _by_pair(parts).items():
        first, *others = of_pair
        for other in others:
            if _count(first) != _count(other):
                raise ConfigError(
                    f"{model} on {dataset}: {_words(first)} and {_words(other)} are not parts of one run: "
                    "leave one of them out"
                )


def _by_pair(parts: Sequence[Part]) -> Mapping[Pair, list[Part]]:
    result: dict[Pair, list[Part]] = {}
    for part in parts:
        for pair in {(row.model, row.dataset) for row in part.report.results}:
            result.setdefault(pair, []).append(part)
    return result


def _count(part: Part) -> int | None:
    return part.report.shard.count if part.report.shard else None


def _words(part: Part) -> str:
    return f"{part.file} ({part.report.shard or 'all of its images'})"


def lacks(pair: Pair, parts: Sequence[Part]) -> str:
    """Why the shards of a pair are not the whole of it: which are missing, and which are there several times."""
    files: dict[int, list[Path]] = {}
    of_pair = _by_pair(parts)[pair]
    for part in of_pair:
        if part.report.shard:
            files.setdefault(part.report.shard.number, []).append(part.file)
    count = next((count for part in of_pair if (count := _count(part))), 0)
    missing = set(range(1, count + 1)) - files.keys()
    reasons = []
    if missing:
        verb, word = ("is", "it") if len(missing) == 1 else ("are", "them")
        reasons.append(f"{shards.named(missing, count)} {verb} missing: merge {word} as well")
    for number, of_number in sorted(files.items()):
        if len(of_number) > 1:
            places = " and in ".join(map(str, of_number))
            reasons.append(f"{Shard(number, count)} is in {places}: leave one of them out")
    return "; ".join(reasons)


def joined(first: Row, second: Row) -> Row:
    """The result of both. Raises ConfigError, naming both files, where they are not of one run."""
    if first.result.failure or second.result.failure:
        return _failed(first, second)
    again = "run one of the shards again as the other, or both with one --plan"
    if unlike := conditions.unlike(first.result, second.result, SAME):
        pair_parts.refuse(first, second, f"with {unlike}", again)
    if first.result.prediction_key != second.result.prediction_key:
        keys = " and ".join(str(row.result.prediction_key)[:8] for row in (first, second))
        way = f"`imgcls store merge` of their stores names what differs; {again}"
        pair_parts.refuse(first, second, f"with different prediction keys ({keys})", way)
    if first.predictions is None or second.predictions is None:
        without = first if first.predictions is None else second
        raise ConfigError(f"{without.file}: shards are joined image by image: write it without json-summary")
    both = pair_parts.of_both(first, second)
    _check_copies(both)
    return replace(both, shard=first.shard)


def _failed(first: Row, second: Row) -> Row:
    """Of the whole there are no scores where a model failed in one shard."""
    failed, other = (first, second) if first.result.failure else (second, first)
    counts = {name: getattr(failed.result, name) + getattr(other.result, name) for name in ADDED}
    counts |= {"scored": 0, "unscored": counts["unscored"] + counts["scored"]}
    return replace(failed, result=replace(failed.result, **counts), predictions=())


def _check_copies(row: Row) -> None:
    """Raise ConfigError for the same bytes under two labels or in groups, of which no shard by itself can see all."""
    first_of: dict[str, Prediction] = {}
    for prediction in row.predictions or ():
        first = first_of.setdefault(prediction.image_sha256, prediction)
        if first.label != prediction.label:
            raise ConfigError(
                f"{row.title}: the same bytes have two labels, {first.path} is {first.label!r} and {prediction.path} "
                f"is {prediction.label!r}: remove the file that is wrong; where the dataset allows duplicates, merge "
                "the stores (imgcls store merge) and score the whole"
            )
        if first.path != prediction.path and (first.group or prediction.group):
            raise ConfigError(
                f"{row.title}: {first.path} and {prediction.path} have the same bytes, so that their groups are one, "
                "and no shard knows all groups: merge the stores (imgcls store merge) and score the whole"
            )
