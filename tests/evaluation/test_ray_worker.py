"""imgcls.evaluation.ray_worker: an actor computes what this process does, and never raises for an image or a model."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import Project
from imgcls import hashing
from imgcls.config import loader as configuration
from imgcls.data import dataset as datasets
from imgcls.errors import OutOfMemory
from imgcls.evaluation import ray_rows, ray_worker
from imgcls.evaluation.decoding import Decoding
from imgcls.evaluation.pipeline import BatchResult
from imgcls.evaluation.ray_worker import Actor, RemoteModel, Work
from imgcls.models import loader
from imgcls.models.pool import ModelPool
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.records.config import Precision, Settings
from imgcls.records.data import ImageRef


@pytest.fixture(autouse=True)
def process_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An actor changes its own process: threads, working folder, Pillow's limits."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    threads, folder = torch.get_num_threads(), Path.cwd()
    yield
    torch.set_num_threads(threads)
    os.chdir(folder)


def _work(settings: Settings, *names: str, outputs: int = 3, **parts: Any) -> Work:
    """For the models of a configuration; ``outputs`` and ``parts``: what is different at the driver."""
    dataset = settings.datasets["colours"]
    pool = ModelPool(settings.models, "cpu")
    models = []
    for name in names:
        here = {**pool.get(name).key_parts(Decoding(dataset).name), **parts}
        key = "00" * 32 if parts else pool.get(name).prediction_key(Decoding(dataset).name)
        parts_here = json.loads(hashing.canonical(here))
        models.append(RemoteModel(settings.models[name], "eager", key, parts_here, outputs, "float32", None))
    return Work(dataset, tuple(models), "cpu", 1, Path.cwd())


def _result(actor: Actor, images: list[ImageRef], *names: str) -> BatchResult:
    rows: Mapping[str, Any] = actor({"at": [7], "part": [ray_rows.pack_part(images, names)]})
    assert (rows["at"], rows["node"]) == ([7], [platform.node()])
    return ray_rows.unpack_result(rows["result"][0], images)


def _images(settings: Settings) -> list[ImageRef]:
    return list(datasets.list_images(settings.datasets["colours"]).images)


def test_every_image_has_an_output_or_a_rejection(importable: Project) -> None:
    """A file that does not decode is a row like any other; images of several threads are one result."""
    (importable.folder / "colours/red/bad.png").write_bytes(b"not an image")
    settings = configuration.load([importable.folder / "imgcls.toml"])
    images = _images(settings)
    result = _result(Actor(_work(settings, "colour")), images, "colour")
    [rejected] = [one for rejections in result.rejected.values() for one in rejections]
    assert (rejected.image.path, rejected.reason, rejected.permanent) == ("red/bad.png", "not_an_image", True)
    best = {image.path: output.top[0][0] for image, output in result.outputs["colour"]}
    assert best == {
        image.path: ["red", "green", "blue"].index(str(image.label)) for image in images if image != rejected.image
    }
    assert (result.images, set(result.seconds)) == (13, {"colour"})


def test_a_batch_that_was_halved_is_noted(importable: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As without Ray."""
    forward = EagerClassifier.forward

    def narrow(self: EagerClassifier, batch: torch.Tensor) -> Any:
        if len(batch) > 4:
            raise OutOfMemory(f"{len(batch)} images do not fit")
        return forward(self, batch)

    monkeypatch.setattr(EagerClassifier, "forward", narrow)
    settings = configuration.load([importable.folder / "imgcls.toml"])
    result = _result(Actor(_work(settings, "colour")), _images(settings), "colour")
    assert result.notes["colour"].startswith("its batches were of 4 and not of 8 images, ")


def test_the_datasets_limit_of_pixels_holds(importable: Project) -> None:
    """Of an image that has more pixels there is no prediction, as without Ray."""
    settings = configuration.load([importable.folder / "imgcls.toml"])
    limited = replace(settings.datasets["colours"], max_megapixels=4e-6)
    settings = replace(settings, datasets={"colours": limited})
    result = _result(Actor(_work(settings, "colour")), _images(settings), "colour")
    [rejected] = result.rejected.values()
    assert ({one.reason for one in rejected}, len(rejected), result.outputs) == ({"too_large"}, 12, {})


