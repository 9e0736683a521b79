"""The recipe on a handful of digits: what it writes, that it writes the same again, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from imgcls import digest, digits, train
from imgcls.errors import ConfigError, MachineError, ModelError
from imgcls.records import InputSpec

ARCH = "timm:test_efficientnet"
SPEC = InputSpec(32, (32, 32), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
RECIPE = train.Recipe(epochs=2, seed=0, batch=16)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGCLS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def all_digits(cache: None) -> Path:  # noqa: ARG001 - the digits are written into it
    return digits.folder("test")


@pytest.fixture
def data(tmp_path: Path, all_digits: Path) -> Path:
    """Ten pictures each of three digits, in a folder that a test may spoil."""
    for name in ("zero", "one", "two"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for file in sorted((all_digits / name).iterdir())[:10]:
            shutil.copy(file, tmp_path / "data" / name)
    return tmp_path / "data"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "network.safetensors"


def run(data: Path, out: Path, **changes: Any) -> train.TrainResult:
    asked: dict[str, Any] = {"arch": ARCH, "options": {}, "spec": SPEC, "recipe": RECIPE, "progress": lambda _: None}
    return train.train(str(data), out=out, **{**asked, **changes})


def about(file: Path) -> dict[str, str]:
    with safe_open(file, framework="pt") as opened:
        return dict(opened.metadata())


# What it writes.


def test_the_file_says_how_it_was_made(data: Path, out: Path) -> None:
    """Format, architecture, options, classes, input, recipe and versions stand in the file's metadata."""
    run(data, out, options={"drop_rate": 0.1})
    said = about(out)
    assert said.pop("format") == "imgcls-train 1"
    assert said.pop("arch") == ARCH
    read = {key: json.loads(value) for key, value in said.items()}
    assert set(read.pop("versions")) == {"imgcls", "torch", "timm", "pillow"}
    assert read == {
        "options": {"drop_rate": 0.1, "num_classes": 3},
        "classes": ["one", "two", "zero"],
        "input": {
            "resize": 32,
            "crop": [32, 32],
            "crop_mode": "center",
            "interpolation": "bilinear",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        },
        "recipe": {
            "epochs": 2,
            "seed": 0,
            "batch": 16,
            "learning_rate": RECIPE.learning_rate,
            "weight_decay": RECIPE.weight_decay,
            "label_smoothing": RECIPE.label_smoothing,
            "warm_up": RECIPE.warm_up,
            "shift": RECIPE.shift,
            "threads": 1,
        },
    }


def test_the_file_fits_the_architecture(data: Path, out: Path) -> None:
    """Built with the options in its metadata, the architecture takes the file tensor for tensor."""
    import timm

    run(data, out)
    network = timm.create_model("test_efficientnet", **json.loads(about(out)["options"]))
    network.load_state_dict(load_file(out), strict=True)


def test_a_torchvision_architecture(data: Path, out: Path) -> None:
    """``torchvision:NAME`` is built by torchvision, and its version is the one that is noted."""
    spec = replace(SPEC, resize=64, crop=(64, 64))
    run(data, out, arch="torchvision:squeezenet1_1", spec=spec, recipe=replace(RECIPE, epochs=1))
    assert about(out)["arch"] == "torchvision:squeezenet1_1"
    assert "torchvision" in json.loads(about(out)["versions"])


def test_it_learns_and_tells_of_every_epoch(data: Path, out: Path) -> None:
    """Every epoch is reported in order, the loss comes down, and the result is that of the last epoch."""
    epochs: list[train.Epoch] = []
    result = run(data, out, recipe=replace(RECIPE, epochs=8), progress=epochs.append)
    assert [epoch.number for epoch in epochs] == list(range(1, 9))
    assert epochs[-1].loss < 0.8 * epochs[0].loss
    assert result == train.TrainResult(
        file=out,
        sha256=digest.file_sha256(out),
        classes=("one", "two", "zero"),
        learnt=24,
        held_out=6,
        top1_count=epochs[-1].top1_count,
        seconds=result.seconds,
    )


def test_the_count_is_that_of_the_written_file(data: Path, out: Path) -> None:
    """What is reported of the last epoch is what the written weights answer, not those of an epoch before."""
    import timm

    result = run(data, out, recipe=replace(RECIPE, epochs=4))
    network = timm.create_model("test_efficientnet", num_classes=3).eval()
    network.load_state_dict(load_file(out))
    _, _, held_out = train._parts(str(data), SPEC)
    pictures = torch.from_numpy(held_out.crops).permute(0, 3, 1, 2) / 255
    answers = network((pictures - 0.5) / 0.5).argmax(1).numpy()
    assert result.top1_count == int((answers == held_out.targets).sum())


# That it writes the same again.

SCRIPT = """
import sys
from pathlib import Path
from imgcls.records import InputSpec
from imgcls.train import Recipe, train
spec = InputSpec(32, (32, 32), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
recipe = Recipe(epochs=2, seed=0, batch=16)
arch, out = "timm:test_efficientnet", Path(sys.argv[2])
train(sys.argv[1], arch, options={}, spec=spec, recipe=recipe, out=out, progress=print)
"""


