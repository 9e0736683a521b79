"""A training on a few digits: what it writes, that it continues where it was killed, and what it refuses."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from PIL import ExifTags, Image
from safetensors.torch import load_file

import training_runs
from imgcls.errors import ConfigError, MachineError, ModelError
from imgcls.preprocessing import transforms
from imgcls.records.config import ModelSpec
from imgcls.training import checkpoints, dataloader, history, trainer
from imgcls.training.config import TrainingConfig
from imgcls.training.history import Epoch
from imgcls.training.trainer import TrainingCallbacks, TrainingResult
from training_runs import ARCH, CONFIG, FILES, INPUT, SPEC, are_equal, rows, run

ONE_EPOCH = replace(CONFIG, epochs=1, warm_up=1.0)


@pytest.fixture(scope="module", autouse=True)
def _one_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with training_runs.one_thread(tmp_path_factory.mktemp("cache")):
        yield


@pytest.fixture(scope="module")
def digit_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten images each of three digits."""
    return training_runs.copy_digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture
def data(tmp_path: Path, digit_images: Path) -> Path:
    """The same in a folder that a test may change."""
    return Path(shutil.copytree(digit_images, tmp_path / "data"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, digit_images: Path) -> TrainingResult:
    """A training of three epochs that nothing disturbed."""
    return run(digit_images, tmp_path_factory.mktemp("runs") / "undisturbed")


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory: pytest.TempPathFactory, digit_images: Path) -> TrainingResult:
    """A training of one epoch, in one file of weights."""
    with _no_curves():
        return run(digit_images, tmp_path_factory.mktemp("runs") / "one", config=ONE_EPOCH)


@pytest.fixture
def no_curves() -> Iterator[None]:
    """Curves take longer than the training that they are of, and these tests look only at numbers."""
    with _no_curves():
        yield


def _no_curves() -> AbstractContextManager[object]:
    return mock.patch.object(history, "curves", return_value=b"")


def _fail(*_: object) -> None:
    pytest.fail("it trained")


NO_STEP = TrainingCallbacks(images=_fail)


# What it writes.


def test_the_folder_holds_everything(undisturbed: TrainingResult) -> None:
    """The folder holds weights, state, metrics, curves and configuration, and nothing else."""
    assert {file.name for file in undisturbed.out.iterdir()} == FILES


def test_weights_state_how_they_were_made(undisturbed: TrainingResult) -> None:
    """The metadata of both files state format, network, classes, input, configuration, images, versions and epoch."""
    stated = training_runs.metadata(undisturbed.out / "last.safetensors")
    assert set(stated.pop("versions")) == {*("imgcls", "torch", "torchvision", "timm", "numpy", "pillow", "threads")}
    assert len(stated["pictures"].pop("sha256")) == 64
    assert stated == {
        "format": "imgcls-train 2",
        "arch": ARCH,
        "options": {"drop_rate": 0.2, "num_classes": 3},
        "classes": ["one", "two", "zero"],
        "input": {**INPUT, "crop": [32, 32], "crop_mode": "center", "mean": [0.5] * 3, "std": [0.5] * 3},
        "recipe": {**asdict(CONFIG), "scale": [0.6, 1.0]},
        "weights": None,
        "pictures": {"learnt": undisturbed.train_images, "held_out": undisturbed.validation_images},
        "epoch": 3,
    }
    assert training_runs.metadata(undisturbed.out / "best.safetensors")["epoch"] == undisturbed.best.number


def test_metrics_are_the_history(undisturbed: TrainingResult) -> None:
    """There is a row for each epoch, with the very numbers of the result; both splits together have all images."""
    table, epochs = rows(undisturbed.out), undisturbed.history
    assert [int(row["epoch"]) for row in table] == [1, 2, 3]
    assert [float(row["val_loss"]) for row in table] == [epoch.validation.loss for epoch in epochs]
    assert undisturbed.train_images + undisturbed.validation_images == 30
    assert all(epoch.seconds > undisturbed.train_images / epoch.images_per_second > 0 for epoch in epochs)
    assert epochs[0].learning_rate == pytest.approx(CONFIG.learning_rate * 3 / 4)  # of three steps in a warm-up