def test_a_model_that_fails_is_not_run_again_and_the_others_are(importable: Project) -> None:
    """Its error is in the result of every part."""
    importable.also('[models.broken]\narch = "python:nets:broken"\nlabels = "names.txt"\n')
    settings = configuration.load([importable.folder / "imgcls.toml"])
    work = _work(settings, "colour")
    broken = RemoteModel(settings.models["broken"], "eager", "00" * 32, {}, 3, "float32", None)
    actor = Actor(Work(work.dataset, (*work.models, broken), "cpu", 1, Path.cwd()))
    images = _images(settings)
    for part in (images[:6], images[6:]):
        result = _result(actor, part, "colour", "broken")
        assert (len(result.outputs["colour"]), list(result.outputs)) == (6, ["colour"])
        error = result.failures["broken"]
        assert str(error).startswith(f"on the node {platform.node()}: [models.broken] python:nets:broken failed")
        assert ("this factory is broken" in str(error), error.exit_code) == (True, 1)
    only_broken = _result(actor, images, "broken")
    assert (only_broken.outputs, list(only_broken.failures)) == ({}, ["broken"])


def test_another_number_of_outputs_than_at_the_driver_is_a_failure(importable: Project) -> None:
    """As it is in one process."""
    settings = configuration.load([importable.folder / "imgcls.toml"])
    result = _result(Actor(_work(settings, "colour", outputs=1000)), _images(settings), "colour")
    assert str(result.failures["colour"]) == "colour has 3 outputs, and 1000 by its last layer"


def test_predictions_that_would_not_be_the_drivers_are_refused_with_what_differs(importable: Project) -> None:
    """And with the name of the node."""
    settings = configuration.load([importable.folder / "imgcls.toml"])
    actor = Actor(_work(settings, "colour", torch="1.0"))
    error = _result(actor, _images(settings), "colour").failures["colour"]
    assert str(error) == (
        f"on the node {platform.node()}: predictions would not be the driver's: torch 1.0 at the driver and "
        f"{torch.__version__} there. Give every node the same environment, or run imgcls on a machine like its nodes"
    )
    assert error.exit_code == 3


def test_an_actor_works_in_the_drivers_folder_with_the_cores_that_it_is_granted(importable: Project) -> None:
    """So that relative paths are the same files; where a node has no such folder, files are what is missing."""
    settings = configuration.load([importable.folder / "imgcls.toml"])
    work = _work(settings, "colour")
    elsewhere = importable.folder / "elsewhere"
    Actor(Work(work.dataset, work.models, "cpu", 1, elsewhere))
    assert Path.cwd() == importable.folder
    elsewhere.mkdir()
    Actor(Work(work.dataset, work.models, "cpu", 1, elsewhere))
    assert (Path.cwd(), os.environ["OMP_NUM_THREADS"], torch.get_num_threads()) == (elsewhere, "1", 1)


def test_threads_take_images_that_all_batches_divide(importable: Project) -> None:
    """So that only the last batch of a part is filled up with copies."""
    settings = configuration.load([importable.folder / "imgcls.toml"])
    actor = Actor(_work(settings, "colour"))
    [stage] = actor._stages.values()
    assert ray_worker._images_per_thread([stage]) % stage.batch_size == 0


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_of_two_precisions_it_runs_the_requested_one(importable: Project, precision: Precision) -> None:
    """The key is that of both together, as at the driver."""
    settings = configuration.load([importable.folder / "imgcls.toml"])
    settings = replace(settings, models={"colour": replace(settings.models["colour"], precision="auto")})
    dataset, model = settings.datasets["colours"], ModelPool(settings.models, "cpu").get("colour")
    both = loader.scored_again(model, "bfloat16", dataset.name)
    parts = json.loads(hashing.canonical(both.key_parts(Decoding(dataset).name)))
    key = both.prediction_key(Decoding(dataset).name)
    remote = RemoteModel(settings.models["colour"], "eager", key, parts, 3, precision, "bfloat16")
    result = _result(Actor(Work(dataset, (remote,), "cpu", 1, Path.cwd())), _images(settings), "colour")
    logits = np.array([logit for _, output in result.outputs["colour"] for _, logit in output.top], np.float32)
    is_rounded = not (logits.view(np.uint32) & 0xFFFF).any()
    assert (len(result.outputs["colour"]), is_rounded) == (12, precision == "bfloat16")
