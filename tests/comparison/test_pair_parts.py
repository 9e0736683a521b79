"""imgcls.comparison.pair_parts: one result of two parts, or a refusal that names both files."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from builders import INFO
from imgcls.comparison import pair_parts
from imgcls.comparison.pair_parts import Row
from imgcls.errors import ConfigError
from imgcls.records.evaluation import Failure
from run_parts import make_part

ALL = {"cat/1.png": 0, "cat/2.png": 1, "dog/1.png": 1, "elk/1.png": 0, "elk/2.png": 2}


def _row(file: str, images: Mapping[str, int], **values: Any) -> Row:
    part = make_part(file, images, **values)
    return Row(part.file, part.report.results[0], part.predictions)


def _refused(first: Row, second: Row, why: str) -> None:
    expected = re.escape(f"net on photos is in a.json and in b.json, {why}: leave one of them out")
    with pytest.raises(ConfigError, match=f"^{expected}$"):
        pair_parts.joined(first, second)


def test_equal_predictions_are_taken_once() -> None:
    """The first document's result, in whatever order the second has the images."""
    first = _row("a.json", ALL)
    assert pair_parts.joined(first, _row("b.json", dict(reversed(ALL.items())))) is first


def test_other_predictions_are_refused() -> None:
    """With the images that differ."""
    _refused(_row("a.json", ALL), _row("b.json", {**ALL, "cat/2.png": 2}), "with other predictions of cat/2.png")


@pytest.mark.parametrize("places", [["cat", "dog"], ["1.png"], ["cat/1.png"]], ids=["folders", "images", "one"])
def test_other_images_are_added(places: list[str]) -> None:
    """Every count, accuracy and class is that of all images at once, also where a folder is only in one part."""
    first = {path: best for path, best in ALL.items() if any(place in path for place in places)}
    second = {path: best for path, best in ALL.items() if path not in first}
    joined = pair_parts.joined(_row("a.json", first), _row("b.json", second))
    whole = _row("all.json", ALL).result
    assert joined.result == replace(whole, overall_top5=(), notes=(pair_parts.OVERALL,))
    assert {p.path: p for p in joined.predictions or ()} == {p.path: p for p in _row("", ALL).predictions or ()}


def test_some_common_images_are_refused() -> None:
    """Neither the same result nor a part of it."""
    first, second = (dict(list(ALL.items())[place : place + 3]) for place in (0, 2))
    why = r"and of their images (3 and 3) only 1 are the same"
    _refused(_row("a.json", first), _row("b.json", second), why)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"labels": "other"}, "with another labels_sha256: labels_sha256 list and other"),
        ({"facts": replace(INFO, runtime="compile")}, "with another runtime: runtime eager and compile"),
        (
            {"facts": replace(INFO, state_sha256="ef" * 32)},
            "with another set of weights: weights cdcdcdcd and efefefef",
        ),
    ],
)
def test_other_settings_are_refused(values: Mapping[str, object], why: str) -> None:
    """Also where the images are others: the two are not parts of one run."""
    _refused(_row("a.json", {"cat/1.png": 0}), _row("b.json", {"cat/2.png": 0}, **values), why)


def test_other_classes_of_a_folder_are_refused() -> None:
    """The same prediction would be right in one part and wrong in the other."""
    second = _row("b.json", {"cat/2.png": 0}, accepted={"cat": (1,)})
    _refused(_row("a.json", {"cat/1.png": 0}), second, "and other classes are right for a folder")


def test_a_failure_is_not_mended_by_another_document() -> None:
    """Which of them counts is for the user to say; two failures are one."""
    failed = _row("b.json", ALL, failure=Failure(1, "NaN"))
    _refused(_row("a.json", ALL), failed, "and failed in b.json")
    assert pair_parts.joined(failed, failed) is failed


def test_without_predictions_counts_decide() -> None:
    """The same counts are the same result, others are refused with what would help."""
    whole = _row("a.json", ALL)
    bare = replace(_row("b.json", ALL), predictions=None)
    assert pair_parts.joined(bare, whole) is whole
    other = replace(_row("b.json", {"cat/9.png": 0}), predictions=None)
    why = "with other counts; parts of its images are joined where no json-summary left them out"
    _refused(whole, other, why)
