"""The five best classes of every image, with its thumbnail, and of the whole set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from imgcls.messages import spelled
from imgcls.records.comparison import Prediction
from imgcls.records.report import Result
from imgcls.reporting.lab import marks
from imgcls.reporting.lab.contents import Contents
from imgcls.reporting.lab.marks import Markup

IMAGES_SHOWN = 200  # docs/decisions.md#a-report-to-hand-in

FIVE = range(5)


def overall(contents: Contents) -> Iterator[str]:
    """The set's five classes by the mean of their probability over all images, a column for each model."""
    results = [result for result in contents.results if result.overall_top5]
    if not results:
        return
    yield (
        "The classes with the highest probability on average over all images (class number, name, mean probability):\n"
    )
    for group in contents.abreast():
        yield _table(contents, {result.model: _cells(result.overall_top5, ()) for result in group})


def of_images(contents: Contents) -> Iterator[str]:
    """A table for each image, a column for each model."""
    images = by_path(contents.predictions)
    shown = chosen(list(images))
    if not shown:
        return
    bold = " In bold: right for the folder that the image lies in." if contents.has_accuracy else ""
    yield f"Class number, name and probability of the five best classes by each model.{bold}\n"
    if len(shown) < len(images):
        yield (
            f"{len(shown)} of {len(images):,} images are shown, evenly spread; the predictions of all are in "
            "result.json.\n"
        )
    for path in shown:
        yield from _of_image(contents, path, images[path])


def by_path(predictions: Sequence[Prediction]) -> dict[str, dict[str, Prediction]]:
    """The prediction of each model for each image, in the order given."""
    images: dict[str, dict[str, Prediction]] = {}
    for prediction in predictions:
        images.setdefault(prediction.path, {})[prediction.model] = prediction
    return images


def chosen(paths: Sequence[str]) -> Sequence[str]:
    """Up to :data:`IMAGES_SHOWN` images, evenly spread."""
    step = -(-len(paths) // IMAGES_SHOWN)
    return paths[::step] if step else paths


def _of_image(contents: Contents, path: str, of_models: Mapping[str, Prediction]) -> Iterator[str]:
    first = next(iter(of_models.values()))
    thumbnail = contents.thumbnails.get(first.image_sha256)
    yield marks.paragraph(*([marks.image(path, thumbnail)] if thumbnail else []), spelled(path))
    for group in contents.abreast():
        columns = {r.model: _cells(of_models[r.model].top, _right(r, first)) for r in group if r.model in of_models}
        if columns:
            yield _table(contents, columns)


def _right(result: Result, prediction: Prediction) -> Sequence[int]:
    """The classes that are right for the image."""
    return () if prediction.label is None else result.accepted.get(prediction.label, ())


def _cells(top: Sequence[tuple[int, str, float]], right: Sequence[int]) -> list[str]:
    cells = ((index, f"{index} {spelled(name)} {probability:.4f}") for index, name, probability in top)
    return [marks.strong(text) if index in right else text for index, text in cells]


def _table(contents: Contents, columns: Mapping[str, list[str]]) -> str:
    """A row for each place among the five best; a network with fewer classes has fewer."""
    names = [contents.name(model) for model in columns]
    places = [place for place in FIVE if any(place < len(cells) for cells in columns.values())]
    rows = [
        [str(place + 1), *(cells[place] if place < len(cells) else Markup("") for cells in columns.values())]
        for place in places
    ]
    return marks.table(["rank", *names], names, rows)
