"""One pass over a data set: what is computed, what is kept, what is counted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from conftest import NETWORK, Project
from imgcls import asking, config, meter, pipeline, pixels, run
from imgcls.models import Shelf
from imgcls.records import DatasetOutcome
from imgcls.store import Store

Command = Callable[..., pytest.RunResult]


def _no_progress(dataset: str, done: int, total: int) -> None:
    """Say nothing."""


def _score(folder: Path, store: Store, number: str = "run", models: tuple[str, ...] = ("colour",)) -> DatasetOutcome:
    settings = config.load([folder / "imgcls.toml"])
    shelf = Shelf(settings.models, "cpu")
    return run.score(number, settings.datasets["colours"], models, shelf, store, _no_progress)


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
def test_a_run_killed_half_way_resumes(
    project: Project, imgcls: Command, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    """After SIGKILL the same result, at most what was not kept yet computed twice; the third run computes nothing."""
    project.configure((project.folder / "imgcls.toml").read_text().replace("nets:colour", "nets:mortal"))
    for colour in ("red", "green", "blue"):
        project.add_pictures(colour, 40)
    monkeypatch.setenv("LIFE", str(death))
    assert imgcls("score").ret == -9
    before = project.pictures_asked()
    assert 0 < before < 120
    monkeypatch.delenv("LIFE")
    result = imgcls("score")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["* colour*colours*120*100.0*"])
    assert project.pictures_asked() - 2 <= 120 + run.KEPT + 2 * pipeline.threads() * pipeline.PART["cpu"]
    project.forget_forwards()
    assert imgcls("score").ret == 0
    assert project.pictures_asked() == 0


def test_a_later_process_of_the_same_run_reads(importable: Project, store: Store) -> None:
    """The outcome of a run is in the store; a second call for it neither lists nor computes."""
    first = _score(importable.folder, store)
    importable.forget_forwards()
    for picture in (importable.folder / "colours").rglob("*.png"):
        picture.unlink()
    assert _score(importable.folder, store) == first
    assert importable.pictures_asked() == 0


def test_each_picture_is_decoded_once_for_all_models(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two models with different inputs share one decoding."""
    importable.also(
        '[models.small]\narch = "python:nets:colour"\nlabels = "names.txt"\n'
        'input = { resize = 4, crop = 4, interpolation = "nearest", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }\n'
    )
    decoded: list[int] = []
    original = pixels.decode

    def counting(data: bytes, exif: Any) -> Any:
        decoded.append(len(data))
        return original(data, exif)

    monkeypatch.setattr(pixels, "decode", counting)
    outcome = _score(importable.folder, store, models=("colour", "small"))
    assert [pair.scores.scored for pair in outcome.pairs] == [12, 12]
    assert len(decoded) == 12


