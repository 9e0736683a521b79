"""Folders that nobody made for imgcls: init brings four of five to a working suite, and says what the fifth lacks."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from conftest import Command
from first_hour import (
    CYRILLIC,
    NESTED,
    SHARED,
    SPLIT,
    WNIDS,
    copy_photographs,
    write_checkpoint,
    write_images,
)
from imgcls.config import loader
from imgcls.records.config import Settings

SQUEEZENET = SHARED / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors"


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder is empty, and any connection fails the test."""

    def refuse(*_: object) -> NoReturn:
        pytest.fail("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)


def _settings() -> Settings:
    return loader.load([Path("imgcls.toml")])


# Generated images, and a network that is wrong about all of them.


def _nested() -> None:
    write_images(Path("photos"), NESTED)


def _split() -> None:
    write_images(Path("data"), SPLIT)


def _wnids() -> None:
    write_images(Path("imagenet"), WNIDS)


def _mixed() -> None:
    write_images(Path("photos"), {"cat": 4, "dog": 4, "truck": 4}, (".jpg", ".png", ".webp", ".heic"))
    Path("photos/cat/notes.txt").write_text("nice ones")
    Path("photos/.DS_Store").touch()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "images", "counts"),
    [(_nested, 9, "9"), (_split, 4, "4"), (_wnids, 6, "6"), (_mixed, 12, "12")],
)
def test_four_folders_become_suites_unaided(
    make: Callable[[], None], images: int, counts: str, imgcls: Command, run_pytest: Command
) -> None:
    """Labels match, every image is scored, and a network of random weights makes the gate red."""
    make()
    write_checkpoint(Path("weights/net.safetensors"))
    assert imgcls("init").ret == 0
    assert imgcls("labels", "check").ret == 0
    result = run_pytest("-m", "accuracy")
    assert result.parseoutcomes() == {"failed": 1, "deselected": 1}
    result.stdout.re_match_lines([r".*(FAIL|INCONCLUSIVE).*top1 0\.\d+ \(\d+ of " + counts + r"\), wanted 0\."])
    result.stdout.fnmatch_lines(["gates: 1 of 1 evaluated"])
    [gate] = _settings().gates.values()
    assert gate.min_images == images


def test_of_the_fifth_the_next_step_is_named_and_is_enough(imgcls: Command) -> None:
    """Russian names are classes of no list: the rows to fill in are there, and filled in they match."""
    write_images(Path("photos"), CYRILLIC)
    write_checkpoint(Path("net.safetensors"))
    result = imgcls("init")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["next     fill in classes.csv; *"])
    result = imgcls("labels", "check")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*classes.csv, line 2: folder or wnid is empty"])
    ids = {"кошка": "n02123045", "собака": "n02085620", "грузовик": "n03417042"}
    text = Path("classes.csv").read_text(encoding="utf-8")
    for folder, wnid in ids.items():
        text = text.replace(f"{folder},,", f"{folder},{wnid},")
    Path("classes.csv").write_text(text, encoding="utf-8")
    assert imgcls("labels", "check").ret == 0


@pytest.mark.slow
def test_a_network_of_the_folders_themselves_needs_no_map(imgcls: Command, run_pytest: Command) -> None:
    """Trained on Russian names, it is scored on them."""
    write_images(Path("фото"), CYRILLIC)
    write_checkpoint(Path("net.safetensors"), sorted(CYRILLIC))
    result = imgcls("init", "--data", "фото")
    assert result.ret == 0
    assert not Path("classes.csv").exists()
    [gate] = _settings().gates.values()
    assert gate.min_images == 6
    run_pytest("-m", "accuracy").stdout.fnmatch_lines(["gates: 1 of 1 evaluated"])


# Real photographs, and a network that is right about most of them.


def _real_nested() -> None:
    folders = {"animals/cat": "cat", "animals/dog": "dog", "things/boat": "boat", "things/truck": "truck"}
    copy_photographs(Path("photos"), folders, each=5)


def _real_split() -> None:
    copy_photographs(Path("data/train"), {"dog": "dog", "turtle": "turtle", "truck": "truck"}, each=1)
    copy_photographs(Path("data/val"), {"dog": "dog", "turtle": "turtle", "truck": "truck"}, each=4, first=1)


def _real_wnids() -> None:
    for folder in sorted((SHARED / "photos").iterdir())[::50]:
        shutil.copytree(folder, Path("photos", folder.name))


def _real_mixed() -> None:
    from PIL import Image

    copy_photographs(Path("photos"), {"dog": "dog", "butterfly": "butterfly"}, each=5)
    for number, photograph in enumerate(sorted(Path("photos").rglob("*.[Jj]*"))):
        Image.open(photograph).save(photograph.with_suffix((".png", ".webp")[number % 2]))
        photograph.unlink()
    Path("photos/dog/notes.txt").touch()


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "images", "outcome"),
    [
        (_real_nested, 20, "passed"),
        (_real_split, 12, "passed"),
        (_real_wnids, 20, "failed"),
        (_real_mixed, 10, "passed"),
    ],
)
def test_real_photographs_are_scored_against_a_gate_of_their_number(
    make: Callable[[], None], images: int, outcome: str, imgcls: Command, run_pytest: Command
) -> None:
    """The architecture is recognised, classes are matched; SqueezeNet is not good enough for ImageNet."""
    make()
    shutil.copy(SQUEEZENET, "squeezenet.safetensors")
    result = imgcls("init")
    assert result.ret == 0
    assert len(result.outlines) <= 25
    result.stdout.fnmatch_lines(["models   squeezenet: torchvision:squeezenet1_0, squeezenet.safetensors"])
    assert imgcls("labels", "check").ret == 0
    result = run_pytest("-m", "accuracy")
    assert result.parseoutcomes() == {outcome: 1, "deselected": 1}
    result.stdout.fnmatch_lines(["gates: 1 of 1 evaluated"])
    [gate] = _settings().gates.values()
    assert gate.min_images == images


@pytest.mark.shared
@pytest.mark.slow
def test_fifty_photographs_are_green_and_red(imgcls: Command, run_pytest: Command) -> None:
    """The gate that is proposed passes a good network, and fails it with its channels swapped."""
    Path("photos").symlink_to(SHARED / "photos10")
    shutil.copy(SQUEEZENET, "squeezenet.safetensors")
    assert imgcls("init").ret == 0
    assert "top1 = { min = 0.5, confidence = 0.95 }, min_images = 50" in Path("imgcls.toml").read_text()
    run_pytest("-m", "accuracy").stdout.fnmatch_lines(["*PASS*squeezenet on photos: top1 0.* of 50)*"])
    with Path("imgcls.toml").open("a") as file:
        file.write("[models.squeezenet.input]\nmean = [0, 0, 0]\nstd = [9, 9, 9]\n")
    assert run_pytest("-m", "accuracy").parseoutcomes() == {"failed": 1, "deselected": 1}


@pytest.mark.shared
@pytest.mark.slow
def test_real_photographs_under_russian_names_lack_their_classes(imgcls: Command) -> None:
    """Each folder is named, and so is the file to fill in."""
    copy_photographs(Path("фото"), {"собака": "dog", "лодка": "boat"})
    shutil.copy(SQUEEZENET, "squeezenet.safetensors")
    result = imgcls("init")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["missing  лодка: *", "         собака: *", "next     fill in classes.csv; *"])
