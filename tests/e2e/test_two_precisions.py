"""``precision = "auto"`` from the configuration to the document: the counts of float32, most images in less."""

import json
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imgcls as library
import in_process
from imgcls.data import digits as digit_images
from imgcls.errors import ModelError, OutOfMemory
from imgcls.evaluation import screening, storing, two_precisions
from imgcls.models import loader
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.records.runtime import Screen
from networks import DIGITS_NET

Command = Callable[..., pytest.RunResult]
Exact = tuple[dict[str, Any], dict[str, dict[str, Any]]]

CONFIGURATION = f"""
[datasets.digits]
path = "builtin:digits"
{DIGITS_NET}precision = "PRECISION"
"""


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the project have this precision; on any CPU, eager in bfloat16 counts as fast."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(two_precisions, "REDUCED", {("eager", "cpu"): "bfloat16"})
    monkeypatch.setattr(two_precisions, "FEWEST_PIXELS", 0)
    monkeypatch.setattr(two_precisions, "_instructions", lambda: two_precisions.MATRICES)
    return lambda precision: _write(tmp_path, precision)


def _write(folder: Path, precision: str) -> None:
    (folder / "imgcls.toml").write_text(CONFIGURATION.replace("PRECISION", precision))


@pytest.fixture(autouse=True)
def noise(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is not computed in float32 has noise of this size, which the logits themselves draw."""
    size, to_numpy = [0.8], EagerClassifier.to_numpy

    def moved(self: EagerClassifier, output: Any, images: int) -> Any:
        logits = to_numpy(self, output, images)
        if self.dtype.itemsize == 4:
            return logits
        drawn = [np.random.default_rng(np.abs(row[:4]).view(np.uint32)) for row in logits]
        return logits + np.array([size[0] * one.uniform(-1, 1, 10) for one in drawn], np.float32)

    monkeypatch.setattr(EagerClassifier, "to_numpy", moved)
    return size


def _scored(imgcls: Command, name: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]], str]:
    """The result, the predictions by path, and what was printed."""
    result = imgcls("score", "--json", f"{name}.json")
    assert result.ret == 0, result.errlines
    document = json.loads(Path(f"{name}.json").read_text())
    return document["results"][0], {p["path"]: p for p in document["predictions"]}, result.stdout.str()


def _counts(result: dict[str, Any], predictions: dict[str, dict[str, Any]]) -> dict[str, tuple[int, bool]]:
    """The best class of every image, and whether one that is right is among the five best."""
    return {
        path: (one["top"][0][0], not {i for i, _, _ in one["top"]}.isdisjoint(result["accepted"][one["label"]]))
        for path, one in predictions.items()
    }


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Exact:
    """The result in float32, and the predictions by path."""
    folder = tmp_path_factory.mktemp("float32")
    _write(folder, "float32")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return _scored(in_process.run_command, "exact")[:2]


COUNTED = ("scored", "top1_count", "top5_count", "classes", "macro_f1")


def test_counts_are_those_of_float32(digits: Callable[[str], None], exact: Exact, imgcls: Command) -> None:
    """Of every image, although the reduced precision by itself gives others; what was scored twice is stated."""
    in_float32, of_exact = exact
    digits("bfloat16")
    reduced, of_reduced, _ = _scored(imgcls, "reduced")
    digits("auto")
    auto, of_auto, printed = _scored(imgcls, "auto")
    assert _counts(reduced, of_reduced) != _counts(*exact)
    assert _counts(auto, of_auto) == _counts(*exact)
    assert {name: auto[name] for name in COUNTED} == {name: in_float32[name] for name in COUNTED}
    assert [one["precision"] for one in (in_float32, reduced, auto)] == ["float32", "bfloat16", "auto"]
    assert len({one["prediction_key"] for one in (in_float32, reduced, auto)}) == 3
    screened = auto["screened"]
    assert 0 < screened["again"] < screened["reduced"]
    assert screened["again"] + screened["reduced"] == auto["distinct"]
    forms = [one["precision"] for one in of_auto.values()]
    assert (forms.count("bfloat16"), forms.count("float32")) == (screened["reduced"], screened["again"])
    assert {one["precision"] for one in of_exact.values()} == {None}
    exactly = [path for path, one in of_auto.items() if one["precision"] == "float32"]
    assert [of_auto[path]["top"] for path in exactly] == [of_exact[path]["top"] for path in exactly]
    stated = f"{screened['reduced']} of {auto['distinct']} images in bfloat16, {screened['again']} again in float32"
    assert stated in " ".join(printed.split())


def test_a_network_of_gaps_near_zero_is_scored_in_float32(
    digits: Callable[[str], None], noise: list[float], imgcls: Command
) -> None:
    """It says why, and its predictions are those of float32, which need not be computed again."""
    noise[0] = 50.0
    digits("float32")
    exact, of_exact, _ = _scored(imgcls, "exact")
    digits("auto")
    auto, of_auto, printed = _scored(imgcls, "auto")
    assert of_auto == of_exact
    assert (auto["precision"], auto["screened"], auto["from_store"]) == ("float32", None, exact["scored"])
    assert auto["runtime_note"].startswith('precision = "auto" is float32 here: bfloat16 moves logits')
    assert auto["runtime_note"] in " ".join(printed.split())


def test_few_images_and_slow_processors_have_float32(
    digits: Callable[[str], None], imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is tried."""
    digits("auto")
    monkeypatch.setattr(two_precisions, "FEWEST_PIXELS", 10**9)
    assert "two precisions do not pay for" in _scored(imgcls, "few")[0]["runtime_note"]
    monkeypatch.setattr(two_precisions, "REDUCED", {})
    (Path.cwd() / ".imgcls").rename("elsewhere")
    assert "on a CPU by eager, less than float32 saves no time" in _scored(imgcls, "slow")[0]["runtime_note"]


@pytest.mark.slow
def test_what_was_interrupted_between_the_precisions_goes_on(
    digits: Callable[[str], None], imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that was to be scored again counts before it was; then the document is that of one run."""
    digits("auto")
    with monkeypatch.context() as patch:
        patch.setattr(screening.Screening, "again", _interrupted)
        result = imgcls("score", "--json", "cut.json")
        assert result.ret == 130
    [cut] = json.loads(Path("cut.json").read_text())["results"]
    assert 0 < cut["scored"] < cut["listed"]
    whole, of_whole, _ = _scored(imgcls, "whole")
    (Path.cwd() / ".imgcls").rename("elsewhere")
    once, of_once, _ = _scored(imgcls, "once")
    assert (whole["screened"], of_whole) == (once["screened"], of_once)
    assert whole["from_store"] == once["listed"] - once["screened"]["again"]  # those needed no inference


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_is_stored_needs_no_network(
    digits: Callable[[str], None], imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run states the same of both precisions, and runs neither."""
    digits("auto")
    first, of_first, _ = _scored(imgcls, "first")

    def run(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(EagerClassifier, "forward", run)
    again, of_again, _ = _scored(imgcls, "again")
    assert (again["screened"], of_again, again["from_store"]) == (first["screened"], of_first, first["scored"])


@pytest.mark.slow
def test_shards_of_one_plan_add_up(digits: Callable[[str], None], exact: Exact, imgcls: Command) -> None:
    """The plan has the bound; merged, the counts are float32's."""
    digits("auto")
    assert imgcls("plan", "-o", "plan.json").ret == 0
    assert Screen(**json.loads(Path("plan.json").read_text())["runtimes"][0]["choice"]["screen"]).images == 64
    for number in (1, 2):
        assert imgcls("score", "--shard", f"{number}/2", "--plan", "plan.json", "--json", f"{number}.json").ret == 0
    assert imgcls("merge", "1.json", "2.json", "--json", "merged.json").ret == 0
    document = json.loads(Path("merged.json").read_text())
    [merged] = document["results"]
    assert {name: merged[name] for name in COUNTED} == {name: exact[0][name] for name in COUNTED}
    assert _counts(merged, {p["path"]: p for p in document["predictions"]}) == _counts(*exact)
    screened = merged["screened"]
    assert screened["again"] + screened["reduced"] == merged["distinct"]


@pytest.mark.parametrize("failing", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_what_the_reduced_precision_fails_on_is_scored_in_float32(
    digits: Callable[[str], None], exact: Exact, imgcls: Command, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """As where float16 has no number for a logit of one image; the reason is stated, and nothing is left out."""
    digits("auto")
    monkeypatch.setattr(storing, "IMAGES_PER_COMMIT", 16)
    to_numpy, batches = EagerClassifier.to_numpy, count()

    def overflowing(self: EagerClassifier, output: Any, images: int) -> Any:
        logits = to_numpy(self, output, images)
        return np.full_like(logits, np.inf) if self.dtype.itemsize == 2 and next(batches) == failing else logits

    monkeypatch.setattr(EagerClassifier, "to_numpy", overflowing)
    auto, of_auto, printed = _scored(imgcls, "auto")
    assert _counts(auto, of_auto) == _counts(*exact)
    screened = auto["screened"]
    assert screened["reduced"] + screened["again"] == auto["distinct"]
    assert (screened["reduced"] > 0, auto["set_seconds"] > 0) == (failing > 8, True)  # the first after the sample
    why = "in bfloat16 the model's logits are infinite on "
    assert auto["runtime_note"].startswith(f'precision = "auto": {why}')
    assert auto["runtime_note"].endswith("; what was left is scored in float32 only")
    assert why in " ".join(printed.split())
    stored, of_stored, _ = _scored(imgcls, "stored")
    assert (of_stored, stored["screened"], stored["from_store"]) == (of_auto, screened, exact[0]["scored"])


def test_a_network_that_fails_in_both_precisions_fails(
    digits: Callable[[str], None], imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the reason that it has in float32."""
    digits("auto")
    to_numpy, batches = EagerClassifier.to_numpy, count()

    def failing(self: EagerClassifier, output: Any, images: int) -> Any:
        logits = to_numpy(self, output, images)
        return np.full_like(logits, np.inf if self.dtype.itemsize == 2 else np.nan) if next(batches) > 20 else logits

    monkeypatch.setattr(EagerClassifier, "to_numpy", failing)
    assert imgcls("score", "--json", "failed.json").ret == 1
    [failed] = json.loads(Path("failed.json").read_text())["results"]
    assert failed["failure"]["message"].startswith("the model's logits are NaN on ")


@pytest.mark.slow
def test_goldens_are_those_of_float32(digits: Callable[[str], None], run_pytest: Command) -> None:
    """Recorded and compared in it, with its tolerance."""
    Path("test_models.py").write_text("from imgcls.suite import *\n")
    recorded = {}
    for precision in ("auto", "float32"):
        digits(precision)
        text = Path("imgcls.toml").read_text()
        Path("imgcls.toml").write_text(text.replace('"builtin:digits"\n', '"builtin:digits"\ngolden = true\n'))
        assert run_pytest("-m", "golden", "--imgcls-update-golden").ret == 0
        recorded[precision] = json.loads(Path("golden/digits/net.json").read_text())
    assert recorded["auto"] == recorded["float32"]
    assert recorded["auto"]["precision"] == "float32"


def test_images_without_labels_are_predicted_in_float32(digits: Callable[[str], None]) -> None:
    """Of them all five classes are shown, and their probabilities."""
    of_precision = {}
    for precision in ("float32", "auto"):
        digits(precision)
        of_precision[precision] = list(library.predict("net", digit_images.folder(), config="imgcls.toml"))
    assert len(of_precision["auto"]) == 360
    assert of_precision["auto"] == of_precision["float32"]


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (OutOfMemory("8 images do not fit into memory"), "auto"),
        pytest.param(
            ModelError("net does not fit into the memory of cuda: CUDA out of memory"), "auto", marks=pytest.mark.slow
        ),
        (ModelError("the model's logits are infinite on a.png"), "float32"),
    ],
)
def test_a_sample_that_there_was_no_memory_for_is_not_remembered(
    digits: Callable[[str], None], imgcls: Command, monkeypatch: pytest.MonkeyPatch, error: ModelError, then: str
) -> None:
    """The next run tries another one; what the network itself is the reason for stays."""
    digits("auto")

    def refused(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(loader, "scored_again", refused)
        exact, _, _ = _scored(imgcls, "exact")
    assert exact["runtime_note"] == f'precision = "auto" is float32 here: in bfloat16 {error}'
    assert [exact["precision"], _scored(imgcls, "auto")[0]["precision"]] == ["float32", then]


def test_a_plan_of_two_precisions_is_not_for_one(digits: Callable[[str], None], imgcls: Command) -> None:
    """Whoever sets float32 afterwards has it; nothing of the plan is remembered."""
    digits("auto")
    assert imgcls("plan", "-o", "plan.json").ret == 0
    digits("float32")
    refused = imgcls("score", "--shard", "1/2", "--plan", "plan.json")
    assert refused.ret == 2
    assert (
        '[models.net] precision is "float32", and the plan has "auto", which scores most images in bfloat16: '
        "write the plan again with imgcls plan -o FILE"
    ) in refused.stdout.str()
    assert _scored(imgcls, "exact")[0]["screened"] is None


@pytest.mark.slow
def test_a_dataset_that_shares_images_has_predictions_of_its_own(
    digits: Callable[[str], None], noise: list[float], imgcls: Command, tmp_path: Path
) -> None:
    """Which are scored again depends on labels and bound, so that the first one's would change after it was counted."""
    digits("auto")
    noise[0] = 0.1
    shutil.copytree(digit_images.folder(), tmp_path / "others")
    for name, other in (("one", "held"), ("eight", "one"), ("held", "eight")):  # so that two labels are wrong
        (tmp_path / "others" / name).rename(tmp_path / "others" / other)
    text = Path("imgcls.toml").read_text()
    Path("imgcls.toml").write_text(f'{text}\n[datasets.others]\npath = "others"\n')
    assert imgcls("score", "--json", "both.json").ret == 0
    document = json.loads(Path("both.json").read_text())
    assert [result["distinct"] for result in document["results"]] == [360, 360]
    for result in document["results"]:
        forms = [p["precision"] for p in document["predictions"] if p["dataset"] == result["dataset"]]
        stated = result["screened"]
        assert (forms.count("bfloat16"), forms.count("float32")) == (stated["reduced"], stated["again"])


@pytest.mark.slow
def test_a_bound_is_measured_on_the_images_that_there_are(
    digits: Callable[[str], None], noise: list[float], imgcls: Command, tmp_path: Path
) -> None:
    """Where all were replaced by as many others, on these; a later run goes on with it."""
    digits("auto")
    shutil.copytree(digit_images.folder(), tmp_path / "copy")
    Path("imgcls.toml").write_text(Path("imgcls.toml").read_text().replace('"builtin:digits"', '"copy"'))
    first, _, _ = _scored(imgcls, "first")
    for image in (tmp_path / "copy").rglob("*.png"):
        image.write_bytes(image.read_bytes() + b" ")  # the same pixels, other bytes
    noise[0] = 0.2
    second, _, _ = _scored(imgcls, "second")
    assert second["from_store"] == 0
    assert second["screened"]["bound"] < first["screened"]["bound"] / 2
    assert _scored(imgcls, "third")[0]["screened"] == second["screened"]


def test_batches_of_either_precision_that_were_halved_are_noted(
    digits: Callable[[str], None], imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with the precision that it was of."""
    digits("auto")
    forward = EagerClassifier.forward

    def narrow(self: EagerClassifier, batch: Any) -> Any:
        if len(batch) > self.dtype.itemsize:
            raise OutOfMemory(f"{len(batch)} images do not fit")
        return forward(self, batch)

    monkeypatch.setattr(EagerClassifier, "forward", narrow)
    auto, _, printed = _scored(imgcls, "auto")
    assert [note.partition(" images")[0] for note in auto["notes"]] == [
        "in bfloat16 its batches were of 2 and not of 8",
        "in float32 its batches were of 4 and not of 8",
    ]
    assert auto["notes"][1] in " ".join(printed.split())
