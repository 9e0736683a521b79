"""imgcls.comparison.saved_run: a result document is a run that can be compared with, or it is refused by name."""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgcls import hashing
from imgcls.comparison import compare, current_run, saved_run
from imgcls.errors import ConfigError
from imgcls.evaluation import results
from imgcls.records.comparison import Prediction, RunSetup, SavedRun, ScoredModel
from imgcls.records.config import InputSpec
from imgcls.records.data import ImageRef, LabelList
from imgcls.records.evaluation import ClassProbability, DatasetOutcome, ModelInfo, Output, PairOutcome, Scores
from imgcls.records.report import Report
from imgcls.reporting import result_document
from imgcls.store.database import Store
from imgcls.store.runs import list_key

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(256, (224, 224), "center", "bilinear", HALF, HALF)
FACTS = ModelInfo("eager", "float32", "cpu", INPUT, "ab" * 32, "cd" * 32, 1_248_424, 0.875, 4_993_696)
NAMES = LabelList("five", ("cat", "dog", "elk", "fox", "gnu"))

CONTRACT: Mapping[str, Any] = {
    "format": 1,
    "made_at": "2026-01-02T03:04:05+00:00",
    "complete": True,
    "environment": {"torch": "2.10"},
    "passes": [],
    "results": [
        {
            "model": "net", "dataset": "photos", "runtime": "eager", "precision": "float32", "device": "cpu",
            "input": "resize(256, bilinear)", "weights_file_sha256": None, "state_sha256": "cd", "param_count": 1.25,
            "listed": 2, "scored": 2, "rejected": 0, "ignored": 0, "unscored": 0,
            "top1_count": 1, "top5_count": 2, "top1": 50, "top1_err": 50, "top1_low": 9.5, "top1_high": 90.5,
            "top5": 100, "top5_err": 0, "top5_low": 34.2, "top5_high": 100,
            "overall_top5": [[0, "cat", 0.5]], "img_size": 224, "crop_pct": 0.875, "interpolation": "bilinear",
            "images_per_second": 7.5, "from_store": 0, "verdicts": [],
        }
    ],
    "rejections": [],
    "predictions": [
        {
            "model": "net", "dataset": "photos", "path": "cat/a.jpg", "image_sha256": "a", "label": "cat",
            "top": [[0, "cat", 0.93], [1, "dog", 1]],
        },
        {
            "model": "net", "dataset": "photos", "path": "b.jpg", "image_sha256": "b", "label": None,
            "top": [[1, "dog", 0.5]],
        },
    ],
}  # fmt: skip


def _written(folder: Path, document: object) -> Path:
    file = folder / "main.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def _refused(file: Path, expected: str) -> None:
    """The message is the file, as it was named, and then this."""
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{file}: ')}{expected}$"):
        saved_run.read(file)


# What is read.


def test_the_keys_of_the_contract_are_enough(tmp_path: Path) -> None:
    """A document of another program, which knows nothing of our further keys, is a whole run."""
    name = "main.json of 2026-01-02T03:04:05+00:00"
    setup = RunSetup("net", "photos", "eager", "float32", "cpu", "resize(256, bilinear)", state_sha256="cd")
    both = (ClassProbability(0, "cat", 0.93), ClassProbability(1, "dog", 1.0))
    predictions = {
        ("a", "cat"): Prediction("net", "photos", "cat/a.jpg", "a", "cat", both),
        ("b", None): Prediction("net", "photos", "b.jpg", "b", None, (ClassProbability(1, "dog", 0.5),)),
    }
    assert saved_run.read(_written(tmp_path, CONTRACT)) == SavedRun(
        name, {("net", "photos"): ScoredModel(name, {"torch": "2.10"}, setup, predictions)}
    )


def test_details_may_be_missing(tmp_path: Path) -> None:
    """Time and versions are not needed for a comparison."""
    bare = {key: CONTRACT[key] for key in ("format", "complete", "results", "predictions")}
    run = saved_run.read(_written(tmp_path, bare))
    assert run.name == "main.json of unknown time"
    assert run.scored["net", "photos"].environment == {}


def test_the_same_image_listed_twice_is_one_prediction(tmp_path: Path) -> None:
    """The first path stands for all of them; another label is another key."""
    first = CONTRACT["predictions"][0]
    twice = [first, {**first, "path": "cat/copy.jpg"}, {**first, "label": "dog", "path": "dog/a.jpg"}]
    run = saved_run.read(_written(tmp_path, {**CONTRACT, "predictions": twice}))
    assert {key: p.path for key, p in run.scored["net", "photos"].predictions.items()} == {
        ("a", "cat"): "cat/a.jpg",
        ("a", "dog"): "dog/a.jpg",
    }