def test_it_says_how_much_is_validated_on_and_why_that_lags(
    digit_images: Path, tmp_path: Path, no_curves: None
) -> None:
    """First the real share of the validation split, last what three steps leave of the first statistics."""
    assert no_curves is None
    lines: list[str] = []
    result = run(digit_images, tmp_path / "out", config=ONE_EPOCH, callbacks=TrainingCallbacks(lines.append))
    validated = result.validation_images
    share = f"{100 * validated / 30:.3g}"
    assert lines[0].startswith(f"validation: {validated} of 30 images ({share} %), at least ")
    assert lines[1] == "begins from scratch"
    assert lines[-1].startswith("why validation lags (top1 ")
    assert "of which 73 % are still first values after 3 steps in all; 44 steps are enough: --epochs 15," in lines[-1]


def test_the_configuration_scores_what_was_trained(
    undisturbed: TrainingResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    imgcls: Callable[..., pytest.RunResult],
) -> None:
    """``imgcls score`` with the written configuration counts as many correct as the best epoch, and its gate holds."""
    monkeypatch.chdir(tmp_path)
    done = imgcls("score", "--config", undisturbed.out / "imgcls.toml", "--store", "off", "--json", "scored.json")
    [scored] = json.loads((tmp_path / "scored.json").read_text())["results"]
    assert scored["scored"] == undisturbed.validation_images
    assert scored["top1_count"] == round(undisturbed.best.validation.top1 * undisturbed.validation_images)
    assert done.ret == 0


@pytest.mark.usefixtures("no_curves")
def test_it_learns(digit_images: Path, tmp_path: Path) -> None:
    """In 48 steps the losses of both splits come down, and most validation digits are told apart."""
    config = replace(CONFIG, epochs=8, batch_size=4, ema=None, randaugment=None, warm_up=1.0, learning_rate=0.004)
    first, *_, last = run(digit_images, tmp_path / "out", config=config).history
    assert last.train.loss < 0.8 * first.train.loss
    assert last.validation.loss < 0.8 * first.validation.loss
    assert last.validation.top1 >= 0.8


@pytest.mark.usefixtures("no_curves")
def test_a_torchvision_architecture(digit_images: Path, tmp_path: Path) -> None:
    """``torchvision:NAME`` is built by torchvision."""
    spec = ModelSpec("x", "torchvision:squeezenet1_1", input={**INPUT, "resize": 64, "crop": (64, 64)})
    run(digit_images, tmp_path / "out", spec=spec, config=TrainingConfig(1))
    assert load_file(tmp_path / "out" / "last.safetensors")["classifier.1.weight"].shape == (3, 512, 1, 1)


@pytest.mark.usefixtures("no_curves")
def test_a_new_head_is_reported(digit_images: Path, tmp_path: Path) -> None:
    """Weights for ten classes on three: a line names the layer, and the sha256 of their file is in the metadata."""
    lines: list[str] = []
    spec = replace(SPEC, weights="builtin:digits_efficientnet")
    run(digit_images, tmp_path / "out", spec=spec, config=ONE_EPOCH, callbacks=TrainingCallbacks(lines.append))
    assert lines[1:] == ["begins with builtin:digits_efficientnet", "new head for 3 classes: classifier"]
    assert len(training_runs.metadata(tmp_path / "out" / "last.safetensors")["weights"]) == 64


# The same again.


@pytest.mark.usefixtures("no_curves")
def test_the_same_configuration_writes_the_same_bytes(
    digit_images: Path, tmp_path: Path, undisturbed: TrainingResult
) -> None:
    """A second training gives both weights and all metrics again; settings of the process are as they were."""
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    run(digit_images, tmp_path / "out")
    assert are_equal(tmp_path / "out", undisturbed.out)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.rand(3).tolist() == expected