def test_another_process_writes_the_same_bytes(data: Path, out: Path) -> None:
    """The whole file, metadata included, is the same bit for bit when it is made again in another process."""
    run(data, out)
    again = out.with_name("again.safetensors")
    subprocess.run([sys.executable, "-c", SCRIPT, data, again], check=True, capture_output=True)
    assert again.read_bytes() == out.read_bytes()


def test_what_was_drawn_before_does_not_matter(data: Path, out: Path) -> None:
    """The result depends on the recipe's seed alone, not on the state of the process's generators."""
    first = run(data, out)
    torch.rand(3)
    assert run(data, out).sha256 == first.sha256
    assert run(data, out, recipe=replace(RECIPE, seed=1)).sha256 != first.sha256


def test_the_process_is_left_as_it_was(data: Path, out: Path) -> None:
    """Threads, determinism and random numbers are as before, even where the training fails."""
    torch.manual_seed(7)
    expected = torch.rand(3).tolist()
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    with pytest.raises(ModelError, match="the loss is nan"):
        run(data, out, spec=replace(SPEC, std=(1e-45, 0.5, 0.5)), recipe=replace(RECIPE, threads=threads + 1))
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.rand(3).tolist() == expected


def test_other_settings_are_other_bytes(data: Path, out: Path) -> None:
    """Every setting of the recipe changes the weights; none is there for show."""
    changes: list[dict[str, Any]] = [
        {"batch": 8},
        {"learning_rate": 0.004},
        {"weight_decay": 0.0},
        {"label_smoothing": 0.0},
        {"warm_up": 0.5},
        {"shift": 0.0},
    ]
    recipes = [replace(RECIPE, **change) for change in [{"epochs": 2}, *changes]]
    weights = []
    for recipe in recipes:
        run(data, out, recipe=recipe)
        weights.append(load_file(out)["classifier.weight"].numpy().tobytes())
    assert len(set(weights)) == len(recipes)


@pytest.mark.parametrize("epochs", [1, 5])
def test_the_shortest_trainings_train(data: Path, out: Path, epochs: int) -> None:
    """A training of one batch, and one whose warm-up would be one batch, change the weights too."""
    weights = []
    for rate in (0.0, 0.002):
        run(data, out, recipe=replace(RECIPE, epochs=epochs, batch=64, learning_rate=rate))
        weights.append(load_file(out)["classifier.weight"])
    assert not torch.equal(*weights)


# The pictures.


def test_classes_come_in_the_order_of_their_names(all_digits: Path) -> None:
    """Class indices follow the sorted folder names, not the order in which the disk lists them."""
    found = train._listed("digits", all_digits)
    assert train._classes(all_digits, found) == tuple(sorted(digits.NAMES))


def test_digits_count_from_zero_to_nine(all_digits: Path) -> None:
    """Class index i of the built-in set is the digit i, and its 360 test pictures are what is held out."""
    classes, learn, held_out = train._parts("digits", SPEC)
    assert classes == digits.NAMES
    assert (len(learn.targets), held_out.crops.shape) == (1437, (360, 32, 32, 3))
    with Image.open(min((all_digits / "seven").iterdir())) as seven:
        first = np.asarray(seven.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR))
    at = np.flatnonzero(held_out.targets == 7)[0]
    assert np.array_equal(first, held_out.crops[at])


def test_no_picture_is_on_both_sides(data: Path) -> None:
    """A fifth of each class is held out by its bytes, so that copies stay on the side of the original."""
    found = train._listed("data", data)
    _, before = train._split(found)
    shutil.copy(before[0].file, before[0].file.with_name("copy.png"))
    learn, held_out = train._split(train._listed("data", data))
    assert len(before) == 6
    assert len(held_out) == 7
    assert not {ref.sha256 for ref in learn} & {ref.sha256 for ref in held_out}


def test_shifting_moves_and_repeats_the_edge() -> None:
    """A ramp that is shifted stays a ramp whose ends repeat, by at most the share asked for, and both ways."""
    ramp = np.broadcast_to(np.arange(16, dtype=np.uint8)[:, np.newaxis], (64, 16, 16, 3)[:3])
    moved = train._shifted(np.stack([ramp] * 3, axis=-1), 0.125, torch.Generator().manual_seed(0))
    assert moved.shape == (64, 16, 16, 3)
    offsets = moved[:, 8, 8, 0].astype(int) - 8
    assert set(offsets.tolist()) == {-2, -1, 0, 1, 2}
    expected = np.clip(np.arange(16) + offsets[:, np.newaxis], 0, 15)
    assert np.array_equal(moved[:, :, 5, 1], expected)


# What it refuses.


def test_an_empty_class_is_named(data: Path, out: Path) -> None:
    """A class folder without a picture stops the training before it begins, by its path."""
    (data / "three").mkdir()
    with pytest.raises(ConfigError, match=r"data/three holds 0 distinct images; it needs 2"):
        run(data, out)


