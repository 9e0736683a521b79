"""The recipe on a handful of digits: what it keeps, that it goes on where it was killed, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from imgcls import checkpoints, digits, loading, preprocess, train, training_data
from imgcls.errors import ConfigError, MachineError, ModelError
from imgcls.recipe import Epoch, Recipe
from imgcls.records import ModelSpec

ARCH = "timm:test_efficientnet"
HALVES = (0.5, 0.5, 0.5)
INPUT = {"resize": 32, "crop": (32, 32), "interpolation": "bilinear", "mean": HALVES, "std": HALVES}
SPEC = ModelSpec("x", ARCH, options={"drop_rate": 0.2}, input=INPUT)
RECIPE = Recipe(3, batch_size=8, flip=False, scale=(0.6, 1.0), ema=0.9, warm_up=1.0, randaugment="rand-m3-mstd0.5")
FILES = {
    *("best.safetensors", "last.safetensors", "checkpoint.pt", "metrics.csv", "curves.svg", "curves.png"),
    *("classes.txt", "validation.csv", "imgcls.toml"),
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the processes that are started here: their bytes are compared
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGCLS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures each of three digits."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("zero", "one", "two"):
        (folder / name).mkdir()
        for file in sorted((digits.folder("test") / name).iterdir())[:10]:
            shutil.copy(file, folder / name)
    return folder


@pytest.fixture
def data(tmp_path: Path, pictures: Path) -> Path:
    """The same in a folder that a test may spoil."""
    return Path(shutil.copytree(pictures, tmp_path / "data"))


def told(**heard: Callable[..., Any]) -> train.Told:
    return train.Told(*(heard.get(name, lambda *_: None) for name in train.Told._fields))


def run(data: Path, out: Path, **changes: Any) -> train.Result:
    asked: dict[str, Any] = {"spec": SPEC, "recipe": RECIPE, "told": told()}
    return train.train(str(data), out=out, **{**asked, **changes})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> tuple[Path, train.Result]:
    """The folder and the result of a training that nothing disturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return out, run(pictures, out)


def about(file: Path) -> dict[str, Any]:
    with safe_open(file, framework="pt") as opened:
        said = dict(opened.metadata())
    return {key: value if key in {"format", "arch"} else json.loads(value) for key, value in said.items()}


def rows(out: Path) -> list[dict[str, str]]:
    """The metrics but for what the clock says."""
    with (out / "metrics.csv").open() as lines:
        return [{k: v for k, v in row.items() if k != "images_per_second"} for row in csv.DictReader(lines)]


def same(out: Path, whole: tuple[Path, train.Result]) -> bool:
    """Both weights are those of the training that nothing disturbed, byte for byte, and so are the metrics."""
    names = ("last.safetensors", "best.safetensors")
    return rows(out) == rows(whole[0]) and all((out / n).read_bytes() == (whole[0] / n).read_bytes() for n in names)


# What it keeps.


def test_the_folder_holds_everything(whole: tuple[Path, train.Result]) -> None:
    """Weights, state, metrics, curves and configuration stand there, and nothing else."""
    assert {file.name for file in whole[0].iterdir()} == FILES


def test_weights_say_how_they_were_made(whole: tuple[Path, train.Result]) -> None:
    """Format, network, classes, input, recipe, pictures, versions and epoch stand in the metadata of both files."""
    out, result = whole
    said = about(out / "last.safetensors")
    assert set(said.pop("versions")) == {*("imgcls", "torch", "torchvision", "timm", "numpy", "pillow", "threads")}
    assert len(said["pictures"].pop("sha256")) == 64
    assert said == {
        "format": "imgcls-train 2",
        "arch": ARCH,
        "options": {"drop_rate": 0.2, "num_classes": 3},
        "classes": ["one", "two", "zero"],
        "input": {**INPUT, "crop": [32, 32], "crop_mode": "center", "mean": [0.5] * 3, "std": [0.5] * 3},
        "recipe": {**asdict(RECIPE), "scale": [0.6, 1.0]},
        "weights": None,
        "pictures": {"learnt": result.learnt, "held_out": result.held_out},
        "epoch": 3,
    }
    assert about(out / "best.safetensors")["epoch"] == result.best.number


