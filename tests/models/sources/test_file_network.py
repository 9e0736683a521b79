"""imgcls.models.sources.file_network: a network in a file goes through everything that other models go through."""

from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Command, Project
from imgcls.errors import ConfigError, ModelError
from imgcls.models import loader
from imgcls.models.files.network import Contents, FileNetwork
from imgcls.models.sources import onnx
from imgcls.models.sources.base import of
from imgcls.records.config import ModelSpec
from imgcls.system import versions
from network_files import NAMES, make_spec, write_onnx

if not versions.has_library("onnx"):
    pytest.skip("onnxruntime: not installed", allow_module_level=True)


def test_it_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one of its files changes, what was read is used again."""
    file, read = write_onnx(tmp_path / "net.onnx"), onnx.OnnxSource.read
    reads: list[Path] = []

    def counted(source: onnx.OnnxSource, spec: ModelSpec, file: Path) -> Contents:
        reads.append(file)
        return read(source, spec, file)

    monkeypatch.setattr(onnx.OnnxSource, "read", counted)
    spec = make_spec(f"onnx:{file}")
    loader.load(spec, "cpu")
    loader.load(spec, "cpu")
    assert len(reads) == 1
    write_onnx(file, after=["Softmax"])
    loader.load(spec, "cpu")
    assert len(reads) == 2


def test_the_module_stands_for_the_file(tmp_path: Path) -> None:
    """It has no tensors, and PyTorch cannot run it."""
    model = loader.load(make_spec(f"onnx:{write_onnx(tmp_path / 'net.onnx')}"), "cpu")
    module = model.classifier.module
    assert isinstance(module, FileNetwork)
    assert module.state_dict() == {}
    with pytest.raises(ModelError, match="runs only on its own runtime"):
        module(torch.zeros(1, 3, 8, 8))


def test_it_cannot_be_trained(tmp_path: Path) -> None:
    """Building it anew is refused with what to train instead."""
    spec = make_spec(f"onnx:{write_onnx(tmp_path / 'net.onnx')}")
    with pytest.raises(ConfigError, match="which cannot be trained: train the network that it was made from"):
        of(spec).build(spec)


def test_grey_images(tmp_path: Path) -> None:
    """A file of one channel gets grey images, normalised as their mean channel is."""
    spec = make_spec(f"onnx:{write_onnx(tmp_path / 'net.onnx', shape=('n', 1, 8, 8))}")
    assert of(spec).input_spec(spec).mean == (0.449,)  # type: ignore[union-attr]


def test_images_that_are_not_square(tmp_path: Path) -> None:
    """The usual input of a file for 8 x 12 pixels squashes images to that size."""
    spec = make_spec(f"onnx:{write_onnx(tmp_path / 'net.onnx', shape=('n', 3, 8, 12))}")
    result = of(spec).input_spec(spec)
    assert result is not None
    assert (result.resize, result.crop, result.crop_mode) == ((8, 12), (8, 12), "squash")


def test_the_word_is_enough_for_predict(project: Project, imgcls: Command, tmp_path: Path) -> None:
    """``imgcls predict --models onnx:FILE`` prints its classes by the names in its metadata."""
    write_onnx(tmp_path / "net.onnx", metadata={"names": "['cat', 'dog', 'ewe', 'fox', 'gnu']"})
    image = next(project.folder.rglob("*.png"))
    result = imgcls("predict", str(image), "--models", "onnx:net.onnx")
    assert result.ret == 0
    assert any(name in result.stdout.str() for name in ("cat", "dog", "ewe", "fox", "gnu"))


def test_the_profiler_sees_nothing_of_it(imgcls: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``imgcls profile`` is refused in one line."""
    write_onnx(tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    result = imgcls("profile", "onnx:net.onnx")
    assert result.ret != 0
    assert "runs on onnx, of which torch.profiler sees no operators" in result.stderr.str()


def test_training_is_refused(project: Project, imgcls: Command, tmp_path: Path) -> None:
    """``imgcls train --arch onnx:FILE`` is refused in one line."""
    write_onnx(tmp_path / "net.onnx")
    images = next(folder for folder in project.folder.iterdir() if folder.is_dir() and any(folder.rglob("*.png")))
    result = imgcls("train", str(images), "--arch", "onnx:net.onnx", "--epochs", "1", "--out", "out")
    assert result.ret != 0
    assert "cannot be trained" in result.stderr.str()


def test_pixels_of_another_range_than_the_file_takes(tmp_path: Path) -> None:
    """What the configuration overrides is a note with the lines to write, and nothing states that it were right."""
    mean = {"mean": np.full((1, 3, 1, 1), 123, np.float32), "std": np.full((1, 3, 1, 1), 58, np.float32)}
    file = write_onnx(tmp_path / "net.onnx", before=[("Sub", ["mean"]), ("Div", ["std"])], constants=mean)
    fed = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.25, 0.5)}
    notes = loader.load(make_spec(f"onnx:{file}", input=fed), "cpu").info.notes
    assert (
        "net.onnx: it is fed with mean = 0.5 and std = [0.5, 0.25, 0.5], as configured: "
        "give mean = 0 and std = 0.00392156863 in [models.net.input] for what it takes"
    ) in notes
    same = {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}
    assert not any(
        "is fed with" in note for note in loader.load(make_spec(f"onnx:{file}", input=same), "cpu").info.notes
    )


@pytest.mark.parametrize(("labels", "used"), [(None, "are used"), ("names.txt", "are not used, because `labels` is")])
def test_names_of_classes_are_used_where_nothing_else_is_configured(
    tmp_path: Path, labels: str | None, used: str
) -> None:
    """Next to configured classes those of the file are only named."""
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\ne\n")
    file = write_onnx(tmp_path / "net.onnx", metadata={"names": str(dict(enumerate(NAMES)))})
    model = loader.load(make_spec(f"onnx:{file}", labels=labels and tmp_path / labels), "cpu")
    assert any(f"net.onnx: its own names of {len(NAMES)} classes {used}" in note for note in model.info.notes)
    assert (model.labels.names == tuple(NAMES)) == (labels is None)


@pytest.mark.parametrize(
    ("dtype", "note"),
    [
        ("INT32", "the input is int32: it takes bytes in [0, 255], not normalised"),
        ("FLOAT16", "the input is float16: images are rounded to it"),
    ],
)
def test_a_type_that_does_not_hold_images_as_they_are(tmp_path: Path, dtype: str, note: str) -> None:
    """Whole numbers are bytes, and what is rounded to half precision is a note."""
    file = write_onnx(tmp_path / "net.onnx", before=[("Cast", ())], dtype=dtype)
    model = loader.load(make_spec(f"onnx:{file}"), "cpu")
    assert f"net.onnx: {note}" in model.info.notes
    assert (model.input.std == (1 / 255,) * 3) == (dtype == "INT32")