def test_predictions_belong_to_their_pair(tmp_path: Path) -> None:
    """Each model and dataset has its own, and a result without any has none."""
    [result], [first, second] = CONTRACT["results"], CONTRACT["predictions"]
    document = {
        **CONTRACT,
        "results": [result, {**result, "model": "vit"}, {**result, "dataset": "digits"}],
        "predictions": [first, {**second, "model": "vit"}],
    }
    run = saved_run.read(_written(tmp_path, document))
    assert {pair: [p.path for p in side.predictions.values()] for pair, side in run.scored.items()} == {
        ("net", "photos"): ["cat/a.jpg"],
        ("vit", "photos"): ["b.jpg"],
        ("net", "digits"): [],
    }


# Round trip.


def _run(store: Store, run: str, best: Mapping[str, Sequence[int]]) -> DatasetOutcome:
    """A run, with a prediction key of its own, in which each image of ``cat`` had these classes, best first."""
    outputs = [
        (image * 64, Output(tuple((index, -float(place)) for place, index in enumerate(classes)), 1.0, (0.5,) * 12))
        for image, classes in best.items()
    ]
    scores = Scores("net", "photos", listed=len(best), scored=len(best), distinct=len(best))
    key = hashing.of_json(run)
    pair = PairOutcome(scores, FACTS, None, key, list_key(NAMES), {"cat": (0, 4)})
    outcome = DatasetOutcome("photos", "ignore", True, (), (pair,), ())
    store.put({key: (5, outputs)})
    images = [ImageRef(f"cat/{image} ü\n.jpg", Path(image), image * 64, "cat") for image in best]
    store.put_outcome(run, outcome, images, [NAMES])
    return outcome


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store in memory."""
    opened = Store(None)
    yield opened
    opened.close()


def _saved(store: Store, key: str, outcome: DatasetOutcome, file: Path) -> Report:
    made = result_document.build([outcome], {}, complete=True)
    result_document.save(file, made, results.predictions(store, key, [outcome]))
    return made


def test_a_run_comes_back_as_it_was_saved(tmp_path: Path, store: Store) -> None:
    """What is read from the document is what was compared in memory, the run's name aside."""
    outcome = _run(store, "old", {"a": (0, 1, 2), "b": (3, 4)})
    file = tmp_path / "main.json"
    made = _saved(store, "old", outcome, file)

    run, expected = saved_run.read(file), current_run.scored(store, "old", [outcome])

    name = f"main.json of {made.made_at}"
    assert (run.name, list(run.scored)) == (name, [("net", "photos")])
    assert run.scored["net", "photos"] == replace(expected.scored["net", "photos"], run=name)


@pytest.mark.slow
def test_no_flipped_bit_changes_a_saved_run(tmp_path: Path, store: Store) -> None:
    """Of 2000 faults each is refused in one line; class names were what most of them changed unnoticed."""
    images = {letter: (number % 5, (number + 1) % 5) for number, letter in enumerate("0123")}
    file = tmp_path / "main.json"
    _saved(store, "old", _run(store, "old", images), file)
    whole, data = saved_run.read(file), file.read_bytes()
    draw = random.Random(0)  # noqa: S311 - no secret
    refused = 0
    for _ in range(2000):
        damaged, bit = bytearray(data), draw.randrange(8 * len(data))
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        try:
            assert saved_run.read(file) == whole
        except ConfigError as error:
            refused += "\n" not in str(error)
    assert refused >= 1980


def test_flips_do_not_depend_on_where_a_run_is_read_from(tmp_path: Path, store: Store) -> None:
    """Two runs give the same flips and differences from the store, from one document and from two."""
    old = _run(store, "old", {"a": (0, 1), "b": (3, 4), "c": (2, 0), "d": (1, 2)})
    new = _run(store, "new", {"d": (2, 1), "b": (4, 3), "a": (1, 0), "c": (2, 0)})
    for key, outcome in (("old", old), ("new", new)):
        _saved(store, key, outcome, tmp_path / f"{key}.json")
    memory = [current_run.scored(store, key, [outcome]) for key, outcome in (("old", old), ("new", new))]
    documents = [saved_run.read(tmp_path / f"{key}.json") for key in ("old", "new")]

    before = replace(memory[0], scored={pair: replace(s, run="old") for pair, s in memory[0].scored.items()})
    expected = compare.pair(before, memory[1], "net", "photos")
    comparisons = [compare.pair(documents[0], after, "net", "photos") for after in (memory[1], documents[1])]

    assert [flip.change for flip in expected.flips] == ["right to wrong", "wrong to right", "wrong to otherwise wrong"]
    for comparison in comparisons:
        assert comparison.flips == expected.flips
        assert comparison.differences == expected.differences


