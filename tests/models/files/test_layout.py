"""imgcls.models.files.layout: which dimension of an input is which."""

import pytest

from imgcls.errors import ConfigError, ModelError
from imgcls.models.files import layout
from network_files import make_spec

SPEC = make_spec("onnx:net.onnx")


@pytest.mark.parametrize(
    ("dimensions", "expected"),
    [
        ((None, 3, 224, 192), ("NCHW", None, 3, (224, 192))),
        ((1, 224, 192, 3), ("NHWC", 1, 3, (224, 192))),
        ((None, 1, None, None), ("NCHW", None, 1, None)),
    ],
)
def test_read_from_the_shape(dimensions: tuple[int | None, ...], expected: tuple[object, ...]) -> None:
    """Three channels or one are either the second or the last dimension."""
    assert layout.read(SPEC, "net.onnx", dimensions)[:4] == expected


@pytest.mark.parametrize("dimensions", [(1, 3, 3, 3), (None, None, None, None), (1, 4, 8, 8)])
def test_what_is_ambiguous(dimensions: tuple[int | None, ...]) -> None:
    """Both or none: the key is named, and then counts."""
    with pytest.raises(ConfigError, match='give layout = "NCHW" or layout = "NHWC"'):
        layout.read(SPEC, "net.onnx", dimensions)
    shape = layout.read(make_spec("onnx:net.onnx", layout="NHWC"), "net.onnx", dimensions)
    assert (shape.layout, shape.channels, shape.note) == ("NHWC", dimensions[3], "")


@pytest.mark.parametrize("dimensions", [(), (None, 512), (1, 3, 16, 224, 224)])
def test_what_is_not_images(dimensions: tuple[int | None, ...]) -> None:
    """An input of another number of dimensions is refused with its shape."""
    with pytest.raises(ModelError, match="not images"):
        layout.read(SPEC, "net.onnx", dimensions)
