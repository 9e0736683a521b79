"""imgcls.parity.sample: a few images as both models have them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Project
from imgcls.data import dataset as datasets
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.parity import sample
from imgcls.parity.sample import Sample
from imgcls.records.data import ImageRef
from shipped import COLOURS, colour_spec


@pytest.fixture
def colour(importable: Project) -> Model:
    assert importable
    return loader.load(colour_spec(), "cpu")


def test_both_models_are_fed_as_they_preprocess(colour: Model) -> None:
    """Each has the tensor of its own input, and its logits are those of that tensor."""
    brighter = loader.load(colour_spec(input={**colour_spec().input, "mean": (0.0,) * 3}), "cpu")
    images = datasets.list_images(COLOURS).images[::4]
    drawn = sample.draw(colour, brighter, images, COLOURS, {"red": (0,), "green": (1, 2)})
    assert drawn is not None
    assert drawn.images == images
    assert [image.path for image in images] == ["blue/0000.png", "green/0000.png", "red/0000.png"]
    assert drawn.accepted == (frozenset(), frozenset({1, 2}), frozenset({0}))
    assert (drawn.batch.shape, drawn.batch.dtype) == ((3, 3, 8, 8), torch.float32)
    assert torch.allclose(drawn.export_batch, drawn.batch + 1)
    assert np.array_equal(drawn.reference, colour(drawn.batch).numpy())
    assert np.array_equal(drawn.export, brighter(drawn.export_batch).numpy())


def test_both_have_one_tensor_where_they_preprocess_alike(colour: Model) -> None:
    """No image is normalised twice."""
    drawn = sample.draw(colour, loader.load(colour_spec(), "cpu"), datasets.list_images(COLOURS).images, COLOURS, {})
    assert drawn is not None
    assert drawn.export_batch is drawn.batch


def test_images_that_do_not_decode_are_left_out(colour: Model) -> None:
    """An image that changed since it was listed is not of the sample, and without any there is none."""
    images = datasets.list_images(COLOURS).images[:2]
    images[0].file.write_bytes(b"no image")
    drawn = sample.draw(colour, colour, images, COLOURS, {})
    assert drawn is not None
    assert drawn.images == images[1:]
    assert sample.draw(colour, colour, images[:1], COLOURS, {}) is None


def test_rows_of_a_sample(tmp_path: Path) -> None:
    """Some places of a sample are a sample with these images only, in this order."""
    images = tuple(ImageRef(f"{n}.png", tmp_path, f"{n}", None) for n in range(3))
    batch, logits = torch.arange(3.0)[:, None, None, None], np.arange(6, dtype=np.float32).reshape(3, 2)
    whole = Sample(images, tuple(frozenset({n}) for n in range(3)), batch, batch + 1, logits, logits + 1)
    some = whole.at([2, 0])
    assert len(some) == 2
    assert [image.path for image in some.images] == ["2.png", "0.png"]
    assert some.accepted == (frozenset({2}), frozenset({0}))
    assert some.batch.flatten().tolist() == [2, 0]
    assert some.export_batch.flatten().tolist() == [3, 1]
    assert some.reference.tolist() == [[4, 5], [0, 1]]
    assert some.export.tolist() == [[5, 6], [1, 2]]
