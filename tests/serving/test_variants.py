"""Every fault that is planted is named as itself, and so are two at once."""

import itertools

import numpy as np
import pytest

from imgcls.preprocessing import decode
from imgcls.serving import variants
from imgcls.serving.variants import Variant
from serving_models import all_variants, diagnosis_of, network, reference

ROWS = [pytest.param(name, row, id=f"{name}-{row.name}") for name in ("center", "squash") for row in all_variants(name)]

TOGETHER = {
    "bilinear without antialias", "thumbnail", "crop fraction 0.9", "off by one crop", "channel order",
    "0.5 mean and std", "normalised twice", "JPEG decoder", "Exif orientation applied", "alpha on white",
}  # fmt: skip


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_each_planted_alone_is_named_as_itself(name: str, row: Variant) -> None:
    """With its stage, as the only one, and all of the difference explained by it."""
    diagnosis = diagnosis_of(name, row)
    assert [(fault.stage, fault.name) for fault in diagnosis.faults] == [(row.stage, row.name)]
    assert diagnosis.faults[0].explained == pytest.approx(1, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["center", "squash"])
def test_two_planted_at_once_are_both_named(name: str) -> None:
    """Wherever the two together do something that neither of them does."""
    rows = [row for row in all_variants(name) if row.name in TOGETHER]
    pairs = [pair for pair in itertools.combinations(rows, 2) if variants.compatible(*pair) and _differs(name, pair)]
    wrong = {pair: names for pair in pairs if (names := _named(name, pair)) != {row.name for row in pair}}
    assert len(pairs) >= {"center": 40, "squash": 20}[name]
    assert wrong == {}


def _named(name: str, planted: tuple[Variant, ...]) -> set[str]:
    return {fault.name for fault in diagnosis_of(name, *planted).faults}


def _differs(name: str, pair: tuple[Variant, ...]) -> bool:
    """Whether some image is neither what one makes of it nor what the other does."""
    of = network(name)
    ways = [variants.applied(reference(of), rows) for rows in (pair, pair[:1], pair[1:])]
    with decode.quiet_pillow():
        tensors = [np.stack([of.pipeline.tensor(image, way) for image in of.images]) for way in ways]
    return all(np.abs(tensors[0] - other).max() > 1e-4 for other in tensors[1:])


def test_three_planted_at_once_are_all_named() -> None:
    """As where Keras loads, squashes and scales an image."""
    names = {"squash for crop", "nearest interpolation", "0.5 mean and std"}
    planted = [row for row in all_variants("center") if row.name in names]
    assert _named("center", tuple(planted)) == names


def test_all_that_is_known_to_go_wrong_is_tried() -> None:
    """For a network with the usual input; a row less would only be a culprit less."""
    assert {row.name for row in all_variants("center")} >= {
        "draft mode", "JPEG decoder", "nearest interpolation", "bicubic interpolation", "lanczos interpolation",
        "bilinear without antialias", "bicubic without antialias", "OpenCV's area", "OpenCV's nearest",
        "unrounded resize", "cut to bytes", "squash for crop", "letterbox", "thumbnail", "thumbnail to the crop",
        "square crop first", "central crop first", "crop fraction 0.9", "crop fraction 0.95", "crop fraction 1",
        "long side rounded", "crop start rounded down", "off by one crop", "channel order", "swapped channels",
        "not divided by 255", "divided by 255 twice", "normalised twice", "0.5 mean and std", "CLIP's mean and std",
        "not normalised", "raw bytes", "mean only", "caffe's values", "NHWC read as NCHW", "rows and columns swapped",
        "Exif orientation applied", "colour management", "alpha on white", "alpha on black", "16 bits clipped",
    }  # fmt: skip


def test_names_are_unique() -> None:
    """A report names a fault by its name only."""
    for name in ("center", "squash"):
        names = [row.name for row in all_variants(name)]
        assert len(names) == len(set(names))


def test_what_is_tested_is_no_variant() -> None:
    """No row leaves the steps as they are."""
    for name in ("center", "squash"):
        usual = reference(network(name))
        assert [row.name for row in all_variants(name) if variants.applied(usual, [row]) == usual] == []


def test_sentences_name_the_remedy_in_the_words_of_a_user() -> None:
    """What is served, what the network was tested with, and what to write."""
    sentences = {row.name: row.what for row in all_variants("center")}
    assert sentences["bilinear without antialias"] == (
        "resize is bilinear without antialias, as cv2.INTER_LINEAR, tf.image.resize and antialias=False do; the "
        "network was tested with Pillow's bilinear, with antialias"
    )
    assert "cvtColor(image, COLOR_BGR2RGB)" in sentences["channel order"]
    assert 'exif = "apply"' in sentences["Exif orientation applied"]
