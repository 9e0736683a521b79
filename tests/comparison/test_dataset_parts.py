"""imgcls.comparison.dataset_parts: what happened to the files of a dataset, whoever scored which of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from imgcls.comparison import dataset_parts
from imgcls.comparison.pair_parts import Row
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.records.report import DatasetFiles
from run_parts import make_part

CATS, DOGS = {"cat/1.png": 0, "cat/2.png": 1}, {"dog/1.png": 1}


def _joined(parts: Sequence[Part]) -> DatasetFiles:
    [files] = dataset_parts.joined(parts, [_row(part) for part in parts])
    return files


def _row(part: Part) -> Row:
    return Row(part.file, part.report.results[0], part.predictions)


def _with_files(part: Part, **values: Any) -> Part:
    files = replace(part.report.datasets[0], **values)
    return replace(part, report=replace(part.report, datasets=(files,)))


def test_models_in_several_parts_have_the_files_once() -> None:
    """Every count is that of one dataset, and every note stands once."""
    notes = ("a guess",)
    parts = [_with_files(make_part(f"{m}.json", CATS, model=m), rejected=1, notes=notes) for m in ("net", "vit")]
    assert _joined(parts) == parts[0].report.datasets[0]


def test_parts_of_the_images_are_added() -> None:
    """Also where each part has several models."""
    parts = [
        _with_files(
            make_part(f"{model}.json", images, model=model),
            rejected=1, ignored_suffixes={".txt": 2}, remarks={"is grey": 1}, notes=(note,), empty_classes=empty,
        )
        for images, note, empty in ((CATS, "cats", ("elk",)), (DOGS, "dogs", ("cat", "elk")))
        for model in ("net", "vit")
    ]  # fmt: skip
    joined = dataset_parts._by_images("photos", parts)
    assert [len(of_images) for of_images in joined] == [2, 2]
    [files] = dataset_parts.joined(parts, [_row(parts[0]), _row(parts[1])])
    assert (files.listed, files.scored, files.rejected) == (3, 3, 2)
    assert (files.ignored_suffixes, files.remarks) == ({".txt": 4}, {"is grey": 2})
    assert (files.notes, files.empty_classes) == (("cats", "dogs"), ("elk",))


def test_models_with_other_images_are_refused() -> None:
    """They would be compared with each other; both files are named."""
    parts = [make_part("a.json", CATS), make_part("b.json", {**CATS, **DOGS}, model="vit")]
    expected = (
        r"photos is not the same in a\.json and b\.json: net has 2 images and vit 3, 2 of them the same; "
        "score all models on the same images"
    )
    with pytest.raises(ConfigError, match=expected):
        _joined(parts)


def test_images_that_were_turned_in_one_part_are_refused() -> None:
    """Orientations were applied for one model and ignored for the other."""
    turned = make_part("b.json", CATS, model="vit")
    result = replace(turned.report.results[0], exif="apply")
    turned = replace(turned, report=replace(turned.report, results=(result,)))
    expected = r"photos is not the same in a\.json and b\.json, with another exif: exif ignore and apply"
    with pytest.raises(ConfigError, match=expected):
        _joined([make_part("a.json", CATS), turned])


def test_an_image_that_changed_is_another_one() -> None:
    """Paths are the same, and bytes are not."""
    part = make_part("b.json", CATS, model="vit")
    changed = replace(part, predictions=tuple(replace(p, image_sha256="0" * 64) for p in part.predictions or ()))
    with pytest.raises(ConfigError, match="net has 2 images and vit 2, 0 of them the same"):
        _joined([make_part("a.json", CATS), changed])
