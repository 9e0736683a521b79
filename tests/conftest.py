"""A small project of the kind that users have: images in folders, a network, a configuration, one test file."""

import gc
import hashlib
import io
import logging
import shutil
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from functools import cache, partial
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

import in_process
from builders import make_memory
from imgcls.performance import memory
from imgcls.store import connection
from imgcls.system import machine
from remembered import remembered
from weights_fixtures import closed, hub_at, no_weights, silent, site  # noqa: F401 - fixtures for all tests

settings.register_profile("tests", deadline=None)  # the first example may pay for an import, and the machine is shared
settings.load_profile("tests")

Command = Callable[..., pytest.RunResult]

LONGEST = {"test_ray.py", "test_memory.py", "test_same_bits.py", "test_golden_holds.py", "test_photographs.py"}
"""Files whose tests take a minute or more, all together."""

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}

NETS = '''
import os
import pathlib
import torch


def padding(batch):
    """The number of copies of the first image that fill up a batch, counted without operators that a profile shows."""
    images = (batch if batch.dtype == torch.float32 else batch.float()).numpy()
    return int((images[1:] == images[:1]).all(axis=(1, 2, 3)).sum())


class Colour(torch.nn.Module):
    """Its logits are the mean of each channel; every forward pass is written down: process, images, padding."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(gain))

    def forward(self, batch):
        copies = padding(batch)
        with open(os.environ["FORWARDS"], "a") as log:
            log.write(f"{os.getpid()} {len(batch) - copies} {copies}\\n")
        return batch.mean(dim=(2, 3)) * self.gain


def colour(gain=1.0):
    return Colour(gain)


def nan():
    return Colour(float("nan"))


def infinite():
    return Colour(float("inf"))


def broken():
    raise RuntimeError("this factory is broken")


class Mortal(Colour):
    """Its process is killed in the forward pass that would bring it past LIFE images."""

    lived = 0

    def forward(self, batch):
        self.lived += len(batch) - padding(batch)
        if self.lived > int(os.environ.get("LIFE", "1000000")):
            os.kill(os.getpid(), 9)
        return super().forward(batch)


def mortal():
    return Mortal()


def four():
    return torch.nn.Sequential(Colour(), torch.nn.Linear(3, 4))
'''

NETWORK = """labels = "names.txt"
input = { resize = 8, crop = 8, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }
"""

CONFIGURATION = f"""
[datasets.colours]
path = "colours"

[models.colour]
arch = "python:nets:colour"
{NETWORK}
[gates.colour]
colours = {{ top1 = 1.0, min_images = 12 }}
"""


@cache
def _png(colour: str, number: int) -> bytes:
    image, file = Image.new("RGB", (16, 16), COLOURS[colour]), io.BytesIO()
    image.putpixel((8, 8), tuple(hashlib.sha256(f"{colour}{number}".encode()).digest()[:3]))
    image.save(file, "PNG")
    return file.getvalue()


class Project:
    """The files of the project, and what its networks inferred."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.forwards = folder / "forwards.log"
        (folder / "nets.py").write_text(NETS)
        (folder / "names.txt").write_text("red\ngreen\nblue\n")
        (folder / "test_models.py").write_text("from imgcls.suite import *\n")
        (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers --imgcls-device=cpu\npythonpath = .\n")
        self.configure(CONFIGURATION)
        for colour in COLOURS:
            self.add_images(colour, 4)

    def configure(self, text: str) -> None:
        """Write the configuration."""
        (self.folder / "imgcls.toml").write_text(text)

    def also(self, text: str) -> None:
        """Add to the configuration."""
        self.configure(CONFIGURATION + text)

    def add_images(self, colour: str, count: int, folder: str = "colours") -> None:
        """Images of one colour, each with a point of its own, so that no bytes and no crops repeat."""
        place = self.folder / folder / colour
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (place / f"{number:04}.png").write_bytes(_png(colour, number))

    def images_inferred(self) -> int:
        """The number of images that went through a network, without those that fill up a batch."""
        if not self.forwards.exists():
            return 0
        counts = [int(line.split()[1]) for line in self.forwards.read_text().splitlines()]
        return sum(counts)

    def forget_forwards(self) -> None:
        """Begin to count anew."""
        self.forwards.unlink(missing_ok=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """No garbage collection looks at 9,000 tests: not while they are collected, and not while they run.

    It looks at what they make rarely: a quick test makes a few thousand objects.
    """
    gc.disable()
    try:
        with remembered():
            return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, the longest before all: at the end of the queue no worker waits for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name not in LONGEST, item.path not in slow))


@pytest.fixture(autouse=True, scope="session")
def disk() -> Iterator[None]:
    """No store of this process waits for the disk, because no test cuts its power; processes that tests start do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "PRAGMAS", (*connection.PRAGMAS, "synchronous = off"))
        yield


