"""What somebody's own function takes and returns."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from imgcls.errors import ConfigError, ModelError
from imgcls.serving import function
from imgcls.serving.function import Returned, WrongSize
from serving_models import network

NUMBERS = itertools.count()
SHAPE = (3, 4, 6)
VALUES = np.random.default_rng(4).normal(size=SHAPE).astype(np.float32)


def _called(folder: Path, code: str) -> Returned:
    """The function ``prepare`` of a module that was never imported, for two images."""
    module = f"served_{next(NUMBERS)}"
    (folder / f"{module}.py").write_text(f"import io, numpy as np\nfrom PIL import Image\n{code}")
    return function.called("net", f"python:{module}:prepare", folder, network().images[:2], (3, 2, 2))


ZEROS = "np.zeros((3, 2, 2), np.float32)"


@pytest.mark.parametrize(
    ("code", "form"),
    [
        (f"def prepare(data: bytes): return {ZEROS}", "bytes, as it is annotated"),
        (f"def prepare(file: 'str | None'): open(file).close(); return {ZEROS}", "path, as it is annotated"),
        (f"def prepare(image: Image.Image): image.load(); return {ZEROS}", "Pillow image, as it is annotated"),
        (f"def prepare(array: np.ndarray): array[0, 0, 2]; return {ZEROS}", "NumPy array, as it is annotated"),
        (f"def prepare(x): io.BytesIO(x); return {ZEROS}", "bytes, as it took that first"),
        (f"def prepare(x): open(x).close(); return {ZEROS}", "path, as it took that first"),
        (f"def prepare(x): x.convert('L'); return {ZEROS}", "Pillow image, as it took that first"),
        (f"def prepare(x): x.shape; return {ZEROS}", "NumPy array, as it took that first"),
    ],
)
def test_it_is_fed_what_it_takes(tmp_path: Path, code: str, form: str) -> None:
    """By its annotation, or by trying."""
    returned = _called(tmp_path, code)
    assert returned.errors == {}
    assert returned.notes[0].startswith(f"it is given {form}")
    assert ("how the service decodes files is not checked" in returned.notes[0]) == (form[0] in "PN")


def test_an_image_that_it_fails_on_is_named_and_others_go_on(tmp_path: Path) -> None:
    """With what was raised."""
    body = "    calls.append(1)\n    assert len(calls) != 1, 'no'\n"
    code = f"calls = []\ndef prepare(data: bytes):\n{body}    return {ZEROS}"
    returned = _called(tmp_path, code)
    assert returned.errors == {0: "AssertionError: no"}
    assert list(returned.tensors) == [1]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def prepare(x): raise ValueError('mode')", r"in every form \(bytes: ValueError: mode; path: ValueError"),
        ("def prepare(x: bytes): return np.random.rand(3, 2, 2)", "remove what is random"),
        (
            f"seen = []\ndef prepare(x: bytes):\n  assert x not in seen, 'no'\n  seen.append(x)\n  return {ZEROS}",
            "fails where it is given the same image again: AssertionError: no; remove what it keeps between calls",
        ),
    ],
)
def test_what_cannot_be_compared_is_an_error(tmp_path: Path, code: str, message: str) -> None:
    """In one line."""
    with pytest.raises(ModelError, match=message):
        _called(tmp_path, code)


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        ("service.app:prepare", "not of the form python:package.module:function"),
        ("python:no_such_module:prepare", "cannot be imported: ModuleNotFoundError"),
        ("python:json:lods", "the module json has no function 'lods'; did you mean 'loads'?"),
    ],
)
def test_a_function_that_is_not_there_is_an_error_of_the_configuration(
    tmp_path: Path, preprocess: str, message: str
) -> None:
    """With the key to mend."""
    with pytest.raises(ConfigError, match=r"\[models\.net\.serving\] preprocess: ") as error:
        function.called("net", preprocess, tmp_path, network().images[:1], SHAPE)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (VALUES, None),
        (torch.from_numpy(VALUES), None),
        (torch.from_numpy(VALUES).requires_grad_(), None),
        (VALUES[np.newaxis], "its batch of one was taken apart"),
        (VALUES.transpose(1, 2, 0), "its layout is (h, w, channels), NHWC; it was compared as (channels, h, w)"),
        (VALUES.astype(np.float64), "its float64 was compared as float32"),
        ({"pixel_values": [VALUES]}, "of its dictionary, pixel_values was taken"),
    ],
)
def test_conversions_change_no_value_and_are_noted(value: object, note: str | None) -> None:
    """Containers, types and layouts."""
    notes: list[str] = []
    assert np.array_equal(function.comparable(value, SHAPE, notes), VALUES)
    assert [text for text in notes if note and text.startswith(note)] == notes[: int(bool(note))]
    assert bool(notes) == bool(note)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (VALUES[:, :3], r"it returned \(3, 3, 6\), and the network takes \(3, 4, 6\)"),
        (VALUES[np.newaxis].repeat(2, 0), "a batch of 2, and one image was given"),
        (None, "a NoneType, which is not an array"),
        (VALUES * np.nan, "NaN"),
        ({"a": VALUES, "b": VALUES}, "a dictionary with 2 values"),
    ],
)
def test_what_is_not_one_image_of_the_size_is_an_error(value: object, message: str) -> None:
    """Which names what it is."""
    with pytest.raises(ModelError, match=message):
        function.comparable(value, SHAPE, [])


def test_another_size_is_known_as_such() -> None:
    """For the fault that it is."""
    with pytest.raises(WrongSize) as error:
        function.comparable(VALUES[:, :3], SHAPE, [])
    assert error.value.shape == (3, 3, 6)
