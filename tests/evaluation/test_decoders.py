"""Decoding in processes gives what threads give, to the bit, whatever becomes of the processes."""

import errno
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from imgcls.data import dataset as datasets
from imgcls.evaluation import decoders, inputs
from imgcls.evaluation.decoders import Decoders
from imgcls.evaluation.inputs import Rejected
from imgcls.preprocessing import decode
from imgcls.preprocessing.own_input import OwnPreprocessing
from imgcls.preprocessing.preprocess import Prepared, Preprocessing
from imgcls.records.config import Address, DatasetSpec, InputSpec
from imgcls.records.data import ImageRef
from imgcls.system import machine

SMALL = InputSpec(12, (8, 8), "center", "bilinear", (0.5,) * 3, (0.5,) * 3)
GREY = InputSpec((16, 16), (16, 16), "squash", "bicubic", (0.5,), (0.5,))
WAYS = [Preprocessing(SMALL, "exact"), Preprocessing(GREY, "exact")]


@pytest.fixture
def images(tmp_path: Path) -> Sequence[ImageRef]:
    """Photographs, a grey one, one that Exif turns, and files that are rejected for several reasons."""
    folder = tmp_path / "images" / "one"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(noise).save(folder / "a.jpg", quality=90)
    Image.fromarray(noise).convert("L").save(folder / "b.jpg")
    Image.fromarray(noise).save(folder / "c.jpg", exif=turned)
    Image.fromarray(noise).save(folder / "d.png")
    (folder / "e.jpg").write_bytes((folder / "a.jpg").read_bytes()[:900])
    (folder / "f.jpg").write_bytes(b"no image at all")
    return list(_listed(tmp_path / "images"))


@pytest.fixture(scope="module")
def two() -> Decoders:
    """Two processes."""
    return Decoders(2)


def _listed(path: Path) -> Sequence[ImageRef]:
    return datasets.list_images(DatasetSpec("d", path)).images


def _same(one: Prepared | Rejected, other: Prepared | Rejected) -> bool:
    if isinstance(one, Rejected) or isinstance(other, Rejected):
        return one == other
    if one.crops.keys() != other.crops.keys() or one.remarks != other.remarks:
        return False
    pairs = [(np.asarray(crop), np.asarray(other.crops[way])) for way, crop in one.crops.items()]
    alike = all(np.array_equal(a, b) and (a.dtype, a.strides) == (b.dtype, b.strides) for a, b in pairs)
    return alike and list(map(str, one.undecodable.values())) == list(map(str, other.undecodable.values()))


def _in_threads(images: Sequence[ImageRef], exif: str = "ignore") -> list[Prepared | Rejected]:
    with decode.quiet_pillow():
        return list(inputs.each_prepared(images, WAYS, "apply" if exif == "apply" else "ignore"))


def _processes() -> list[psutil.Process]:
    """Those that decode for this one, and those that they were forked from."""
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
@pytest.mark.parametrize("exif", ["ignore", "apply"])
def test_processes_give_what_threads_give(two: Decoders, images: Sequence[ImageRef], exif: str) -> None:
    """Crops, their order in memory, remarks and rejections are the same."""
    results = two.prepared(images, WAYS, "apply" if exif == "apply" else "ignore")
    assert [isinstance(result, Rejected) for result in results] == [False] * 4 + [True] * 2
    assert all(_same(*pair) for pair in zip(results, _in_threads(images, exif), strict=True))


@pytest.mark.slow
def test_members_of_archives(two: Decoders, images: Sequence[ImageRef], tmp_path: Path) -> None:
    """What is in a zip archive is read by the process, too."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for image in images:
            archive.write(image.file, image.path)
    packed = list(_listed(tmp_path / "all.zip"))
    results = two.prepared(packed, WAYS, "ignore")
    assert all(_same(*pair) for pair in zip(results, _in_threads(packed), strict=True))


@pytest.mark.slow
def test_a_limit_of_pixels_holds_in_processes(
    two: Decoders, images: Sequence[ImageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of a dataset, and the one that this process has set since; the next request has its own."""
    with decode.quiet_pillow(0.001):
        of_dataset = two.prepared(images[:1], WAYS, "ignore")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    of_process = two.prepared(images[:1], WAYS, "ignore")
    monkeypatch.undo()
    [prepared] = two.prepared(images[:1], WAYS, "ignore")
    for [rejected] in (of_dataset, of_process):
        assert isinstance(rejected, Rejected)
        assert rejected.reason == "too_large"
    assert isinstance(prepared, Prepared)


@pytest.mark.slow
def test_what_only_this_process_can_read(two: Decoders, images: Sequence[ImageRef], tmp_path: Path) -> None:
    """The images of a factory of the user's, which another process would have to build again."""
    (tmp_path / "own_images.py").write_text(f"def listed():\n    return [({images[0].file.read_bytes()!r}, 'one')]\n")
    [image] = datasets.list_images(DatasetSpec("d", Address("python:own_images:listed"), folder=tmp_path)).images
    assert not decoders._is_read_anywhere(image)
    [prepared] = two.prepared([image], WAYS, "ignore")
    assert _same(prepared, _in_threads(images[:1])[0])


