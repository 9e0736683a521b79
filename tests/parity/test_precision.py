"""imgcls.parity.precision: in which numbers an export computes is read from its file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Project
from imgcls.models import loader
from imgcls.models.files.network import Contents
from imgcls.models.sources import base as sources
from imgcls.parity import precision
from imgcls.records.config import ModelSpec
from shipped import INPUT, colour_spec, write_onnx


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ({"float32": 2}, "float32"),
        ({"float32": 9, "int64": 1, "int32": 2}, "float32"),
        ({"float16": 1, "float32": 9}, "float16"),
        ({"bfloat16": 1}, "bfloat16"),
        ({"int8": 1, "float16": 9, "float32": 1}, "int8"),
        ({"u8": 1, "float32": 1}, "int8"),
    ],
)
def test_the_narrowest_weights_decide(
    importable: Project, monkeypatch: pytest.MonkeyPatch, types: Mapping[str, int], expected: str
) -> None:
    """Of a file of several types it is the narrowest; indices and biases of 32 bits are no precision."""
    file = write_onnx(importable.folder / "ship.onnx")
    model = loader.load(ModelSpec("ship", f"onnx:{file}", labels=Path("names.txt"), input=INPUT), "cpu")
    source = sources.of(model.spec)
    contents: Contents = source.contents(model.spec)  # type: ignore[attr-defined]  # a source of files
    monkeypatch.setattr(source, "contents", lambda _: replace(contents, weight_types=types))
    assert precision.of(model) == expected


@pytest.mark.parametrize(("dtype", "expected"), [("float16", "float16"), ("uint8", "float32"), ("int8", "float32")])
def test_an_input_in_half_precision_counts(
    importable: Project, monkeypatch: pytest.MonkeyPatch, dtype: str, expected: str
) -> None:
    """Images that are rounded to float16 leave no more than that, whatever the weights are; bytes are exact."""
    file = write_onnx(importable.folder / "ship.onnx")
    model = loader.load(ModelSpec("ship", f"onnx:{file}", labels=Path("names.txt"), input=INPUT), "cpu")
    source = sources.of(model.spec)
    contents: Contents = source.contents(model.spec)  # type: ignore[attr-defined]  # a source of files
    given = replace(contents, port=replace(contents.port, dtype=dtype))
    monkeypatch.setattr(source, "contents", lambda _: given)
    assert precision.of(model) == expected


def test_what_is_no_file_computes_as_it_is_run(importable: Project) -> None:
    """The precision of a network of PyTorch is that of its configuration."""
    assert importable
    assert precision.of(loader.load(colour_spec(precision="bfloat16"), "cpu")) == "bfloat16"