@pytest.fixture(autouse=True, scope="session")
def set_aside() -> Iterator[None]:
    """What garbage collections do not look at stays so: code of ours that ends a process's measurement returns it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "unfreeze", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def found_out_once() -> Iterator[None]:
    """What no test changes is found out once in each process."""
    with remembered():
        yield


@pytest.fixture(autouse=True)
def outside_of_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is run in a test writes into the summary or the annotations of this test run itself."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of three colours and one network that tells them apart; it is the working folder."""
    made = Project(tmp_path)
    monkeypatch.setenv("FORWARDS", str(made.forwards))
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def importable(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The project, whose networks are imported into this very process, and forgotten afterwards."""
    monkeypatch.syspath_prepend(str(project.folder))
    sys.modules.pop("nets", None)
    yield project
    sys.modules.pop("nets", None)


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    """What is logged; pytest's own plugin for that, which looks for it around each test, is not loaded."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment,method-assign]
    logging.getLogger().addHandler(handler)
    yield records
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photographs that come with scikit-learn and matplotlib, in folders of WordNet ids."""
    folder = tmp_path_factory.mktemp("photographs")
    for wnid, distribution, file in (
        ("n03877845", "scikit-learn", "sklearn/datasets/images/china.jpg"),  # palace
        ("n11939491", "scikit-learn", "sklearn/datasets/images/flower.jpg"),  # daisy
        ("n03763968", "matplotlib", "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),  # military uniform
    ):
        (folder / wnid).mkdir()
        shutil.copy(str(metadata.distribution(distribution).locate_file(file)), folder / wnid)
    return folder


@pytest.fixture
def hang() -> Iterator[Callable[..., None]]:
    """What takes longer than anything waits for it: until the test ends."""
    ended = threading.Event()

    def wait(*_: object, **__: object) -> None:
        ended.wait(60)

    yield wait
    ended.set()


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA device as far as anybody can see who does not use it."""
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)


@pytest.fixture
def quick_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory as if it had been measured, which takes a process for each model."""
    monkeypatch.setattr(memory, "measure", lambda spec, *_, **__: make_memory(spec.name))


@pytest.fixture
def forked_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is measured in a forked process, which has no libraries to import."""
    import memory_forks

    monkeypatch.setattr(memory, "_outcome", memory_forks.outcome)


@pytest.fixture
def run_pytest() -> Command:
    """Pytest in the working folder, inside of this process; keywords are environment variables."""
    return in_process.run_pytest


@pytest.fixture
def imgcls() -> Command:
    """The command in the working folder, inside of this process; keywords are environment variables."""
    return in_process.run_command


@pytest.fixture(name="pytest_process")
def process_of_pytest() -> Command:
    """Pytest as a process in the working folder; keywords are environment variables."""
    return partial(in_process.run_process, "-m", "pytest", *in_process.OPTIONS)


@pytest.fixture
def imgcls_process() -> Command:
    """The command as a process in the working folder; keywords are environment variables."""
    return partial(in_process.run_process, "-m", "imgcls")


@pytest.fixture
def python() -> Command:
    """A few lines of Python as a process in the working folder."""
    return partial(in_process.run_process, "-c")
