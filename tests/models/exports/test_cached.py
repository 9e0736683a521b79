"""imgcls.models.exports.cached: a made file is complete or absent, and another content is another folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgcls.config.recipe import ExportRecipe
from imgcls.errors import MachineError
from imgcls.models.exports import cached, calibration
from imgcls.models.exports.network import Network

INT8 = ExportRecipe("onnx", "int8", calibration="builtin:digits", images=40)


def test_everything_that_a_file_depends_on_is_in_its_key(reference: Network, odd: Callable[[str], Network]) -> None:
    """Network, weights, input, every part of the recipe, versions, and the images of the calibration."""
    model, images = reference.model, calibration.chosen(INT8)
    others = [
        (INT8, odd("Small").model, {"onnx": "1"}, images),
        (INT8, replace(model, identity={**model.identity, "state_sha256": "0"}), {"onnx": "1"}, images),
        (INT8, replace(model, identity={**model.identity, "input": {}}), {"onnx": "1"}, images),
        *(
            (replace(INT8, **changed), model, {"onnx": "1"}, images)
            for changed in ({"opset": 21}, {"per_channel": False}, {"dynamic_batch": False}, {"format": "openvino"})
        ),
        (INT8, model, {"onnx": "2"}, images),
        (INT8, model, {"onnx": "1"}, images._replace(images=images.images[1:])),
        (replace(INT8, precision="float32"), model, {"onnx": "1"}, None),
    ]
    keys = [cached.key(INT8, model, {"onnx": "1"}, images), *(cached.key(*other) for other in others)]
    assert len(set(keys)) == len(keys)
    assert cached.key(INT8, model, {"onnx": "1"}, images) == keys[0]


def test_a_moved_folder_of_the_same_images_is_the_same(reference: Network, tmp_path: Path) -> None:
    """Images count by their bytes, not by where they are."""
    images = calibration.chosen(INT8)
    moved = replace(INT8, calibration=tmp_path)
    assert cached.key(INT8, reference.model, {}, images) == cached.key(moved, reference.model, {}, images)


def test_it_is_written_once(tmp_path: Path) -> None:
    """The second time it is looked up; a damaged folder is written again."""
    calls: list[Path] = []

    def write(place: Path) -> None:
        calls.append(place)
        (place / "net.onnx").write_bytes(b"network")

    folder = tmp_path / "key"
    for _ in range(2):
        assert (cached.filled(folder, write) / "net.onnx").read_bytes() == b"network"
    assert len(calls) == 1
    (folder / "net.onnx").write_bytes(b"netw")
    assert (cached.filled(folder, write) / "net.onnx").read_bytes() == b"network"
    assert len(calls) == 2


def test_a_failure_leaves_nothing_and_is_raised(tmp_path: Path) -> None:
    """The next attempt begins anew."""

    def fail(place: Path) -> None:
        (place / "half").write_text("half")
        raise ValueError("no operator")

    with pytest.raises(ValueError, match="no operator"):
        cached.filled(tmp_path / "key", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """It is one line with the option that names another."""
    (tmp_path / "store").write_text("a file")

    def never(_place: Path) -> None:
        pytest.fail("there is no place to write to")

    with pytest.raises(MachineError, match=r"store/key cannot be written: free space .*--store DIR$"):
        cached.filled(tmp_path / "store" / "key", never)


def test_without_a_store_it_lives_as_long_as_the_process(python: Any) -> None:
    """The folder is removed at its end."""
    code = "from imgcls.models.exports import cached; home = cached.home(None); print(home, home.is_dir())"
    place, exists = python(code).outlines[0].split()
    assert exists == "True"
    assert not Path(place).exists()


def test_a_full_disk_is_no_fault_of_the_network(tmp_path: Path) -> None:
    """What cannot be written is one line with what to do."""

    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(MachineError, match="cannot be written: free space on the disk, or name another store"):
        cached.filled(tmp_path / "key", fail)
