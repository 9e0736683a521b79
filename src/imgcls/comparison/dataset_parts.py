"""What happened to the files of a dataset, of which several parts of a run scored all images or some of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from imgcls import messages
from imgcls.comparison.pair_parts import Row
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.performance import conditions
from imgcls.records.report import DatasetFiles

Images = set[tuple[str, str | None]]
"""Images by path and label."""

COUNTS = ("listed", "scored", "rejected", "ignored")


def joined(parts: Sequence[Part], rows: Sequence[Row]) -> tuple[DatasetFiles, ...]:
    """The files of every dataset. Raises ConfigError where models were scored on other images of one dataset."""
    return tuple(
        files
        for dataset in dict.fromkeys(row.result.dataset for row in rows)
        if (files := _joined(dataset, parts, [row for row in rows if row.result.dataset == dataset]))
    )


def _joined(dataset: str, parts: Sequence[Part], rows: Sequence[Row]) -> DatasetFiles | None:
    _check_images(dataset, rows)
    of_images = [_union(files) for files in _by_images(dataset, parts)]
    if not of_images:
        return None
    total = _sum(of_images)
    scored = {label for row in rows for label, score in row.result.classes.items() if score.scored}
    return replace(total, empty_classes=tuple(label for label in total.empty_classes if label not in scored))


def _check_images(dataset: str, rows: Sequence[Row]) -> None:
    """Every model that was scored to the end has the same images, read in the same way."""
    whole = [row for row in rows if not (row.result.failure or row.result.unscored or row.lacks)]
    for row in whole[1:]:
        first = whole[0]
        if unlike := conditions.unlike(first.result, row.result, ("exif",)):
            raise ConfigError(f"{dataset} is not the same in {first.file} and {row.file}, with {unlike}")
        if row.predictions is None or first.predictions is None:
            same = row.result.scored == first.result.scored
        else:
            same = _hashes(row) == _hashes(first)
        if not same:
            raise ConfigError(
                f"{dataset} is not the same in {first.file} and {row.file}: {first.result.model} has "
                f"{messages.counted(first.result.scored, 'image')} and {row.result.model} {row.result.scored}, "
                f"{len(_hashes(row) & _hashes(first))} of them the same; score all models on the same images"
            )


def _hashes(row: Row) -> set[tuple[str, str, str | None]]:
    return {(prediction.path, prediction.image_sha256, prediction.label) for prediction in row.predictions or ()}


def _by_images(dataset: str, parts: Sequence[Part]) -> list[list[DatasetFiles]]:
    """What the parts state of a dataset, together where they are about the same images."""
    groups: list[tuple[Images, list[DatasetFiles]]] = []
    for part in (part for part in parts if part.report.shard is None):
        images = {(p.path, p.label) for p in part.predictions or () if p.dataset == dataset}
        for files in (files for files in part.report.datasets if files.dataset == dataset):
            group = next((g for g in groups if not (images and g[0]) or images & g[0]), None)
            if group is None:
                groups.append((images, [files]))
            else:
                group[0].update(images)
                group[1].append(files)
    whole, sharded = [of_images for _, of_images in groups], _by_shards(dataset, parts)
    return [[*sharded, *(files for of_images in whole for files in of_images)]] if sharded else whole


def _by_shards(dataset: str, parts: Sequence[Part]) -> list[DatasetFiles]:
    """The sum over all shards of a dataset, for each number of shards."""
    by_count: dict[int, dict[int, list[DatasetFiles]]] = {}
    for part in parts:
        if shard := part.report.shard:
            of_number = by_count.setdefault(shard.count, {}).setdefault(shard.number, [])
            of_number += [files for files in part.report.datasets if files.dataset == dataset]
    _check_paths(dataset, parts)
    sums = [[_union(files) for files in by_number.values() if files] for by_number in by_count.values()]
    return [_sum(of_count) for of_count in sums if of_count]


def _check_paths(dataset: str, parts: Sequence[Part]) -> None:
    """Raise ConfigError where two shards listed other paths: files were added, removed or renamed between them."""
    listed = [
        (part, files.all_paths)
        for part in parts
        for files in part.report.datasets
        if part.report.shard and files.dataset == dataset and files.all_paths
    ]
    for part, paths in listed:
        first, first_paths = listed[0]
        if paths != first_paths:
            counts = " and ".join(of.partition(" ")[0] for of in (first_paths, paths))
            raise ConfigError(
                f"{dataset} is not the same in {first.file} ({first.report.shard}) and {part.file} "
                f"({part.report.shard}): files were added, removed or renamed between the two, which listed {counts}; "
                "score all shards again on one state of it"
            )


def _union(of_same_images: Sequence[DatasetFiles]) -> DatasetFiles:
    """A model that failed scored fewer, so the most is what there is."""
    remarks: Counter[str] = Counter()
    for files in of_same_images:
        remarks |= Counter(files.remarks)
    counts = {name: max(getattr(files, name) for files in of_same_images) for name in COUNTS}
    return replace(_texts(of_same_images), **counts, remarks=dict(sorted(remarks.items())))


def _sum(of_other_images: Sequence[DatasetFiles]) -> DatasetFiles:
    counts = {name: sum(getattr(files, name) for files in of_other_images) for name in COUNTS}
    remarks = sum((Counter(files.remarks) for files in of_other_images), Counter[str]())
    suffixes = sum((Counter(files.ignored_suffixes) for files in of_other_images), Counter[str]())
    return replace(
        _texts(of_other_images),
        **counts,
        all_paths=None,
        remarks=dict(sorted(remarks.items())),
        ignored_suffixes=suffixes,
    )


def _texts(of: Sequence[DatasetFiles]) -> DatasetFiles:
    """The first, with the empty classes and the notes of all."""
    empty = tuple(sorted({label for files in of for label in files.empty_classes}))
    notes = tuple(dict.fromkeys(note for files in of for note in files.notes))
    return replace(of[0], empty_classes=empty, notes=notes)
