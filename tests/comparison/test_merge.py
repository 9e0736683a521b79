"""imgcls.comparison.merge: several documents become one run, and what is not of one run is refused in one line."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from builders import INFO
from imgcls.comparison import merge
from imgcls.comparison.merge import MergedRun
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.records.data import Rejection
from imgcls.records.evaluation import Failure
from run_parts import make_part

IMAGES = {"cat/1.png": 0, "cat/2.png": 1, "dog/1.png": 1}
PAIRS = [("net", "photos"), ("vit", "photos"), ("net", "scans")]


def _joined(*parts: Part) -> MergedRun:
    return merge.joined(parts, PAIRS, Path("imgcls.toml"))


def test_models_and_datasets_of_several_parts_are_one_run() -> None:
    """In the order of the configuration, whatever that of the files."""
    parts = [
        make_part("c.json", IMAGES, dataset="scans"),
        make_part("b.json", IMAGES, model="vit"),
        make_part("a.json", IMAGES),
    ]
    run = _joined(*parts)
    assert [(result.model, result.dataset) for result in run.report.results] == PAIRS
    assert [files.dataset for files in run.report.datasets] == ["photos", "scans"]
    assert run.report.complete
    assert run.report.selection.complete
    assert [(p.model, p.dataset) for p in run.predictions()] == [pair for pair in PAIRS for _ in IMAGES]


def test_what_is_missing_is_left_out() -> None:
    """The joined run is itself a part, which is named so inside."""
    selection = _joined(make_part("a.json", IMAGES)).report.selection
    assert (selection.complete, selection.left_out) == (False, (("vit", "photos"), ("net", "scans")))


def test_models_of_several_parts_are_told_apart_as_those_of_one() -> None:
    """On the images of both; a model that failed is in no test."""
    failed = make_part("b.json", IMAGES, model="vit", failure=Failure(1, "NaN"))
    assert list(_joined(make_part("a.json", IMAGES), failed).pairwise_tests()) == []
    [test] = _joined(
        make_part("a.json", IMAGES), make_part("b.json", dict.fromkeys(IMAGES, 1), model="vit")
    ).pairwise_tests()
    assert (test.first, test.second, test.images, test.first_only, test.second_only) == ("net", "vit", 3, 1, 0)


def test_a_part_that_was_cut_short_makes_the_whole_so() -> None:
    """A run is complete only where all its parts are."""
    part = make_part("b.json", IMAGES, model="vit")
    assert not _joined(
        make_part("a.json", IMAGES), replace(part, report=replace(part.report, complete=False))
    ).report.complete


def test_a_rejected_file_is_rejected_once() -> None:
    """Every model's part has it."""
    rejection = Rejection("photos", "cat/3.png", "truncated", "image file is truncated")
    parts = [make_part(f"{model}.json", IMAGES, model=model) for model in ("net", "vit")]
    parts = [replace(part, report=replace(part.report, rejections=(rejection,))) for part in parts]
    assert _joined(*parts).report.rejections == (rejection,)


def test_platforms_may_differ() -> None:
    """Predictions do not depend on the kernel that a job happened to run on."""
    parts = [make_part("a.json", IMAGES), make_part("b.json", IMAGES, model="vit")]
    places = ["Linux-6.1", "Linux-6.2"]
    parts = [_in_environment(part, {"platform": place}) for part, place in zip(parts, places, strict=True)]
    assert _joined(*parts).report.environment["platform"] == "Linux-6.1; Linux-6.2"


def _in_environment(part: Part, values: Mapping[str, str]) -> Part:
    return replace(part, report=replace(part.report, environment={**part.report.environment, **values}))


def test_without_predictions_nothing_asks_for_them_but_what_needs_them() -> None:
    """The file that has none is named where they are needed."""
    run = _joined(replace(make_part("a.json", IMAGES), predictions=None), make_part("b.json", IMAGES, model="vit"))
    assert [result.top1_count for result in run.report.results] == [2, 2]
    assert list(run.pairwise_tests()) == []
    with pytest.raises(
        ConfigError, match=r"a\.json: it holds no predictions; write it without the option json-summary"
    ):
        run.as_run()


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (
            make_part("b.json", IMAGES, dataset="scans", facts=replace(INFO, state_sha256="ef" * 32)),
            (
                r"net on photos in a\.json and net on scans in b\.json are not of one run, with another set of "
                "weights: weights cdcdcdcd and efefefef"
            ),
        ),
        (
            make_part("b.json", IMAGES, model="vit", facts=replace(INFO, device="cuda")),
            (
                r"net on photos in a\.json and vit on photos in b\.json are not of one run, with another device: "
                "device cpu and cuda"
            ),
        ),
        (
            _in_environment(make_part("b.json", IMAGES, model="vit"), {"torch": "1.0"}),
            r"a\.json is of torch [\d.+a-z]+ and b\.json of 1\.0: one run has the same versions everywhere",
        ),
        (
            make_part("b.json", IMAGES, model="old"),
            r"b\.json has old on photos, and imgcls\.toml does not: name the configuration of .* with --config FILE",
        ),
    ],
    ids=["weights", "device", "versions", "configuration"],
)
def test_what_is_not_of_one_run_is_refused(second: Part, why: str) -> None:
    """In one line that names both files and what differs."""
    with pytest.raises(ConfigError, match=f"^{why}$"):
        _joined(make_part("a.json", IMAGES), second)
