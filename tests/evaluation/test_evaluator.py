"""One pass over a dataset: what is computed, what is stored, what is counted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from conftest import NETWORK, Project
from imgcls.config import loader as configuration
from imgcls.data import dataset as datasets
from imgcls.evaluation import evaluator, pipeline
from imgcls.models import inference
from imgcls.models.pool import ModelPool
from imgcls.preprocessing import decode as decoding
from imgcls.records.evaluation import DatasetOutcome
from imgcls.store.database import Store
from imgcls.system import machine

Command = Callable[..., pytest.RunResult]


def _no_progress(dataset: str, done: int, total: int) -> None:
    """Show nothing."""


def _score(folder: Path, store: Store, run_id: str = "run", models: tuple[str, ...] = ("colour",)) -> DatasetOutcome:
    settings = configuration.load([folder / "imgcls.toml"])
    pool = ModelPool(settings.models, "cpu")
    return evaluator.evaluate(run_id, settings.datasets["colours"], models, pool, store, _no_progress)


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
    assert project.images_inferred() - 2 <= 120 + evaluator.IMAGES_PER_COMMIT + ahead
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

    def counting(data: bytes, exif: Any) -> Any:
        decoded.append(len(data))
        return original(data, exif)

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


def test_an_interrupted_run_is_counted_and_resumed(importable: Project, store: Store) -> None:
    """Ctrl-C leaves an incomplete outcome whose unscored images are counted, and nothing is lost."""
    for colour in ("red", "green", "blue"):
        importable.add_images(colour, 40)

    def interrupt(dataset: str, done: int, total: int) -> None:
        del dataset, total
        if done >= evaluator.IMAGES_PER_COMMIT:
            raise KeyboardInterrupt

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
    assert store.undecodable(f"{decoding.decoder()}, exif ignore", listed) == {}


def test_process_wide_settings_come_back(importable: Project, store: Store) -> None:
    """A pass leaves torch's random state and float32 precision as they were."""
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    precision = torch.get_float32_matmul_precision()
    _score(importable.folder, store)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_float32_matmul_precision() == precision


def test_a_rejected_image_is_not_scored_from_the_store(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that one model was scored on and that changed since is rejected for all: every path counts once."""
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
    assert counts == [(11, 1, 0), (11, 1, 0)]


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


def test_the_first_failure_is_reported(importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several threads fail at once; the image that is named is the first in order, in every run."""
    monkeypatch.setitem(inference.MAX_BATCH_SIZE, "cpu", 1)
    importable.also(f'[models.ill]\narch = "python:nets:nan"\n{NETWORK}')
    [pair] = _score(importable.folder, store, models=("ill",)).pairs
    assert pair.failure is not None
    assert pair.failure.message == "the model's logits are NaN on blue/0000.png"