def test_metrics_are_the_history(whole: tuple[Path, train.Result]) -> None:
    """A row for each epoch, with the very numbers of the result; both sides have all pictures."""
    out, result = whole
    assert [int(row["epoch"]) for row in rows(out)] == [1, 2, 3]
    assert [float(row["val_loss"]) for row in rows(out)] == [epoch.held_out.loss for epoch in result.history]
    assert result.learnt + result.held_out == 30
    assert all(epoch.images_per_second > 0 for epoch in result.history)
    assert result.history[0].learning_rate == pytest.approx(RECIPE.learning_rate * 3 / 4)  # of three steps in a warm-up


def test_the_configuration_scores_what_was_told(whole: tuple[Path, train.Result], tmp_path: Path) -> None:
    """``imgcls score`` with what was left behind counts as many right as the best epoch did, and its gate holds."""
    out, result = whole
    command = ["score", "--config", str(out / "imgcls.toml"), "--store", "off", "--json", "scored.json"]
    done = subprocess.run([sys.executable, "-m", "imgcls", *command], cwd=tmp_path, check=False)
    [scored] = json.loads((tmp_path / "scored.json").read_text())["results"]
    assert scored["scored"] == result.held_out
    assert scored["top1_count"] == round(result.best.held_out.top1 * result.held_out)
    assert done.returncode == 0


def test_it_learns(pictures: Path, tmp_path: Path) -> None:
    """In twelve epochs the losses of both sides come down, and most held-out digits are told apart."""
    recipe = replace(RECIPE, epochs=12, ema=None, randaugment=None, warm_up=2.0, learning_rate=0.004)
    first, *_, last = run(pictures, tmp_path / "out", recipe=recipe).history
    assert last.learnt.loss < 0.8 * first.learnt.loss
    assert last.held_out.loss < 0.8 * first.held_out.loss
    assert last.held_out.top1 >= 0.8


def test_a_torchvision_architecture(pictures: Path, tmp_path: Path) -> None:
    """``torchvision:NAME`` is built by torchvision."""
    spec = ModelSpec("x", "torchvision:squeezenet1_1", input={**INPUT, "resize": 64, "crop": (64, 64)})
    run(pictures, tmp_path / "out", spec=spec, recipe=Recipe(1))
    assert load_file(tmp_path / "out" / "last.safetensors")["classifier.1.weight"].shape == (3, 512, 1, 1)


def test_a_new_head_is_said(pictures: Path, tmp_path: Path) -> None:
    """Weights for ten classes on three: a line names the layer, and the file that it began with is noted."""
    said: list[str] = []
    spec = replace(SPEC, weights="builtin:digits_efficientnet")
    run(pictures, tmp_path / "out", spec=spec, recipe=replace(RECIPE, epochs=1), told=told(say=said.append))
    assert said == ["begins with builtin:digits_efficientnet", "new head for 3 classes: classifier"]
    assert len(about(tmp_path / "out" / "last.safetensors")["weights"]) == 64


# The same again.