@pytest.mark.usefixtures("no_curves")
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
    digit_images: Path, tmp_path: Path, change: dict[str, Any], one_epoch: TrainingResult
) -> None:
    """Every setting changes the weights, within one epoch."""
    run(digit_images, tmp_path / "out", config=replace(ONE_EPOCH, **change))
    weights = [load_file(out / "last.safetensors")["classifier.weight"] for out in (tmp_path / "out", one_epoch.out)]
    assert not torch.equal(*weights)


@pytest.mark.usefixtures("no_curves")
def test_frozen_norms_are_only_for_trained_networks(digit_images: Path, tmp_path: Path) -> None:
    """Frozen norms change the weights of a network that begins with some; from scratch they are refused."""
    spec, frozen = replace(SPEC, weights="random:0"), replace(ONE_EPOCH, freeze_batch_norm=True)
    for config in (frozen, ONE_EPOCH):
        run(digit_images, tmp_path / str(config.freeze_batch_norm), spec=spec, config=config)
    weights = [load_file(tmp_path / name / "last.safetensors")["classifier.weight"] for name in ("True", "False")]
    assert not torch.equal(*weights)
    with pytest.raises(ConfigError, match="--freeze-batch-norm is for --weights"):
        run(digit_images, tmp_path / "scratch", config=frozen)


@pytest.mark.usefixtures("no_curves")
def test_rare_classes_weigh_more(data: Path, tmp_path: Path) -> None:
    """Where one class is rare, balancing changes the loss; each class has the same weight in all."""
    for file in sorted((data / "two").iterdir())[2:]:
        file.unlink()
    losses = []
    for balanced in (False, True):
        config = replace(ONE_EPOCH, balanced=balanced, folds=2)
        losses.append(run(data, tmp_path / str(balanced), config=config).history[0].train.loss)
    assert losses[0] != losses[1]
    split = training_runs.split(data, config)
    assert trainer._class_weights(split) == pytest.approx([11 / 15, 11 / 3, 11 / 15])


# Killed and resumed.

KILLED = """
import os, pathlib, sys
import matplotlib.figure, scipy.special, sklearn.metrics, timm, torch._dynamo  # once, not in every process
sys.path.insert(0, sys.argv[1])
from training_runs import run
from imgcls.training.trainer import TrainingCallbacks

def die(*_):
    os.kill(os.getpid(), 9)

def die_in_the_second_epochs_weights(file, target):
    written.append(target.name)
    return die() if written.count("last.safetensors") == 2 else replace(file, target)

written, replace = [], pathlib.Path.replace
callbacks = {
    "before": TrainingCallbacks(images=die),
    "amid": TrainingCallbacks(images=lambda done, total: done > 30 and die()),
    "between": TrainingCallbacks(epoch=lambda epoch: epoch.number == 2 and die()),
    "writing": TrainingCallbacks(),
}
data, out = map(pathlib.Path, sys.argv[2:])
for when in callbacks:
    if not (process := os.fork()):
        if when == "writing":
            pathlib.Path.replace = die_in_the_second_epochs_weights
        run(data, out / when, callbacks=callbacks[when])
        os._exit(0)
    print(when, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""
"""Trains in four processes, each of which is killed at another moment; prints their exit codes."""


@pytest.fixture(scope="module")
def killed(digit_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of four killed trainings, by the moment of their death."""
    out = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-c", KILLED, *map(str, (Path(training_runs.__file__).parent, digit_images, out))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    codes = dict(line.split() for line in done.stdout.splitlines())
    assert codes == dict.fromkeys(("before", "amid", "between", "writing"), str(-signal.SIGKILL))
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "done"),
    [("before", 0), ("amid", 1), ("between", 2), ("writing", 2)],
)
def test_a_killed_training_is_resumed(
    digit_images: Path, killed: Path, undisturbed: TrainingResult, when: str, done: int
) -> None:
    """Killed before its first epoch ends, in the middle of one, between two, or while it writes: the same bytes."""
    out, lines = killed / when, list[str]()
    run(digit_images, out, resume=True, callbacks=TrainingCallbacks(lines.append))
    assert lines[0] == f"continues after epoch {done} of 3"
    assert are_equal(out, undisturbed.out)
    assert {file.name for file in out.iterdir()} == FILES