def test_models_that_do_not_fit_together_go_one_after_the_other(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no room for two, each has its own pass, and the counts are the same."""
    importable.also(f'[models.other]\narch = "python:nets:colour"\noptions = {{ gain = 2.0 }}\n{NETWORK}')
    monkeypatch.setattr(meter, "available_bytes", lambda _: 0)
    outcome = _score(importable.folder, store, models=("colour", "other"))
    assert [walk.models for walk in outcome.passes] == [("colour",), ("other",)]
    assert [pair.scores.top1_count for pair in outcome.pairs] == [12, 12]


def test_large_inputs_are_asked_in_small_parts(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network is asked about at most PART_PIXELS pixels at a time, however many pictures are ready."""
    monkeypatch.setitem(asking.PART_PIXELS, "cpu", 5 * 8 * 8)
    monkeypatch.setattr(pipeline, "threads", lambda: 1)  # which takes eight pictures and then four
    _score(importable.folder, store)
    asked = [int(line.split()[1]) for line in importable.forwards.read_text().splitlines()]
    assert asked == [1, 5, 3, 4]


def test_pillows_limit_is_no_pictures_fault(importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody allows fewer pixels pictures are rejected, and it is kept; where they are allowed they count."""
    with monkeypatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        assert _score(importable.folder, store, "one").pairs[0].scores.rejected == 12
        patch.setattr(pipeline, "answered", lambda *_: pytest.fail("they were decoded again"))
        assert _score(importable.folder, store, "two").pairs[0].scores.rejected == 12
    assert _score(importable.folder, store, "three").pairs[0].scores.scored == 12


def test_an_interrupted_run_is_counted_and_resumed(importable: Project, store: Store) -> None:
    """Ctrl-C leaves an incomplete outcome whose unscored pictures are counted, and nothing is lost."""
    for colour in ("red", "green", "blue"):
        importable.add_pictures(colour, 40)

    def interrupt(dataset: str, done: int, total: int) -> None:
        del dataset, total
        if done >= run.KEPT:
            raise KeyboardInterrupt

    settings = config.load([importable.folder / "imgcls.toml"])
    with pytest.raises(KeyboardInterrupt):
        run.score("one", settings.datasets["colours"], ["colour"], Shelf(settings.models, "cpu"), store, interrupt)
    partial = store.outcome("one", "colours")
    assert partial is not None
    assert partial.complete is False
    scores = partial.pairs[0].scores
    assert (scores.listed, scores.scored, scores.unscored) == (120, 32, 88)
    whole = _score(importable.folder, store, "two")
    assert (whole.complete, whole.pairs[0].from_store) == (True, 32)


def test_overall_classes_are_means_over_the_pictures(importable: Project, store: Store) -> None:
    """Each class: the sum of its probability where it is among the ten best, divided by the pictures."""
    outcome = _score(importable.folder, store)
    guesses = outcome.pairs[0].overall
    assert sum(guess.probability for guess in guesses) == pytest.approx(1.0)
    assert {guess.name for guess in guesses} == {"red", "green", "blue"}


def test_bytes_that_change_after_listing_are_a_rejection(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is decoded is what was hashed; anything else is rejected as changed, in this run alone."""
    original = run.listing

    listed: list[str] = []

    def then_changed(dataset: Any) -> Any:
        found = original(dataset)
        listed.extend(image.sha256 for image in found.images)
        found.images[0].file.write_bytes(b"other bytes")
        return found

    monkeypatch.setattr(run, "listing", then_changed)
    outcome = _score(importable.folder, store)
    assert [(r.path, r.reason) for r in outcome.rejections] == [("blue/0000.png", "changed")]
    assert store.undecodable(f"{pixels.decoder()}, exif ignore", listed) == {}


def test_process_wide_settings_come_back(importable: Project, store: Store) -> None:
    """A pass leaves torch's random state and float32 precision as they were."""
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    precision = torch.get_float32_matmul_precision()
    _score(importable.folder, store)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_float32_matmul_precision() == precision


def test_a_rejected_picture_is_not_scored_from_the_store(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that one model answered before and that changed since is rejected for all: every path counts once."""
    importable.also(f'[models.other]\narch = "python:nets:colour"\noptions = {{ gain = 2.0 }}\n{NETWORK}')
    _score(importable.folder, store, "one")
    original = run.listing

    def then_changed(dataset: Any) -> Any:
        found = original(dataset)
        found.images[0].file.write_bytes(b"other bytes")
        return found

    monkeypatch.setattr(run, "listing", then_changed)
    outcome = _score(importable.folder, store, "two", models=("colour", "other"))
    counts = [(pair.scores.scored, pair.scores.rejected, pair.scores.unscored) for pair in outcome.pairs]
    assert counts == [(11, 1, 0), (11, 1, 0)]


def test_what_was_answered_is_kept_whatever_ends_the_run(
    importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where fewer pictures were answered than are kept together."""
    answered = pipeline.answered

    def interrupted(*asked: Any) -> Iterator[pipeline.Part]:
        parts = answered(*asked)
        yield next(parts)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "answered", interrupted)
    monkeypatch.setattr(pipeline, "threads", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        _score(importable.folder, store)
    partial = store.outcome("run", "colours")
    assert partial is not None
    assert (partial.pairs[0].scores.scored, partial.pairs[0].scores.unscored) == (8, 4)


def test_the_first_failure_is_told(importable: Project, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several threads fail at once; the picture that is named is the first in order, in every run."""
    monkeypatch.setitem(pipeline.PART, "cpu", 1)
    importable.also(f'[models.ill]\narch = "python:nets:nan"\n{NETWORK}')
    [pair] = _score(importable.folder, store, models=("ill",)).pairs
    assert pair.failure is not None
    assert pair.failure.message == "the model's logits are NaN on blue/0000.png"
