"""One pass over a dataset: what is computed, what is stored, what is counted."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

import stored
from conftest import NETWORK, Project
from imgcls import hashing
from imgcls.config import loader as configuration
from imgcls.data import dataset as datasets
from imgcls.errors import ModelError, OutOfMemory, StoreError
from imgcls.evaluation import evaluator, pipeline, storing
from imgcls.evaluation.engine import Here
from imgcls.models import inference
from imgcls.models.pool import ModelPool
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.preprocessing import decode as decoding
from imgcls.preprocessing import pixels
from imgcls.records.evaluation import DatasetOutcome
from imgcls.store.database import Store
from imgcls.system import machine

Command = Callable[..., pytest.RunResult]

STORED_TOGETHER = """
from imgcls.evaluation import storing

if "LIFE" in os.environ:
    storing.IMAGES_PER_COMMIT = 32
"""
"""Results of 32 images are stored together where the process is mortal, however fast it is."""


def _no_progress(dataset: str, done: int, total: int) -> None:
    """Show nothing."""


def _score(
    folder: Path, store: Store, run_id: str = "run", models: tuple[str, ...] = ("colour",), **dataset: Any
) -> DatasetOutcome:
    settings = configuration.load([folder / "imgcls.toml"])
    pool = ModelPool(settings.models, "cpu")
    spec = replace(settings.datasets["colours"], **dataset)
    return evaluator.evaluate(run_id, spec, models, pool, store, _no_progress)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own."""
    with closing(Store(tmp_path / "store")) as opened:
        yield opened


