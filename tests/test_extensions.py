"""imgcls.extensions: a row for each runtime and source of our own; those of packages are in tests/models."""

from importlib import import_module

import pytest

from imgcls import extensions
from imgcls.models.sources import (
    exported,
    onnx,
    openvino_ir,
    python,
    reference,
    tflite,
    timm,
    torchhub,
    torchscript,
    torchvision,
    transformers,
    unavailable,
)
from imgcls.models.sources.base import Source


@pytest.mark.parametrize("name", ["tvm", "numpy ", ""])
def test_names_without_a_row(name: str) -> None:
    """A name that neither imgcls nor an installed package has gives None."""
    assert (extensions.runtime(name), extensions.source(name)) == (None, None)


def test_every_source_follows_the_protocol() -> None:
    """Each row names the module of a source, and every source has a row."""
    sources: dict[str, Source] = {
        "torchvision": torchvision.SOURCE,
        "timm": timm.SOURCE,
        "python": python.SOURCE,
        "torchhub": torchhub.SOURCE,
        "transformers": transformers.SOURCE,
        "reference": reference.SOURCE,
        "onnx": onnx.SOURCE,
        "openvino": openvino_ir.SOURCE,
        "exported": exported.SOURCE,
        "torchscript": torchscript.SOURCE,
        "tflite": tflite.SOURCE,
        "tensorrt": unavailable.SOURCE,
        "coreml": unavailable.SOURCE,
    }
    assert {name: row.module for name, row in extensions.SOURCES.items()} == {
        name: type(source).__module__ for name, source in sources.items()
    }


@pytest.mark.parametrize("row", extensions.RUNTIMES.values(), ids=list(extensions.RUNTIMES))
def test_every_runtime_can_be_built(row: extensions.RuntimeRow) -> None:
    """Each row names a module with a function ``build``."""
    assert callable(import_module(row.module).build)


def test_a_configuration_may_name_runtimes_of_several_sources() -> None:
    """NumPy and the runtimes of files run only networks of their own source, so that nothing else may name them."""
    assert extensions.selectable_runtimes() == ("eager", "compile", "cuda-graph", "openvino")
