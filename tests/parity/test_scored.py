"""imgcls.parity.scored: one pass of a reference and its exports, and the images on which logits are compared."""

from pathlib import Path

import pytest

from conftest import Project
from imgcls.evaluation import evaluator
from imgcls.parity import scored
from imgcls.parity.candidates import Candidate
from imgcls.parity.scored import Scored
from imgcls.records.config import ExportSpec
from imgcls.store.database import Store
from shipped import COLOURS, RED_TO_GREEN, colour_spec, write_onnx


def _scored(*exports: ExportSpec, run_id: str = "run", store: Store | None = None) -> Scored:
    return Scored(
        colour_spec(),
        exports,
        COLOURS,
        store=store or Store(None),
        device="cpu",
        run_id=run_id,
        progress=lambda *_: None,
    )


def _shipped(name: str = "ship") -> ExportSpec:
    return ExportSpec(name, "onnx", write_onnx(Path(f"{name}.onnx"), *RED_TO_GREEN))


def _only(of: Scored) -> Candidate:
    (candidate,) = of.exports
    assert isinstance(candidate, Candidate)
    return candidate


def test_flips_are_sampled_in_addition_to_what_is_spread(importable: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images spread evenly come first, then flips that are not among them, each once."""
    assert importable
    monkeypatch.setattr(scored, "SPREAD_IMAGES", 4)
    monkeypatch.setattr(scored, "FLIPPED_IMAGES", 2)
    all_scored = _scored(_shipped())
    candidate = _only(all_scored)
    flipped = all_scored.common(candidate).flipped
    assert len(flipped) == 4
    drawn = all_scored.sample(candidate, flipped)
    assert drawn is not None
    paths = [image.path for image in drawn.images]
    assert paths[:4] == ["blue/0000.png", "blue/0003.png", "green/0002.png", "red/0001.png"]
    assert paths[4:] == ["red/0000.png", "red/0003.png"]
    assert drawn.accepted[3] == frozenset({0})


def test_a_second_process_of_a_run_reads_what_the_first_one_left(
    importable: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome is in the store, and only the images of the sample are listed again."""
    store = Store(importable.folder / "store")
    first = _scored(_shipped(), store=store)
    passes: list[object] = []
    monkeypatch.setattr(evaluator.Evaluator, "run", lambda *_: passes.append(1))
    second = _scored(_shipped(), store=store)
    assert passes == []
    assert second.outcome == first.outcome
    assert second.common(_only(second)) == first.common(_only(first))
    assert second.sample(_only(second)) is not None


def test_the_pass_is_one_for_all(importable: Project) -> None:
    """Reference and exports are scored together, by the names of the configuration."""
    assert importable
    both = _scored(_shipped("a"), _shipped("b"))
    assert [of.models for of in both.outcome.passes] == [("colour", "colour.exports.a", "colour.exports.b")]
