"""A model's neighbours change nothing: its part of a document is the same with any others, before it or beside it."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import NETWORK, Project
from image_files import lossless_jpeg, png_of_16_bits
from imgcls.config import loader as configuration
from imgcls.errors import Undecodable
from imgcls.evaluation import evaluator, results
from imgcls.models.pool import ModelPool
from imgcls.preprocessing import decode, upper_rows
from imgcls.records.evaluation import DatasetOutcome
from imgcls.store.database import Store

MODELS = ("colour", "quick", "wide", "small")

OTHERS = f"""
[datasets.upright]
path = "colours"
exif = "apply"
labels = "name"

[models.quick]
arch = "python:nets:colour"
decode = "fast"
{NETWORK}

[models.wide]
arch = "python:nets:colour"
decode = "fast"
{NETWORK.replace("resize = 8", "resize = 40")}

[models.small]
arch = "python:nets:colour"
{NETWORK.replace("= 8", "= 4")}
"""

OF_A_RUN = frozenset({"images_per_second", "set_seconds", "from_store"})
"""What a run took, and what it found done."""

LOSSLESS = lossless_jpeg(np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8))


@pytest.fixture
def settings(importable: Project, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Four models and two datasets of the same files, of which not all decode in every way."""
    for module, failure in (decode, Undecodable("corrupt", "its last block is damaged")), (upper_rows, None):
        monkeypatch.setattr(module, "decode", _failing_for(_photograph(3), module.decode, failure))
    importable.also(OTHERS)
    folder = importable.folder / "colours" / "red"
    (folder / "lossless.jpg").write_bytes(LOSSLESS)
    (folder / "broken.jpg").write_bytes(LOSSLESS[:200])
    (folder / "text.png").write_bytes(b"not an image")
    (folder / "deep.png").write_bytes(png_of_16_bits(np.full((16, 16, 3), 40_000, np.uint16)))
    (folder / "turned.jpg").write_bytes(_photograph(6))
    (folder / "fast-only.jpg").write_bytes(_photograph(3))
    return configuration.load([importable.folder / "imgcls.toml"])


def _photograph(orientation: int) -> bytes:
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.linear_gradient("L").convert("RGB").crop((0, 0, 100, 60)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def _failing_for(file: bytes, exact: Callable[..., Any], failure: Exception | None) -> Callable[..., Any]:
    """An exact way of decoding, which fails for one file more: it raises, or leaves that to the one that does."""

    def decoded(data: bytes, *arguments: Any) -> Any:
        if data != file:
            return exact(data, *arguments)
        if failure:
            raise failure
        return None

    return decoded


def _parts(settings: Any, store: Store, models: Sequence[str], run_id: str) -> Iterator[tuple[tuple[str, str], Any]]:
    """What a run states of each pair of these models and both datasets."""
    pool = ModelPool(settings.models, "cpu")
    for dataset in settings.datasets.values():
        outcome = evaluator.evaluate(run_id, dataset, models, pool, store, lambda *_: None)
        for model in models:
            yield (model, dataset.name), _part(outcome, store, model, run_id)


def _part(outcome: DatasetOutcome, store: Store, model: str, run_id: str) -> Any:
    scores = outcome.pair(model).scores
    assert scores.listed == scores.scored + scores.rejected + scores.ignored + scores.unscored
    row = results.result_of(outcome.pair(model), outcome, {})
    rejections = [replace(one, models=()) for one in outcome.rejections if model in one.models or not one.models]
    assert len(rejections) == scores.rejected
    predictions = [one for one in results.predictions(store, run_id, [outcome]) if one.model == model]
    result = {name: getattr(row, name) for name in row.__slots__ if name not in OF_A_RUN}
    return result | {"rejections": rejections, "predictions": predictions}


def _differences(part: Any, other: Any) -> dict[str, Any]:
    return {name: (value, other[name]) for name, value in part.items() if value != other[name]}


@pytest.fixture
def apart(settings: Any) -> dict[tuple[str, str], Any]:
    """What is stated of each pair where nothing was scored before or beside it."""
    parts: dict[tuple[str, str], Any] = {}
    for model in MODELS:
        with closing(Store(None)) as store:
            parts.update(_parts(settings, store, [model], "run"))
    return parts


@pytest.mark.slow
def test_together_or_apart_the_document_is_the_same(settings: Any, apart: dict[tuple[str, str], Any]) -> None:
    """Every subset of the models, in one run with a new store."""
    for count in range(2, len(MODELS) + 1):
        for models in combinations(MODELS, count):
            with closing(Store(None)) as store:
                for pair, part in _parts(settings, store, models, "run"):
                    assert not _differences(part, apart[pair]), (pair, models)


@pytest.mark.slow
def test_what_was_scored_before_changes_nothing(settings: Any, apart: dict[tuple[str, str], Any]) -> None:
    """One model after the other with one store, in every order, and then all of them from the store."""
    for order in permutations(MODELS[:3]):
        with closing(Store(None)) as store:
            for models in (*([model] for model in order), order):
                for pair, part in _parts(settings, store, models, "-".join(models)):
                    assert not _differences(part, apart[pair]), (pair, order)


def test_a_lossless_jpeg_is_rejected_for_no_model(settings: Any) -> None:
    """It is decoded exactly where the fast way fails, and that is said of the models that this is true of."""
    with closing(Store(None)) as store:
        dataset = settings.datasets["colours"]
        pool = ModelPool(settings.models, "cpu")
        both = evaluator.evaluate("one", dataset, ["quick", "colour"], pool, store, lambda *_: None)
        assert "red/lossless.jpg" not in {one.path for one in both.rejections}
        assert both.remarks[decode.DECODED_EXACTLY] == 1
        exact = evaluator.evaluate("two", dataset, ["colour"], pool, store, lambda *_: None)
        assert (exact.pair("colour").scores.scored, exact.pair("colour").scores.rejected) == (15, 3)
        assert decode.DECODED_EXACTLY not in exact.remarks


def test_what_one_way_does_not_decode_is_rejected_for_it_only(settings: Any) -> None:
    """Where only the exact way fails, the fast model has a prediction, in this run and from the store."""
    dataset, pool = settings.datasets["colours"], ModelPool(settings.models, "cpu")
    with closing(Store(None)) as store:
        for run in ("one", "two"):
            outcome = evaluator.evaluate(run, dataset, ["colour", "quick"], pool, store, lambda *_: None)
            assert [outcome.pair(name).scores.rejected for name in ("colour", "quick")] == [3, 2]
            of_file = [one.models for one in outcome.rejections if one.path == "red/fast-only.jpg"]
            assert (of_file, results.files_of(outcome).rejected) == ([("colour",)], 2)
