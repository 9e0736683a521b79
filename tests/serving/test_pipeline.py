"""The steps are the reference's to the bit until one of them is changed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from builders import make_spec
from imgcls.preprocessing import decode, preprocess
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import InputSpec
from imgcls.serving import framing, images
from imgcls.serving.pipeline import Pipeline, tensor_of
from imgcls.serving.steps import Steps

SPECS = [
    make_spec(64, (56, 56)),
    make_spec((60, 50), (48, 56), interpolation="lanczos"),
    make_spec((40, 32), (40, 32), "squash", "bicubic"),
    make_spec((40, 40), (40, 40), "border", "nearest"),
    InputSpec(32, (28, 28), "center", "bilinear", (0.5,), (0.25,)),
]


def _steps(spec: InputSpec, **changes: Any) -> Steps:
    return replace(Steps(spec, "ignore", spec.resize, spec.interpolation, spec.mean, spec.std), **changes)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_unchanged_steps_are_the_reference(spec: InputSpec) -> None:
    """For every kind of image and every kind of input."""
    pipeline, usual = Pipeline(), Preprocessing(spec, "exact")
    with decode.quiet_pillow():
        for image in images.made(spec):
            crop = preprocess.prepare(image.data, [usual]).crops[usual]
            expected = preprocess.batch(spec, [crop])[0].numpy()
            assert np.array_equal(pipeline.tensor(image, _steps(spec)), expected), image.kind


IMAGE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (65, 91, 3), np.uint8))
SAME_SIZE = make_spec(65, (56, 56))


def test_a_crop_begins_where_it_is_told_to() -> None:
    """Rounded half to even, down, or one further."""
    pixels = np.asarray(IMAGE)
    for start, top, left in (("rounded", 4, 18), ("down", 4, 17), ("one more", 5, 19)):
        crop = framing.frame(IMAGE, _steps(SAME_SIZE, start=start))
        assert np.array_equal(crop, pixels[top : top + 56, left : left + 56]), start


def test_values_are_those_of_their_names() -> None:
    """The order of channels, what bytes are divided by, and how often they are normalised."""
    crop = np.asarray(IMAGE)[:56, :56]
    usual = _steps(SAME_SIZE)
    tensor = tensor_of(crop, usual)
    mean, std = (np.array(values, np.float32).reshape(3, 1, 1) for values in (usual.mean, usual.std))
    assert np.array_equal(tensor_of(crop, replace(usual, order="BGR")), tensor_of(crop[:, :, ::-1], usual))
    assert np.array_equal(tensor_of(crop, replace(usual, order="swapped")), tensor[::-1])
    assert np.array_equal(tensor_of(crop, replace(usual, normalised=2)), (tensor - mean) / std)
    raw = replace(usual, scale=1.0, mean=(0.0,) * 3, std=(1.0,) * 3)
    assert np.array_equal(tensor_of(crop, raw), crop.transpose(2, 0, 1))
    reshaped = np.ascontiguousarray(tensor.transpose(1, 2, 0)).reshape(3, 56, 56)
    assert np.array_equal(tensor_of(crop, replace(usual, layout="reshaped")), reshaped)