@pytest.mark.usefixtures("no_curves")
def test_a_finished_training_stays_as_it_is(digit_images: Path, tmp_path: Path, undisturbed: TrainingResult) -> None:
    """Resumed, it trains on nothing, but writes what follows from the checkpoint again."""
    out = Path(shutil.copytree(undisturbed.out, tmp_path / "out"))
    (out / "metrics.csv").unlink()
    (out / "last.safetensors").unlink()
    run(digit_images, out, resume=True, callbacks=NO_STEP)
    assert are_equal(out, undisturbed.out)


def test_another_training_is_not_resumed(data: Path, tmp_path: Path, undisturbed: TrainingResult) -> None:
    """Another configuration, network or other images are refused with what differs; nothing is touched."""
    out = Path(shutil.copytree(undisturbed.out, tmp_path / "out"))
    before = {file: file.read_bytes() for file in out.iterdir()}
    with pytest.raises(ConfigError, match=r"another training: epochs was 3, now 4; ema was 0\.9, now None;"):
        run(data, out, resume=True, config=replace(CONFIG, epochs=4, ema=None))
    with pytest.raises(ConfigError, match=r"options\.drop_rate was 0\.2, now None; continue it as it was begun"):
        run(data, out, resume=True, spec=replace(SPEC, options={}))
    next((data / "one").iterdir()).unlink()
    with pytest.raises(ConfigError, match=r"(training|validation) images was .*images\.sha256 was \w+, now \w+"):
        run(data, out, resume=True)
    assert {file: file.read_bytes() for file in out.iterdir()} == before