def test_a_part_of_a_run_is_read_with_what_it_left_out(tmp_path: Path) -> None:
    """A pair that a part left out is refused as such, another one as unknown."""
    selection = {"complete": False, "left_out": [["vit", "photos"]]}
    run = saved_run.read(_written(tmp_path, {**CONTRACT, "selection": selection}))
    assert run.left_out == (("vit", "photos"),)
    [refusal] = compare.pair(run, run, "vit", "photos").refusals
    assert refusal == (
        f"{run.name} was saved from a part of its configuration, without vit on photos; it has net on photos: "
        "save a run of the whole, or join the saved parts with imgcls merge"
    )
    [refusal] = compare.pair(run, run, "old", "photos").refusals
    assert refusal == f"{run.name} has no old on photos; it has net on photos"


# What is refused.


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    """The message has the next command, for pytest and for the command line."""
    expected = (
        r"there is no saved run of this name; make one with --imgcls-save \S*/main\.json "
        r"\(imgcls score --save \S*/main\.json\) where the model is as it was"
    )
    _refused(tmp_path / "main.json", expected)


def test_a_folder_is_not_a_run(tmp_path: Path) -> None:
    """The message has the words of the system."""
    _refused(tmp_path, "the saved run cannot be read: Is a directory")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Input data was truncated"),
        (b"\x89PNG", "JSON is malformed: .*"),
        (b'{"format": 1, "results": [', "Input data was truncated"),
        (
            b'{"format": 1, "results": [{"model": "\xff"}]}',
            "('utf-8' codec can't decode .*|Invalid UTF-8 encoded string)",
        ),
        (b'{"other": ' + b"[" * 100_000, "maximum recursion depth exceeded.*"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"format": 1}', "Object missing required field `results`"),
        (b'{"format": "1", "results": []}', r"Expected `int`, got `str` - at `\$\.format`"),
        (
            b'{"format": 1, "results": [{"model": "net"}]}',
            r"Object missing required field `dataset` - at `\$\.results\[.*\]`",
        ),
        (
            b'{"format": 1, "results": [], "predictions": [{"model": "net"}]}',
            r"Object missing required field `dataset` - at `\$\.predictions\[.*\]`",
        ),
    ],
)
def test_what_is_not_a_result_document_is_refused_with_the_place(tmp_path: Path, content: bytes, why: str) -> None:
    """Broken JSON, broken text, and JSON of another kind are distinguished."""
    file = tmp_path / "main.json"
    file.write_bytes(content)
    _refused(file, f"not a result document of imgcls: {why}")


@pytest.mark.parametrize("number", [0, 2])
def test_another_format_is_refused(tmp_path: Path, number: int) -> None:
    """Meanings never change within a format, so another one is not guessed at."""
    file = _written(tmp_path, {**CONTRACT, "format": number})
    _refused(file, f"its format is {number}, and this version of imgcls reads 1")


@pytest.mark.parametrize("incomplete", [{**CONTRACT, "complete": False}, {"format": 1, "results": []}])
def test_a_run_that_was_cut_short_is_not_a_baseline(tmp_path: Path, incomplete: Mapping[str, Any]) -> None:
    """A document is complete only where it states so."""
    _refused(_written(tmp_path, incomplete), "the run was cut short .*, so nothing can be compared with it")


@pytest.mark.parametrize(
    "summary", [{**CONTRACT, "predictions": None}, {k: CONTRACT[k] for k in CONTRACT if k != "predictions"}]
)
def test_a_summary_is_not_a_baseline(tmp_path: Path, summary: Mapping[str, Any]) -> None:
    """Flips need predictions, and the option that leaves them out is named."""
    _refused(_written(tmp_path, summary), "it holds no predictions; save the run without the option json-summary")


def test_a_run_without_images_is_not_a_summary(tmp_path: Path) -> None:
    """A document of no predictions is read, one without the key is not."""
    assert saved_run.read(_written(tmp_path, {**CONTRACT, "predictions": []})).scored["net", "photos"].predictions == {}


def test_a_prediction_without_classes_is_refused(tmp_path: Path) -> None:
    """It is named by model and image."""
    empty = {**CONTRACT["predictions"][0], "top": []}
    file = _written(tmp_path, {**CONTRACT, "predictions": [CONTRACT["predictions"][1], empty]})
    _refused(file, r"the prediction of net for cat/a\.jpg is empty")