@pytest.fixture
def importable(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project, its network importable in this process."""
    monkeypatch.syspath_prepend(project.folder)
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    return project


@pytest.mark.parametrize("death", [33, 65, 97])
@pytest.mark.slow
def test_a_run_killed_half_way_resumes(
    project: Project, imgcls: Command, imgcls_process: Command, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    """After SIGKILL the same result, at most what was not stored yet computed twice; the third run computes nothing."""
    with (project.folder / "nets.py").open("a") as nets:
        nets.write(STORED_TOGETHER)
    project.configure((project.folder / "imgcls.toml").read_text().replace("nets:colour", "nets:mortal"))
    for colour in ("red", "green", "blue"):
        project.add_images(colour, 40)
    monkeypatch.setenv("LIFE", str(death))
    assert imgcls_process("score").ret == -9
    before = project.images_inferred()
    assert 0 < before < 120
    monkeypatch.delenv("LIFE")
    result = imgcls("score")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["* colour*colours*120*100.0*"])
    ahead = 2 * pipeline.threads() * inference.MAX_BATCH_SIZE["cpu"]
    assert project.images_inferred() - 2 <= 120 + 32 + ahead
    project.forget_forwards()
    assert imgcls("score").ret == 0
    assert project.images_inferred() == 0


def test_a_later_process_of_the_same_run_reads(importable: Project, store: Store) -> None:
    """The outcome of a run is in the store; a second call for it neither lists nor computes."""
    first = _score(importable.folder, store)
    importable.forget_forwards()
    for image in (importable.folder / "colours").rglob("*.png"):
        image.unlink()
    assert _score(importable.folder, store) == first
    assert importable.images_inferred() == 0


def test_each_image_is_decoded_once_for_all_models(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two models with different inputs share one decoding."""
    importable.also(
        '[models.small]\narch = "python:nets:colour"\nlabels = "names.txt"\n'
        'input = { resize = 4, crop = 4, interpolation = "nearest", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }\n'
    )
    decoded: list[int] = []
    original = decoding.decode

    def counting(data: bytes, *arguments: Any) -> Any:
        decoded.append(len(data))
        return original(data, *arguments)

    monkeypatch.setattr(decoding, "decode", counting)
    outcome = _score(importable.folder, store, models=("colour", "small"))
    assert [pair.scores.scored for pair in outcome.pairs] == [12, 12]
    assert len(decoded) == 12


def test_models_that_do_not_fit_together_go_one_after_the_other(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no room for two, each has its own pass, and the counts are the same."""
    importable.also(f'[models.other]\narch = "python:nets:colour"\noptions = {{ gain = 2.0 }}\n{NETWORK}')
    monkeypatch.setattr(machine, "available_bytes", lambda _: 0)
    outcome = _score(importable.folder, store, models=("colour", "other"))
    assert [one.models for one in outcome.passes] == [("colour",), ("other",)]
    assert [pair.scores.top1_count for pair in outcome.pairs] == [12, 12]


def test_large_inputs_run_in_small_batches(importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network is given at most BATCH_PIXELS pixels at a time, and always as many images: a power of two."""
    monkeypatch.setitem(inference.BATCH_PIXELS, "cpu", 5 * 8 * 8)
    monkeypatch.setattr(pipeline, "threads", lambda: 1)
    (importable.folder / "colours" / "red" / "0000.png").unlink()
    _score(importable.folder, store)
    counted, *batches = [line.split()[1:] for line in importable.forwards.read_text().splitlines()]
    assert (counted, batches) == (["1", "0"], [["4", "0"], ["4", "0"], ["3", "1"]])


def test_pillows_limit_is_not_the_images_fault(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where fewer pixels are allowed, images are rejected, and that is stored; where they are allowed, they count."""
    with monkeypatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        assert _score(importable.folder, store, "one").pairs[0].scores.rejected == 12
        patch.setattr(pipeline, "batch_results", lambda *_: pytest.fail("they were decoded again"))
        assert _score(importable.folder, store, "two").pairs[0].scores.rejected == 12
    assert _score(importable.folder, store, "three").pairs[0].scores.scored == 12


def test_a_limit_of_the_datasets_own_decides(importable: Project, store: Store) -> None:
    """Whatever was scored before under another limit: what it rejects is rejected, and what it allows is scored."""
    scored = [
        _score(importable.folder, store, f"{number}", max_megapixels=limit).pairs[0].scores.scored
        for number, limit in enumerate([None, 0.0001, None, 0.0003, 0.0001])
    ]
    assert scored == [12, 0, 12, 12, 0]


def _turned(file: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (16, 16), (255, 0, 0)).save(file, exif=exif)


def test_remarks_are_counted_by_path(importable: Project, store: Store) -> None:
    """Also those of a run whose predictions come from the store; nothing is said where it is applied."""
    for name in ("a.png", "b.png"):
        _turned(importable.folder / "colours" / "red" / name)
    Image.new("I;16", (16, 16), 65535).save(importable.folder / "colours" / "red" / "c.png")
    expected = {pixels.IGNORED_ORIENTATION: 2, pixels.upper_bytes(16): 1}
    assert _score(importable.folder, store, "one").remarks == expected
    importable.forget_forwards()
    second = _score(importable.folder, store, "two")
    assert (second.remarks, second.pairs[0].from_store, importable.images_inferred()) == (expected, 15, 0)
    assert store.outcome("two", "colours") == second
    assert _score(importable.folder, store, "three", exif="apply").remarks == {pixels.upper_bytes(16): 1}


def test_remarks_are_of_scored_images(importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of those that no model was scored on because it failed, but of those that are scored from the store."""
    _turned(importable.folder / "colours" / "red" / "a.png")
    importable.also(f'[models.ill]\narch = "python:nets:nan"\n{NETWORK}')
    assert _score(importable.folder, store, "one", models=("ill",)).remarks == {}
    assert _score(importable.folder, store, "two", models=("ill", "colour")).remarks == {pixels.IGNORED_ORIENTATION: 1}
    original = datasets.list_images

    def then_changed(dataset: Any) -> Any:
        listing = original(dataset)
        listing.images[-1].file.write_bytes(b"other bytes")
        return listing

    (importable.folder / "colours" / "red" / "a.png").rename(importable.folder / "colours" / "red" / "z.png")
    importable.also(f'[models.other]\narch = "python:nets:colour"\noptions = {{ gain = 2.0 }}\n{NETWORK}')
    monkeypatch.setattr(datasets, "list_images", then_changed)
    outcome = _score(importable.folder, store, "three", models=("colour", "other"))
    assert [(rejection.reason, rejection.models) for rejection in outcome.rejections] == [("changed", ("other",))]
    assert outcome.remarks == {pixels.IGNORED_ORIENTATION: 1}


def test_a_class_of_which_nothing_is_left_is_named(importable: Project, store: Store) -> None:
    """Its folder is empty, or every image in it is rejected; what is ignored is counted by suffix."""
    colours = importable.folder / "colours"
    for image in (colours / "blue").iterdir():
        image.write_bytes(b"not an image")
    (colours / "grey").mkdir()
    (colours / "grey" / "Thumbs.db").write_bytes(b"thumbs")
    outcome = _score(importable.folder, store)
    assert outcome.empty_classes == ("blue", "grey")
    assert outcome.ignored_suffixes == {".db": 1}
    assert (outcome.pairs[0].scores.rejected, outcome.pairs[0].scores.ignored) == (4, 1)


def test_an_interrupted_run_is_counted_and_resumed(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C leaves an incomplete outcome whose unscored images are counted, and nothing is lost."""
    for colour in ("red", "green", "blue"):
        importable.add_images(colour, 40)

    def interrupt(dataset: str, done: int, total: int) -> None:
        del dataset, total
        if done >= 32:
            raise KeyboardInterrupt

    monkeypatch.setattr(storing, "IMAGES_PER_COMMIT", 32)
    settings = configuration.load([importable.folder / "imgcls.toml"])
    with pytest.raises(KeyboardInterrupt):
        evaluator.evaluate(
            "one", settings.datasets["colours"], ["colour"], ModelPool(settings.models, "cpu"), store, interrupt
        )
    partial = store.outcome("one", "colours")
    assert partial is not None
    assert partial.complete is False
    scores = partial.pairs[0].scores
    assert (scores.listed, scores.scored, scores.unscored) == (120, 32, 88)
    whole = _score(importable.folder, store, "two")
    assert (whole.complete, whole.pairs[0].from_store) == (True, 32)


def test_overall_classes_are_means_over_the_images(importable: Project, store: Store) -> None:
    """Each class: the sum of its probability where it is among the ten best, divided by the number of images."""
    outcome = _score(importable.folder, store)
    overall = outcome.pairs[0].overall
    assert sum(one.probability for one in overall) == pytest.approx(1.0)
    assert {one.name for one in overall} == {"red", "green", "blue"}


def test_bytes_that_change_after_listing_are_a_rejection(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is decoded is what was hashed; anything else is rejected as changed, in this run only."""
    original = datasets.list_images

    listed: list[str] = []

    def then_changed(dataset: Any) -> Any:
        listing = original(dataset)
        listed.extend(image.sha256 for image in listing.images)
        listing.images[0].file.write_bytes(b"other bytes")
        return listing

    monkeypatch.setattr(datasets, "list_images", then_changed)
    outcome = _score(importable.folder, store)
    assert [(r.path, r.reason) for r in outcome.rejections] == [("blue/0000.png", "changed")]
    rules = store._rows("select decoder from undecodable")
    assert not any(store.undecodable(rule, stored.index(listed)) for (rule,) in rules)


def test_process_wide_settings_come_back(importable: Project, store: Store) -> None:
    """A pass leaves torch's random state and float32 precision as they were."""
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    precision = torch.get_float32_matmul_precision()
    _score(importable.folder, store)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_float32_matmul_precision() == precision


def test_an_image_that_changed_is_rejected_where_it_is_decoded(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that one model was scored on keeps its prediction where it changes before another one is scored."""
    importable.also(f'[models.other]\narch = "python:nets:colour"\noptions = {{ gain = 2.0 }}\n{NETWORK}')
    _score(importable.folder, store, "one")
    original = datasets.list_images

    def then_changed(dataset: Any) -> Any:
        listing = original(dataset)
        listing.images[0].file.write_bytes(b"other bytes")
        return listing

    monkeypatch.setattr(datasets, "list_images", then_changed)
    outcome = _score(importable.folder, store, "two", models=("colour", "other"))
    counts = [(pair.scores.scored, pair.scores.rejected, pair.scores.unscored) for pair in outcome.pairs]
    assert counts == [(12, 0, 0), (11, 1, 0)]
    assert [rejection.models for rejection in outcome.rejections] == [("other",)]


def test_what_was_computed_is_stored_whatever_ends_the_run(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where fewer images were scored than are stored together."""
    batch_results = pipeline.batch_results

    def interrupted(*arguments: Any) -> Iterator[pipeline.BatchResult]:
        results = batch_results(*arguments)
        yield next(results)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "batch_results", interrupted)
    monkeypatch.setattr(pipeline, "threads", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        _score(importable.folder, store)
    partial = store.outcome("run", "colours")
    assert partial is not None
    assert (partial.pairs[0].scores.scored, partial.pairs[0].scores.unscored) == (8, 4)


def test_what_was_written_and_is_not_found_is_a_damaged_store(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prediction that is not where the file's order has it makes no incomplete result, which the model would bear."""
    monkeypatch.setattr(store, "put", lambda _: None)
    with pytest.raises(StoreError, match=r"is damaged: what this run predicted is no longer complete\. Run again"):
        _score(importable.folder, store)


class Repeating(Here):
    """An engine that does everything at least once, and half of it twice."""

    def batch_results(self, *arguments: Any) -> Iterator[pipeline.BatchResult]:
        for result in super().batch_results(*arguments):
            yield result
            yield replace(result, rejected=defaultdict(list, result.rejected))


def test_an_engine_that_repeats_work_changes_nothing(importable: Project, store: Store, tmp_path: Path) -> None:
    """Predictions that come twice are the same rows, and every image counts once."""
    (importable.folder / "colours" / "red" / "broken.png").write_bytes(b"broken")
    settings = configuration.load([importable.folder / "imgcls.toml"])
    pool = ModelPool(settings.models, "cpu")
    arguments = ("run", settings.datasets["colours"], ["colour"], pool)
    with closing(Store(tmp_path / "other")) as other:
        outcomes = [
            evaluator.evaluate(*arguments, store, _no_progress),
            evaluator.evaluate(*arguments, other, _no_progress, engine=Repeating()),
        ]
        assert store._rows("select * from answers") == other._rows("select * from answers")
    first, second = (outcome.pair("colour").scores for outcome in outcomes)
    assert first == second
    assert (first.scored, first.rejected, first.unscored) == (12, 1, 0)
    assert outcomes[0].rejections == outcomes[1].rejections


def test_what_was_stored_needs_no_engine(importable: Project, store: Store) -> None:
    """Nothing is loaded for it."""
    first = _score(importable.folder, store)

    class Refusing(Here):
        def ready(self, *_: Any) -> Any:
            pytest.fail("something was loaded")

    settings = configuration.load([importable.folder / "imgcls.toml"])
    arguments = (settings.datasets["colours"], ["colour"], ModelPool(settings.models, "cpu"), store, _no_progress)
    again = evaluator.evaluate("again", *arguments, engine=Refusing())
    assert again.pairs[0].scores == first.pairs[0].scores
    assert again.pairs[0].from_store == 12


def test_a_model_that_cannot_be_loaded_is_a_failure_of_its_own(importable: Project, store: Store) -> None:
    """Also where that turns out after the store was read; the others are scored."""
    importable.also(f'[models.other]\narch = "python:nets:colour"\noptions = {{ gain = 2.0 }}\n{NETWORK}')

    class Failing(Here):
        def ready(self, models: Any) -> Any:
            return {**super().ready(models), "other": ModelError("its file is gone")}

    settings = configuration.load([importable.folder / "imgcls.toml"])
    arguments = (settings.datasets["colours"], ["colour", "other"], ModelPool(settings.models, "cpu"), store)
    outcome = evaluator.evaluate("run", *arguments, _no_progress, engine=Failing())
    colour, other = outcome.pairs
    assert (colour.scores.scored, colour.failure) == (12, None)
    assert (other.scores.scored, other.failure and other.failure.message) == (0, "its file is gone")


def test_the_first_failure_is_reported(importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several threads fail at once; the image that is named is the first in order, in every run."""
    monkeypatch.setitem(inference.MAX_BATCH_SIZE, "cpu", 1)
    importable.also(f'[models.ill]\narch = "python:nets:nan"\n{NETWORK}')
    [pair] = _score(importable.folder, store, models=("ill",)).pairs
    assert pair.failure is not None
    assert pair.failure.message == "the model's logits are NaN on blue/0000.png"


def test_seconds_are_kept_with_predictions(importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later run knows how long the dataset takes, by the passes that computed it, and more images take longer."""
    seconds = iter((6.0, 30.0))
    add = store.add_duration

    def add_other_seconds(key: str, dataset: str, place: str, images: int, _: float) -> None:
        add(key, dataset, place, images, next(seconds))

    monkeypatch.setattr(store, "add_duration", add_other_seconds)
    first = _score(importable.folder, store, "first").pair("colour").set_seconds
    again = _score(importable.folder, store, "again").pair("colour").set_seconds
    assert first == pytest.approx(6.0, abs=0.5)  # with the time of listing
    assert again == pytest.approx(6.0, abs=0.5)
    for colour in ("red", "green", "blue"):
        importable.add_images(colour, 8)
    more = _score(importable.folder, store, "more").pair("colour").set_seconds
    assert more == pytest.approx(36.0, abs=0.5)
    monkeypatch.setattr(machine, "threads", lambda: 64)
    assert _score(importable.folder, store, "elsewhere").pair("colour").set_seconds is None


def test_models_of_a_pass_have_their_own_seconds(importable: Project, store: Store) -> None:
    """Decoding belongs to each of two models, for the images that it lacked, and the calls of the other to none."""
    models = []
    for name, computed, seconds in (("a", 100, 5.0), ("b", 10, 2.0), ("c", 0, 0.0)):
        info = SimpleNamespace(device="cpu")
        models.append(SimpleNamespace(key=hashing.of_json(name), info=info, computed=computed, seconds=seconds))
    settings = configuration.load([importable.folder / "imgcls.toml"])
    pool = ModelPool(settings.models, "cpu")
    evaluation = evaluator.Evaluator(settings.datasets["colours"], ["a", "b", "c"], pool, store, _no_progress)
    evaluation._store_durations(models, 17.0, 100)  # type: ignore[arg-type]  # as much of them as is looked at
    known = [store.seconds_per_image(model.key, "colours", machine.digest("cpu")) for model in models]
    assert known == [pytest.approx((5.0 + 10.0) / 100), pytest.approx((2.0 + 1.0) / 10), None]


def test_rejections_are_stored_with_the_predictions(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many images at a time: the disk is not waited for once for every broken file."""
    monkeypatch.setattr(storing, "IMAGES_PER_COMMIT", 32)
    for number in range(100):
        (importable.folder / "colours" / "red" / f"broken{number}.png").write_bytes(b"broken %d" % number)
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    scores = _score(importable.folder, store).pairs[0].scores
    assert (scores.scored, scores.rejected) == (12, 100)
    of_rejections = [at for at, statement in enumerate(statements) if "into undecodable" in statement]
    assert len(of_rejections) == 100
    within = statements[of_rejections[0] : of_rejections[-1]]
    assert within.count("COMMIT") <= 100 // 32


def test_batches_that_were_halved_are_a_note(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the run in which memory was short; what is stored is served without one."""
    forward = EagerClassifier.forward

    def narrow(self: EagerClassifier, batch: torch.Tensor) -> Any:
        if len(batch) > 2:
            raise OutOfMemory(f"{len(batch)} images do not fit")
        return forward(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(EagerClassifier, "forward", narrow)
        [pair] = _score(importable.folder, store).pairs
    assert (pair.scores.scored, pair.failure) == (12, None)
    assert pair.facts
    [note] = pair.facts.notes
    assert note.startswith("its batches were of 2 and not of 8 images, because no more fit into memory: ")
    [later] = _score(importable.folder, store, "later").pairs
    assert later.facts
    assert (later.from_store, later.facts.notes) == (12, ())
