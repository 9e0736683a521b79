"""imgcls.golden.recorder: a record holds what a run stored, and stages are computed again as they were."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch

from conftest import Project
from imgcls.data import listing
from imgcls.errors import ModelError
from imgcls.evaluation import agreement
from imgcls.golden import recorder
from imgcls.golden.check import Pair
from imgcls.records.data import ImageRef

Scored = Callable[[], Pair]


def test_a_record_holds_the_predictions_of_a_run(scored: Scored) -> None:
    """Each scored image with its stages, and the context that they depend on."""
    pair = scored()
    current = pair.current_results()
    golden = recorder.record(current, pair.model(), pair.dataset)
    assert (golden.model, golden.dataset, golden.device, golden.runtime) == ("colour", "colours", "cpu", "eager")
    assert [image.path for image in golden.images] == list(current.images)
    assert golden.folders == {"red": (0,), "green": (1,), "blue": (2,)}
    red = next(image for image in golden.images if image.label == "red")
    output = current.images[red.path].output
    assert [(index, name) for index, name, _ in red.top] == [(0, "red"), (1, "green"), (2, "blue")]
    assert [logit for _, _, logit in red.top] == pytest.approx([logit for _, logit in output.top], abs=1e-5)
    assert red.probability == pytest.approx(math.exp(output.top[0][1] - output.logsumexp))
    assert red.pixels[:2] == (16, 16)
    assert red.tensor == pytest.approx(output.fingerprint, abs=1e-6)


def test_every_image_is_decoded_once(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those on which the sensitivity is measured, whose tensors are in the order of their paths."""
    monkeypatch.setattr(recorder, "SAMPLED_IMAGES", 2)
    reads, measured = Counter[str](), []
    read, sensitivity = listing.read, agreement.sensitivity

    def counting(image: ImageRef) -> bytes:
        reads[image.path] += 1
        return read(image)

    def noting(classifier: Any, info: Any, batch: torch.Tensor) -> tuple[float, float]:
        measured.append(batch)
        return sensitivity(classifier, info, batch)

    pair = scored()
    current, model = pair.current_results(), pair.model()
    monkeypatch.setattr(listing, "read", counting)
    monkeypatch.setattr(agreement, "sensitivity", noting)
    golden = recorder.record(current, model, pair.dataset)
    assert reads == dict.fromkeys(current.images, 1)
    hashes = [recorder._sha256(tensor.numpy().tobytes()) for tensor in measured[0]]
    by_hash = {image.tensor_sha256: image.path for image in golden.images}
    assert len(hashes) == 2
    assert [by_hash[tensor] for tensor in hashes] == sorted(by_hash[tensor] for tensor in hashes)


def test_a_trace_is_what_was_recorded(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels, tensors and logits of unchanged images are those of the record; logits only of the first few."""
    monkeypatch.setattr(recorder, "SAMPLED_IMAGES", 2)
    pair = scored()
    golden = recorder.record(pair.current_results(), pair.model(), pair.dataset)
    paths = [image.path for image in golden.images]
    trace = recorder.trace(golden, paths, pair.model(), pair.dataset)
    assert trace.pixels == {image.path: image.pixels for image in golden.images}
    assert trace.tensors == {image.path: image.tensor_sha256 for image in golden.images}
    assert list(trace.logits) == paths[:2]
    for image in golden.images[:2]:
        assert trace.logits[image.path] == pytest.approx({index: logit for index, _, logit in image.top}, abs=1e-5)
    assert trace.training == ()


def test_modules_in_training_mode_are_named(scored: Scored) -> None:
    """By their names in the network; the network itself has none."""
    pair = scored()
    golden = recorder.record(pair.current_results(), pair.model(), pair.dataset)
    pair.model().classifier.module.train()
    assert recorder.trace(golden, [], pair.model(), pair.dataset).training == ("the network itself",)


def test_without_a_scored_image_there_is_nothing_to_record(scored: Scored, project: Project) -> None:
    """A dataset of which every image is rejected has no record."""
    for file in (project.folder / "colours").rglob("*.png"):
        file.write_text(f"not an image, though named {file}")
    pair = scored()
    with pytest.raises(ModelError, match="colour on colours: no image was scored, so there is nothing to record"):
        recorder.record(pair.current_results(), pair.model(), pair.dataset)