@pytest.mark.usefixtures("no_curves")
def test_other_versions_are_reported(
    digit_images: Path, tmp_path: Path, undisturbed: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that was upgraded before resuming does not end the training, but its name and versions are reported."""
    out, lines = Path(shutil.copytree(undisturbed.out, tmp_path / "out")), list[str]()
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "pillow" else version(name))
    run(digit_images, out, resume=True, callbacks=TrainingCallbacks(lines.append))
    assert lines[1].startswith("the rest may differ in its last bits: versions.pillow was ")
    assert lines[1].endswith(", now 0.1")


def test_a_folder_with_a_training_in_it(digit_images: Path, undisturbed: TrainingResult, tmp_path: Path) -> None:
    """A training is not overwritten, and where there is none, none can be resumed."""
    with pytest.raises(ConfigError, match=r"undisturbed holds a training already; continue it with --resume, or choos"):
        run(digit_images, undisturbed.out)
    with pytest.raises(ConfigError, match=r"out holds no checkpoint\.pt to continue from; leave --resume out to begin"):
        run(digit_images, tmp_path / "out", resume=True)
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint(digit_images: Path, tmp_path: Path, undisturbed: TrainingResult) -> None:
    """A file that was cut off, and one of another kind, are reported; nothing in them is run."""
    out = Path(shutil.copytree(undisturbed.out, tmp_path / "out"))
    (out / "checkpoint.pt").write_bytes((undisturbed.out / "checkpoint.pt").read_bytes()[:5000])
    with pytest.raises(MachineError, match=r"checkpoint\.pt cannot be read \(.*\); begin anew with another --out"):
        run(digit_images, out, resume=True)
    (out / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match=r"checkpoint\.pt is (no|not a) PyTorch checkpoint of tensors, or was cut off"):
        run(digit_images, out, resume=True)
    torch.save({"state_dict": {}}, out / "checkpoint.pt")
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is not of the format 'imgcls-checkpoint 2'"):
        run(digit_images, out, resume=True)


# What ends it.


def test_a_loss_that_is_not_finite(digit_images: Path, tmp_path: Path) -> None:
    """NaN ends the training with epoch, batch, settings and what to try; nothing is left behind."""
    spec = replace(SPEC, input={**INPUT, "std": (1e-45, 0.5, 0.5)})
    with pytest.raises(
        ModelError, match=r"the loss is nan in epoch 1, batch 1 of 3 \(seed 0, .*\); try a lower --lr, "
    ):
        run(digit_images, tmp_path / "out", spec=spec)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_image_that_is_cut_off(data: Path, tmp_path: Path) -> None:
    """A truncated image is reported before the first step, by its name and with the reason; nothing is written."""
    victim = min((data / "one").iterdir())
    victim.write_bytes(victim.read_bytes()[:60])
    with pytest.raises(ConfigError, match=rf"cannot train on 1 of 30 files: {victim}: truncated: .*; mend or remove"):
        run(data, tmp_path / "out", callbacks=NO_STEP)
    assert list((tmp_path / "out").iterdir()) == []


def test_broken_files_and_classes_that_lack_images_are_in_one_error(data: Path, tmp_path: Path) -> None:
    """Neither hides the other."""
    (data / "one" / "nothing.png").touch()
    (data / "void").mkdir()
    broken = f"cannot train on 1 of 31 files: {data}/one/nothing.png: empty: it has 0 bytes; .*"
    with pytest.raises(ConfigError, match=f"{broken}--max-rejected 1; and class folder {data}/void holds 0 distinct"):
        run(data, tmp_path / "out", callbacks=NO_STEP)


@pytest.mark.usefixtures("no_curves")
def test_what_pixels_are_converted_by_is_said_without_keys_of_a_dataset(data: Path, tmp_path: Path) -> None:
    """A training has no ``exif``, so the message names none."""
    victim = min((data / "one").iterdir())
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.open(victim).save(victim, exif=exif)
    lines: list[str] = []
    run(data, tmp_path / "out", config=ONE_EPOCH, callbacks=TrainingCallbacks(lines.append))
    assert lines[1:3] == ["begins from scratch", "1 image: Exif orientation ignored"]


@pytest.mark.slow
def test_an_image_that_breaks_during_a_training(
    data: Path, tmp_path: Path, undisturbed: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more images than memory holds, a file that changes ends the training by name; mended, it is resumed."""
    monkeypatch.setattr(dataloader, "BUDGET_BYTES", 0)
    victim = next(ref.file for ref in training_runs.split(data, CONFIG).train)
    bytes_before = victim.read_bytes()
    callbacks = TrainingCallbacks(epoch=lambda _: victim.write_bytes(b"broken"))
    with pytest.raises(ConfigError, match=rf"cannot train on 1 of 30 files: {victim}: changed: .*; mend or remove"):
        run(data, tmp_path / "out", callbacks=callbacks)
    assert len(rows(tmp_path / "out")) == 1
    victim.write_bytes(bytes_before)
    run(data, tmp_path / "out", resume=True)
    assert are_equal(tmp_path / "out", undisturbed.out)


@pytest.mark.slow
def test_a_full_disk(digit_images: Path, tmp_path: Path, undisturbed: TrainingResult) -> None:
    """Where the disk is full, one line states it, the files before it are whole, and the training is resumed."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(epoch: Epoch) -> None:
        if epoch.number == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))

    try:
        with pytest.raises(MachineError, match=r"cannot write .*checkpoint\.pt: File too large; .* with --resume"):
            run(digit_images, tmp_path / "out", callbacks=TrainingCallbacks(epoch=fill))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(rows(tmp_path / "out")) == len(checkpoints.load(tmp_path / "out")["history"]) == 2
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES
    run(digit_images, tmp_path / "out", resume=True)
    assert are_equal(tmp_path / "out", undisturbed.out)


def test_a_folder_that_cannot_be_written(digit_images: Path, tmp_path: Path) -> None:
    """A folder that cannot be made is reported before the training."""
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match=r"cannot write .*file/out: Not a directory"):
        run(digit_images, tmp_path / "file" / "out", callbacks=NO_STEP)


@pytest.mark.usefixtures("no_curves")
def test_files_of_others_are_not_touched(digit_images: Path, tmp_path: Path) -> None:
    """A folder that holds a file of the same name is refused; what only looks like a half-written one stays."""
    out = tmp_path / "out"
    out.mkdir()
    for name in ("imgcls.toml", ".bashrc.1", ".notes.2024-01-01"):
        (out / name).write_text("mine")
    with pytest.raises(ConfigError, match=r"holds imgcls\.toml already, which would be overwritten"):
        run(digit_images, out)
    (out / "imgcls.toml").unlink()
    (out / ".cache.1").mkdir()
    (out / ".0123abcd.last.safetensors").write_text("half")
    run(digit_images, out, config=ONE_EPOCH)
    assert {".bashrc.1", ".notes.2024-01-01", ".cache.1"} <= {file.name for file in out.iterdir()}
    assert not (out / ".0123abcd.last.safetensors").exists()


@pytest.mark.usefixtures("no_curves")
def test_a_training_without_an_epoch_can_begin_again(digit_images: Path, tmp_path: Path) -> None:
    """A training that fails in its first epoch leaves no checkpoint, so that it can begin with other options."""
    with pytest.raises(ModelError):
        run(digit_images, tmp_path / "out", config=replace(ONE_EPOCH, learning_rate=1e30))
    run(digit_images, tmp_path / "out", config=ONE_EPOCH)


@pytest.mark.parametrize("where", ["normalize", "crop"])
def test_memory_that_runs_out_while_loading(
    digit_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """One line states what to try, whether images are decoded or become a batch; nothing is left behind."""

    def full(*_: object) -> None:
        raise MemoryError("Unable to allocate 8 GiB")

    monkeypatch.setattr(transforms, where, full)
    with pytest.raises(MachineError, match="out of memory: Unable to allocate 8 GiB; try half the --batch-size"):
        run(digit_images, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_nothing_is_written_among_the_images(data: Path) -> None:
    """A folder inside the dataset is refused, because its files would be taken for images by the next training."""
    with pytest.raises(ConfigError, match=r"is inside of .* and would be taken for images; choose another --out"):
        run(data, data / "run")


@pytest.mark.parametrize(
    ("device", "is_in_use", "gpus"), [("cpu", False, []), ("cpu", True, [0, 1]), ("cuda", False, [0, 1])]
)
def test_the_generators_of_gpus_are_given_back(
    monkeypatch: pytest.MonkeyPatch, device: str, is_in_use: bool, gpus: list[int]
) -> None:
    """A seed is that of every GPU as well, so that after a training they draw on as if there had been none."""
    given_back: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: is_in_use)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda gpu: f"state of {gpu}")
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *state: given_back.append(state))
    with trainer._reproducible(TrainingConfig(1, device=device)):
        assert not given_back
    assert sorted(given_back, key=str) == [(f"state of {gpu}", gpu) for gpu in gpus]


@pytest.mark.parametrize(
    ("device", "given", "within"), [("cpu", None, None), ("cuda", None, ":4096:8"), ("cuda", ":16:8", ":16:8")]
)
def test_cublas_is_deterministic_only_while_a_gpu_trains(
    monkeypatch: pytest.MonkeyPatch, device: str, given: str | None, within: str | None
) -> None:
    """Its variable is set then, unless the user has set it, and is afterwards as it was."""
    monkeypatch.delenv(trainer.CUBLAS_WORKSPACE, raising=False)
    if given:
        monkeypatch.setenv(trainer.CUBLAS_WORKSPACE, given)
    with trainer._cublas_workspace(device):
        assert os.environ.get(trainer.CUBLAS_WORKSPACE) == within
    assert os.environ.get(trainer.CUBLAS_WORKSPACE) == given