def test_one_class_teaches_nothing(data: Path, out: Path) -> None:
    """A folder with one class folder is refused."""
    shutil.rmtree(data / "one")
    shutil.rmtree(data / "two")
    with pytest.raises(ConfigError, match="has one class folder, zero"):
        run(data, out)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"no picture", "not_an_image"), (b"\x89PNG\r\n\x1a\n", "not_an_image")]
)
def test_a_broken_image_is_named(data: Path, out: Path, content: bytes, reason: str) -> None:
    """A file that gives no pixels stops the training, by its path and with the reason."""
    (data / "one" / "broken.png").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"cannot train on .*data/one/broken\.png: {reason}"):
        run(data, out)


def test_one_picture_in_two_classes_is_refused(data: Path, out: Path) -> None:
    """The same bytes in two class folders are a mistake, since no answer could be right."""
    shutil.copy(min((data / "one").iterdir()), data / "two" / "copy.png")
    with pytest.raises(ConfigError, match="the same bytes have two labels"):
        run(data, out)


@pytest.mark.parametrize(
    ("arch", "options", "message"),
    [
        ("timm:resnet_18", {}, r"timm:resnet_18 cannot be built with .*Unknown model"),
        ("torchvision:resnet_18", {}, r"torchvision:resnet_18 cannot be built with .*Unknown model"),
        (ARCH, {"num_classes": 10}, r"the option num_classes is 10, and there are 3 class folders"),
        (ARCH, {"img_sze": 64}, r"timm:test_efficientnet cannot be built with .*img_sze"),
    ],
)
def test_what_cannot_be_built_is_named(data: Path, out: Path, arch: str, options: dict[str, Any], message: str) -> None:
    """An unknown name or option is a wrong command line, with the words of the library."""
    with pytest.raises(ConfigError, match=message):
        run(data, out, arch=arch, options=options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "0 epochs train nothing"),
        ({"seed": -1}, "seed -1 is not between 0 and 9223372036854775807"),
    ],
)
def test_impossible_recipes(data: Path, out: Path, change: dict[str, int], message: str) -> None:
    """No epochs, and seeds that a generator does not take, are refused."""
    with pytest.raises(ConfigError, match=message):
        run(data, out, recipe=replace(RECIPE, **change))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("network.pth", r"network\.pth: expected the name of a \.safetensors file"),
        (".", r"expected the name of a \.safetensors file"),
        ("nowhere/network.safetensors", r"there is no folder .*nowhere; make it first"),
    ],
)
def test_where_nothing_can_be_written(data: Path, out: Path, name: str, message: str) -> None:
    """A place that cannot take the file is refused before the training, not after it."""
    with pytest.raises(ConfigError, match=message):
        run(data, out.parent / name, progress=lambda _: pytest.fail("it trained"))


def test_a_loss_that_is_no_number_stops_it(data: Path, out: Path) -> None:
    """NaN ends the training with the epoch, the settings and what to try; nothing is written."""
    with pytest.raises(ModelError, match=r"the loss is nan in epoch 1 \(seed 0, learning rate .*; try a lower"):
        run(data, out, spec=replace(SPEC, std=(1e-45, 0.5, 0.5)))
    assert list(out.parent.iterdir()) == []


def test_a_size_that_the_network_does_not_take(data: Path, out: Path) -> None:
    """A network of a fixed size says so as an error of the model, with the shape that it was given."""
    with pytest.raises(ModelError, match=r"does not take a batch of shape \(12, 3, 32, 32\).*img_size"):
        run(data, out, arch="timm:test_vit", options={"dynamic_img_size": False})


def test_auxiliary_heads_are_refused(data: Path, out: Path) -> None:
    """A network that answers with several tensors while it trains is refused with the option that ends it."""
    spec = replace(SPEC, resize=96, crop=(96, 96))
    with pytest.raises(ModelError, match=r"with GoogLeNetOutputs, not with one tensor .* aux_logits=false"):
        run(data, out, arch="torchvision:googlenet", options={"aux_logits": True}, spec=spec)


# The file is whole, or what it was.


def test_a_full_disk_leaves_the_old_file(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the move fails, the error says so, the file of before is untouched, and nothing lies beside it."""

    def full(_half: Path, _out: Path) -> Path:
        raise OSError(28, "No space left on device")

    out.write_bytes(b"the file of before")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(MachineError, match=r"cannot write .*network\.safetensors: No space left on device"):
        run(data, out)
    assert out.read_bytes() == b"the file of before"
    assert list(out.parent.iterdir()) == [out]


def test_the_file_appears_at_once(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the new bytes are written, even where that is interrupted, the old file stands."""

    def interrupted(half: Path, _content: bytes) -> int:
        assert half != out
        half.touch()
        raise KeyboardInterrupt

    out.write_bytes(b"the file of before")
    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(data, out)
    monkeypatch.undo()
    assert out.read_bytes() == b"the file of before"
    assert list(out.parent.iterdir()) == [out]


def test_a_killed_training_leaves_nothing(data: Path, out: Path) -> None:
    """A process that dies after an epoch leaves neither the file nor a half of it."""
    script = SCRIPT.replace("progress=print", "progress=lambda epoch: __import__('os')._exit(9)")
    assert subprocess.run([sys.executable, "-c", script, data, out], check=False).returncode == 9
    assert list(out.parent.iterdir()) == []
