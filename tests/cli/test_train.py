"""``imgcls train``: its options reach the training, and it prints lines or a bar."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import training_runs
from imgcls.cli.main import main
from imgcls.reporting import progress
from training_runs import are_equal, run


@pytest.fixture(scope="module", autouse=True)
def _one_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with training_runs.one_thread(tmp_path_factory.mktemp("cache")):
        yield


@pytest.fixture(scope="module")
def digit_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten images each of three digits."""
    return training_runs.copy_digits(tmp_path_factory.mktemp("digits"))


@pytest.mark.slow
def test_the_command(digit_images: Path, tmp_path: Path, imgcls: Callable[..., pytest.RunResult]) -> None:
    """Options reach the configuration, which gives the same weights; stdout has a line for every epoch, stderr none."""
    expected = run(digit_images, tmp_path / "expected")
    table = 'resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]'
    command = (
        *("train", digit_images, "--arch", "test_efficientnet", "--options", "drop_rate = 0.2", "--input", table),
        *("--epochs", "3", "--batch-size", "8", "--no-flip", "--scale", "0.6", "1", "--ema", "0.9"),
        *("--warmup-epochs", "1", "--randaugment", "rand-m3-mstd0.5", "--out", tmp_path / "out", "--tensorboard"),
    )
    done = imgcls(*command)
    assert done.ret == 0, done.stderr.str()
    assert are_equal(tmp_path / "out", expected.out)
    best, top1 = expected.best, f"{100 * expected.best.validation.top1:.2f}"
    done.stdout.fnmatch_lines(
        [
            "epoch 1 of 3: train loss ?.* top1 * % f1 * %, validation loss ?.* f1 * %, rate *, * images/s, *.? s",
            "epoch 3 of 3: *",
            f"trained on {expected.train_images} images; * is {best.number}: top1 {top1} % *; * s per epoch",
            f"test it with: pytest --pyargs imgcls.suite -m accuracy --imgcls-config {tmp_path}/out/imgcls.toml",
        ]
    )
    assert done.stderr.lines == []
    assert list((tmp_path / "out" / "tensorboard").iterdir())
    again = imgcls(*command, "--resume")
    assert again.stdout.lines == ["continues after epoch 3 of 3", *done.stdout.lines[-3:]]


@pytest.mark.slow
def test_a_bar_on_a_terminal(
    digit_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where stderr is a terminal, a bar with the time left is drawn there; stdout in a pipe still has every line."""
    monkeypatch.setattr(progress, "TERMINAL_S", 0.0)
    ours, theirs = os.openpty()
    command = ["train", str(digit_images), "--arch", "timm:test_resnet", "--epochs", "2"]
    command += ["--input", "resize = 32, crop = 32", "--out", str(tmp_path / "out")]
    with ThreadPoolExecutor(1) as reader:
        drawn = reader.submit(_drained, ours)
        with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", terminal)
            assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    words = ["validation", "begins from scratch", "epoch 1 of 2", "epoch 2 of 2"]
    assert [line.partition(":")[0] for line in lines[:4]] == words
    assert len(lines) == 7
    assert re.search(r"training.*/48 images.*\d:\d\d:\d\d", drawn.result())
    assert "epoch 1" not in drawn.result()


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
        (["--arch", "resnet18", "--optimizer", "adam"], "imgcls: no optimizer 'adam'; did you mean 'nadam'?"),
        (["--arch", "resnet18", "--epochs", "0"], "imgcls: 0 epochs train nothing; give 1 or more"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    digit_images: Path, tmp_path: Path, imgcls: Callable[..., pytest.RunResult], options: list[str], message: str
) -> None:
    """A wrong command line is one line that names the nearest; it ends with 2, and makes no folder."""
    done = imgcls("train", digit_images, "--epochs", "3", "--out", tmp_path / "out", *options)
    assert done.ret == 2
    assert len(done.stderr.lines) == 1
    done.stderr.fnmatch_lines([message])
    assert not (tmp_path / "out").exists()