def test_the_same_recipe_writes_the_same_bytes(
    pictures: Path, tmp_path: Path, whole: tuple[Path, train.Result]
) -> None:
    """A second training gives both weights and all metrics again; settings of the process are as they were."""
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    run(pictures, tmp_path / "out")
    assert same(tmp_path / "out", whole)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.rand(3).tolist() == expected


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"batch_size": 6},
        {"optimizer": "adamw"},
        {"learning_rate": 0.002},
        {"weight_decay": 0.1},
        {"warm_up": 0.0},
        {"label_smoothing": 0.0},
        {"scale": (0.5, 1.0)},
        {"flip": True},
        {"randaugment": None},
        {"ema": None},
        {"clip_norm": 0.1},
        {"precision": "bfloat16"},
        {"folds": 5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_changes_the_weights(
    pictures: Path, tmp_path: Path, change: dict[str, Any], whole: tuple[Path, train.Result]
) -> None:
    """None is there for show."""
    run(pictures, tmp_path / "out", recipe=replace(RECIPE, **change))
    weights = [load_file(out / "last.safetensors")["classifier.weight"] for out in (tmp_path / "out", whole[0])]
    assert not torch.equal(*weights)


def test_frozen_norms_change_the_weights_of_trained_networks_alone(pictures: Path, tmp_path: Path) -> None:
    """From scratch they would stay as they begin, which is refused."""
    spec, frozen = replace(SPEC, weights="random:0"), replace(RECIPE, epochs=1, freeze_batch_norm=True)
    for recipe in (frozen, replace(frozen, freeze_batch_norm=False)):
        run(pictures, tmp_path / str(recipe.freeze_batch_norm), spec=spec, recipe=recipe)
    weights = [load_file(tmp_path / name / "last.safetensors")["classifier.weight"] for name in ("True", "False")]
    assert not torch.equal(*weights)
    with pytest.raises(ConfigError, match="--freeze-batch-norm is for --weights"):
        run(pictures, tmp_path / "scratch", recipe=frozen)


def test_rare_classes_weigh_more(data: Path, tmp_path: Path) -> None:
    """Where classes are of one size, balancing changes nothing; where one is rare, it does."""
    for file in sorted((data / "two").iterdir())[2:]:
        file.unlink()
    losses = []
    for balanced in (False, True):
        recipe = replace(RECIPE, epochs=1, balanced=balanced, folds=2)
        losses.append(run(data, tmp_path / str(balanced), recipe=recipe).history[0].learnt.loss)
    assert losses[0] != losses[1]
    division = training_data.divide(str(data), recipe)
    assert train._class_weights(division) == pytest.approx([11 / 15, 11 / 3, 11 / 15])


# Killed and continued.

DEATH = """
import os, pathlib, sys
sys.path.insert(0, sys.argv[1])
import test_train

def die(*_):
    os.kill(os.getpid(), 9)

def half(file, target):
    written.append(target.name)
    return die() if when == "writing" and written.count("last.safetensors") == 2 else replace(file, target)

data, out, when = sys.argv[2:]
written, replace = [], pathlib.Path.replace
pathlib.Path.replace = half
heard = {
    "before": {"images": die},
    "amid": {"images": lambda done, total: done > 30 and die()},
    "between": {"epoch": lambda epoch: epoch.number == 2 and die()},
    "writing": {},
}
test_train.run(pathlib.Path(data), pathlib.Path(out), told=test_train.told(**heard[when]))
"""


def killed(data: Path, out: Path, when: str) -> None:
    """Train in a process of its own, which is killed at some moment."""
    command = [sys.executable, "-c", DEATH, *map(str, (Path(__file__).parent, data, out, when))]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize(
    ("when", "done"),
    [("before", 0), ("amid", 1), ("between", 2), ("writing", 2)],
)
def test_a_killed_training_goes_on(
    pictures: Path, tmp_path: Path, whole: tuple[Path, train.Result], when: str, done: int
) -> None:
    """Killed before its first epoch ends, in the middle of one, between two, or while it writes: the same bytes."""
    out, said = tmp_path / "out", list[str]()
    killed(pictures, out, when)
    run(pictures, out, resume=True, told=told(say=said.append))
    assert said == [f"continues after epoch {done} of 3"]
    assert same(out, whole)
    assert {file.name for file in out.iterdir()} == FILES


def test_a_training_that_is_done_stays_as_it_is(
    pictures: Path, tmp_path: Path, whole: tuple[Path, train.Result]
) -> None:
    """To continue it learns nothing, but writes what follows from the checkpoint again."""
    out = Path(shutil.copytree(whole[0], tmp_path / "out"))
    (out / "metrics.csv").unlink()
    (out / "last.safetensors").unlink()
    run(pictures, out, resume=True, told=told(images=lambda *_: pytest.fail("it learnt")))
    assert same(out, whole)


def test_another_training_is_not_continued(data: Path, tmp_path: Path, whole: tuple[Path, train.Result]) -> None:
    """Another recipe, network or other pictures are refused with what differs, before and now; nothing is touched."""
    out = Path(shutil.copytree(whole[0], tmp_path / "out"))
    before = {file: file.read_bytes() for file in out.iterdir()}
    with pytest.raises(
        ConfigError, match=r"another training: recipe\.epochs was 3, now 4; recipe\.ema was 0\.9, now None;"
    ):
        run(data, out, resume=True, recipe=replace(RECIPE, epochs=4, ema=None))
    with pytest.raises(ConfigError, match=r"options\.drop_rate was 0\.2, now None; continue it as it was begun"):
        run(data, out, resume=True, spec=replace(SPEC, options={}))
    next((data / "one").iterdir()).unlink()
    with pytest.raises(ConfigError, match=r"pictures\.\w+ was .*pictures\.sha256 was \w+, now \w+"):
        run(data, out, resume=True)
    assert {file: file.read_bytes() for file in out.iterdir()} == before


def test_other_versions_are_said(
    pictures: Path, tmp_path: Path, whole: tuple[Path, train.Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that was upgraded in between does not end the training, but its name and versions are told."""
    out, said = Path(shutil.copytree(whole[0], tmp_path / "out")), list[str]()
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "pillow" else version(name))
    run(pictures, out, resume=True, told=told(say=said.append))
    assert said[1].startswith("the rest may differ in its last bits: versions.pillow was ")
    assert said[1].endswith(", now 0.1")


def test_a_folder_with_a_training_in_it(pictures: Path, whole: tuple[Path, train.Result], tmp_path: Path) -> None:
    """It is not overwritten, and where there is none there is none to continue."""
    with pytest.raises(ConfigError, match=r"whole holds a training already; continue it with --resume, or choose"):
        run(pictures, whole[0])
    with pytest.raises(ConfigError, match=r"out holds no checkpoint\.pt to continue from; leave --resume out to begin"):
        run(pictures, tmp_path / "out", resume=True)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_none(pictures: Path, tmp_path: Path, whole: tuple[Path, train.Result]) -> None:
    """A file that was cut off, and one of another kind, are said; nothing in them is run."""
    out = Path(shutil.copytree(whole[0], tmp_path / "out"))
    (out / "checkpoint.pt").write_bytes((whole[0] / "checkpoint.pt").read_bytes()[:5000])
    with pytest.raises(MachineError, match=r"checkpoint\.pt cannot be read \(.*\); begin anew with another --out"):
        run(pictures, out, resume=True)
    (out / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match=r"checkpoint\.pt is no PyTorch checkpoint of tensors, or was cut off"):
        run(pictures, out, resume=True)
    torch.save({"state_dict": {}}, out / "checkpoint.pt")
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is not of the format 'imgcls-checkpoint 1'"):
        run(pictures, out, resume=True)


# What ends it.


def test_a_loss_that_is_no_number(pictures: Path, tmp_path: Path) -> None:
    """NaN ends the training with epoch, batch, settings and what to try; nothing is left behind."""
    spec = replace(SPEC, input={**INPUT, "std": (1e-45, 0.5, 0.5)})
    with pytest.raises(
        ModelError, match=r"the loss is nan in epoch 1, batch 1 of 3 \(seed 0, .*\); try a lower --lr, "
    ):
        run(pictures, tmp_path / "out", spec=spec)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_picture_that_is_cut_off(data: Path, tmp_path: Path) -> None:
    """It is found before anything is learnt, by its name and with the reason; nothing is written."""
    victim = min((data / "one").iterdir())
    victim.write_bytes(victim.read_bytes()[:60])
    with pytest.raises(ConfigError, match=rf"cannot train on {victim}: truncated: .*; mend or remove it"):
        run(data, tmp_path / "out", told=told(images=lambda *_: pytest.fail("it learnt")))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_picture_that_breaks_meanwhile(
    data: Path, tmp_path: Path, whole: tuple[Path, train.Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes during a training of more pictures than memory holds ends it by name; mended, it goes on."""
    monkeypatch.setattr(loading, "BUDGET_BYTES", 0)
    victim = next(ref.file for ref in training_data.divide(str(data), RECIPE).learn)
    bytes_before = victim.read_bytes()
    with pytest.raises(ConfigError, match=rf"cannot train on {victim}: changed: .*; mend or remove it"):
        run(data, tmp_path / "out", told=told(epoch=lambda _: victim.write_bytes(b"broken")))
    assert len(rows(tmp_path / "out")) == 1
    victim.write_bytes(bytes_before)
    run(data, tmp_path / "out", resume=True)
    assert same(tmp_path / "out", whole)


def test_a_full_disk(pictures: Path, tmp_path: Path, whole: tuple[Path, train.Result]) -> None:
    """Where the system takes no more bytes, one line says so, what stood there is whole, and it goes on from there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(epoch: Epoch) -> None:
        if epoch.number == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))

    try:
        with pytest.raises(MachineError, match=r"cannot write .*checkpoint\.pt: File too large; .* with --resume"):
            run(pictures, tmp_path / "out", told=told(epoch=fill))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(rows(tmp_path / "out")) == len(checkpoints.load(tmp_path / "out")["history"]) == 2
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES
    run(pictures, tmp_path / "out", resume=True)
    assert same(tmp_path / "out", whole)


def test_a_place_that_cannot_be_written(pictures: Path, tmp_path: Path) -> None:
    """It is found out before the training."""
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match=r"cannot write .*file/out: Not a directory"):
        run(pictures, tmp_path / "file" / "out", told=told(images=lambda *_: pytest.fail("it learnt")))


ONE = replace(RECIPE, epochs=1, warm_up=0.0)


def test_nobodys_files_are_touched(pictures: Path, tmp_path: Path) -> None:
    """A folder that holds a file of the same name is refused; what only looks like a half-written one stays."""
    out = tmp_path / "out"
    out.mkdir()
    for name in ("imgcls.toml", ".bashrc.1", ".notes.2024-01-01"):
        (out / name).write_text("mine")
    with pytest.raises(ConfigError, match=r"holds imgcls\.toml already, which would be overwritten"):
        run(pictures, out)
    (out / "imgcls.toml").unlink()
    (out / ".cache.1").mkdir()
    (out / ".last.safetensors.123").write_text("half")
    run(pictures, out, recipe=ONE)
    assert {".bashrc.1", ".notes.2024-01-01", ".cache.1"} <= {file.name for file in out.iterdir()}
    assert not (out / ".last.safetensors.123").exists()


def test_what_fails_at_once_can_be_begun_otherwise(pictures: Path, tmp_path: Path) -> None:
    """A training without an epoch leaves no checkpoint, which would have to be continued as it was."""
    with pytest.raises(ModelError):
        run(pictures, tmp_path / "out", recipe=replace(ONE, learning_rate=1e30))
    run(pictures, tmp_path / "out", recipe=ONE)


@pytest.mark.parametrize("where", ["normalize", "crop"])
def test_memory_that_runs_out_while_loading(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """One line and what to try, whether pictures become a batch or are decoded before; nothing is left behind."""

    def full(*_: object) -> None:
        raise MemoryError("Unable to allocate 8 GiB")

    monkeypatch.setattr(preprocess, where, full)
    with pytest.raises(MachineError, match="out of memory: Unable to allocate 8 GiB; try half the --batch-size"):
        run(pictures, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_nothing_is_written_among_the_pictures(data: Path) -> None:
    """They would be taken for pictures by the next training."""
    with pytest.raises(ConfigError, match=r"is inside of .* and would be taken for pictures; choose another --out"):
        run(data, data / "run")


# The command.


def test_the_command(
    pictures: Path, tmp_path: Path, imgcls: Callable[..., pytest.RunResult], whole: tuple[Path, train.Result]
) -> None:
    """Options reach the recipe: the same weights; every epoch is a line on stdout, and nothing else is printed."""
    table = 'resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]'
    command = (
        *("train", pictures, "--arch", "test_efficientnet", "--options", "drop_rate = 0.2", "--input", table),
        *("--epochs", "3", "--batch-size", "8", "--no-flip", "--scale", "0.6", "1", "--ema", "0.9"),
        *("--warmup-epochs", "1", "--randaugment", "rand-m3-mstd0.5", "--out", tmp_path / "out", "--tensorboard"),
    )
    done = imgcls(*command)
    assert done.ret == 0, done.stderr.str()
    assert same(tmp_path / "out", whole)
    best, top1 = whole[1].best, f"{100 * whole[1].best.held_out.top1:.2f}"
    done.stdout.fnmatch_lines(
        [
            "epoch 1 of 3: train loss ?.* top1 * % f1 * %, validation loss ?.* top1 * % f1 * %, rate *, * images/s",
            "epoch 3 of 3: *",
            f"learnt from {whole[1].learnt} pictures; best of 3 epochs is {best.number}: top1 {top1} % of * held out",
            f"test it with: pytest --pyargs imgcls.suite -m accuracy --imgcls-config {tmp_path}/out/imgcls.toml",
        ]
    )
    assert done.stderr.lines == []
    assert list((tmp_path / "out" / "tensorboard").iterdir())
    again = imgcls(*command, "--resume")
    assert again.stdout.lines == ["continues after epoch 3 of 3", *done.stdout.lines[-2:]]


def test_a_bar_on_a_terminal(pictures: Path, tmp_path: Path) -> None:
    """Where stderr is a terminal, a bar with the time left is drawn there; stdout in a pipe still has every line."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "imgcls", "train", str(pictures), "--arch", "timm:test_resnet", "--epochs", "2"]
    command += ["--input", "resize = 32, crop = 32", "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        drawn = _drained(ours)
        lines = process.communicate()[0].splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == ["begins from scratch", "epoch 1 of 2", "epoch 2 of 2"]
    assert len(lines) == 5
    assert re.search(r"training.*/48 images.*\d:\d\d:\d\d", drawn)
    assert "epoch 1" not in drawn


def _drained(terminal: int) -> str:
    """Everything that is written to the other end of a terminal until that is closed."""
    read = b""
    with suppress(OSError), open(terminal, "rb", buffering=0) as stream:  # a closed other end is an error on Linux
        while more := stream.read(4096):
            read += more
    return read.decode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--arch", "efficientnet_b00"],
            "imgcls: neither torchvision nor timm has a model 'efficientnet_b00'; nearest: *efficientnet_b0*",
        ),
        (["--arch", "timm:resnet_18"], "imgcls: timm has no architecture 'resnet_18'; nearest: *resnet18*"),
        (["--arch", "resnet18", "--optimizer", "adam"], "imgcls: no optimizer 'adam'; nearest: nadam"),
        (["--arch", "resnet18", "--epochs", "0"], "imgcls: 0 epochs train nothing; ask for 1 or more"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    pictures: Path, tmp_path: Path, imgcls: Callable[..., pytest.RunResult], options: list[str], message: str
) -> None:
    """It names what is nearest, ends with 2, and makes no folder."""
    done = imgcls("train", pictures, "--epochs", "3", "--out", tmp_path / "out", *options)
    assert done.ret == 2
    assert len(done.stderr.lines) == 1
    done.stderr.fnmatch_lines([message])
    assert not (tmp_path / "out").exists()