@pytest.mark.slow
def test_what_a_process_rejects_is_decided_here(
    two: Decoders, images: Sequence[ImageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may not find, or not know how to decode, what this process does."""
    two.prepared(images[:1], WAYS, "ignore")
    monkeypatch.chdir(images[0].file.parent)
    moved = [replace(image, place=Path(image.file.name)) for image in images]
    results = two.prepared(moved, WAYS, "ignore")
    assert [isinstance(result, Rejected) for result in results] == [False] * 4 + [True] * 2
    assert all(_same(*pair) for pair in zip(results, _in_threads(moved), strict=True))


@pytest.mark.slow
def test_a_network_with_its_own_preprocessing(two: Decoders, images: Sequence[ImageRef]) -> None:
    """One that is scored after others, for which processes were started, is given its crops by this process."""
    own = Preprocessing(SMALL, "exact", OwnPreprocessing("own", lambda _: torch.zeros(3, 8, 8)))
    [prepared] = two.prepared(images[:1], [*WAYS, own], "ignore")
    assert isinstance(prepared, Prepared)
    assert list(prepared.crops) == [*WAYS, own]
    assert two._free.qsize() == 2


def test_what_is_opened_for_processes_that_do_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed, not left to whoever collects garbage."""
    monkeypatch.setattr(decoders, "_started", mock.Mock(side_effect=OSError(errno.EAGAIN, "no more processes")))
    before = psutil.Process().num_fds()
    with pytest.raises(OSError, match="no more processes") as caught:
        Decoders(3)
    assert caught.tb
    assert psutil.Process().num_fds() == before


def test_an_end_that_another_process_holds_too() -> None:
    """One that was forked by a library: the process at the other end learns nevertheless that it is done."""
    ours, theirs = socket.socketpair()
    with ours.dup(), theirs:
        theirs.settimeout(5)
        decoders._close(ours)
        assert theirs.recv(1) == b""


@pytest.mark.slow
def test_processes_that_are_killed(images: Sequence[ImageRef]) -> None:
    """What one was to do is done by the thread that called, and so is all that comes after it."""
    others = _processes()
    killed = Decoders(1)
    killed.prepared(images[:1], WAYS, "ignore")
    for process in set(_processes()).difference(others):
        process.kill()
    expected = _in_threads(images)
    for _ in range(2):
        with decode.quiet_pillow():
            results = killed.prepared(images, WAYS, "ignore")
        assert all(_same(*pair) for pair in zip(results, expected, strict=True))


@pytest.mark.slow
def test_they_end_with_their_owner(images: Sequence[ImageRef]) -> None:
    """When nothing refers to them any more, no process is left."""
    before = _processes()
    owner = Decoders(2)
    owner.prepared(images[:1], WAYS, "ignore")
    started = set(_processes()).difference(before)
    assert len(started) == 3
    del owner
    assert not started.intersection(_processes())


PROGRAM = """
import sys
from pathlib import Path
from imgcls.data import dataset as datasets
from imgcls.evaluation.decoders import Decoders
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import DatasetSpec, InputSpec

spec = InputSpec(12, (8, 8), "center", "bilinear", (0.5,) * 3, (0.5,) * 3)
images = list(datasets.list_images(DatasetSpec("d", Path(sys.argv[1]))).images)
processes = Decoders(2)
processes.prepared(images, [Preprocessing(spec, "exact")], "ignore")
print("ready", flush=True)
while True:
    processes.prepared(images, [Preprocessing(spec, "exact")], "ignore")
"""


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_they_end_with_a_process_that_is_ended(images: Sequence[ImageRef], sent: signal.Signals) -> None:
    """Whatever ends it, also Ctrl-C, which a terminal sends to its group only; none of them prints anything."""
    command = [sys.executable, "-c", "import signal; signal.signal(2, signal.default_int_handler)\n" + PROGRAM]
    command.append(str(images[0].file.parents[1]))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        started = psutil.Process(run.pid).children(recursive=True)
        groups = [os.getpgid(process.pid) for process in started]
        (os.killpg if sent == signal.SIGINT else os.kill)(run.pid, sent)
        _, errors = run.communicate(timeout=60)
    assert len(groups) == 3
    assert run.pid not in groups  # Ctrl-C reaches none of them, also while they start
    assert ("KeyboardInterrupt" in errors) == (sent == signal.SIGINT)
    assert errors.count("Traceback") == (sent == signal.SIGINT)
    assert psutil.wait_procs(started, timeout=30)[1] == []


@pytest.mark.parametrize(
    ("device", "cores", "images", "expected"),
    [
        ("cuda", 16, 50_000, True),
        ("cuda:1", 3, 2048, True),
        ("cpu", 16, 50_000, False),
        ("mps", 16, 50_000, False),
        ("cuda", 2, 50_000, False),
        ("cuda", 16, 2047, False),
    ],
)
def test_where_processes_decode(
    monkeypatch: pytest.MonkeyPatch, device: str, cores: int, images: int, expected: bool
) -> None:
    """Next to a device of its own, with more cores than Python's lock leaves busy, for more than a few images."""
    monkeypatch.setattr(machine, "threads", lambda: cores)
    assert decoders.are_faster(device, images, WAYS) is expected
    own = Preprocessing(SMALL, "exact", OwnPreprocessing("own", lambda _: torch.zeros(3, 8, 8)))
    assert not decoders.are_faster(device, images, [*WAYS, own])
