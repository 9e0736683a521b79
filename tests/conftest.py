"""A small project of the kind that users have: pictures in folders, a network, a configuration, one test file."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}

NETS = '''
import os
import pathlib
import torch


class Colour(torch.nn.Module):
    """Its logits are the mean of each channel; every forward pass is written down, one line of picture counts."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(gain))

    def forward(self, batch):
        with open(os.environ["FORWARDS"], "a") as log:
            log.write(f"{os.getpid()} {len(batch)}\\n")
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
    """Its process is killed in the forward pass that would bring it past LIFE pictures."""

    lived = 0

    def forward(self, batch):
        self.lived += len(batch)
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


class Project:
    """The files of the project, and what its networks were asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.forwards = folder / "forwards.log"
        (folder / "nets.py").write_text(NETS)
        (folder / "names.txt").write_text("red\ngreen\nblue\n")
        (folder / "test_models.py").write_text("from imgcls.suite import *\n")
        (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers --imgcls-device=cpu\npythonpath = .\n")
        self.configure(CONFIGURATION)
        for colour in COLOURS:
            self.add_pictures(colour, 4)

    def configure(self, text: str) -> None:
        """Write the configuration."""
        (self.folder / "imgcls.toml").write_text(text)

    def also(self, text: str) -> None:
        """Add to the configuration."""
        self.configure(CONFIGURATION + text)

    def add_pictures(self, colour: str, count: int, folder: str = "colours") -> None:
        """Pictures of one colour, each with a grey corner of its own, so that no bytes repeat."""
        place = self.folder / folder / colour
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = Image.new("RGB", (16, 16), COLOURS[colour])
            picture.putpixel((0, 0), tuple(hashlib.sha256(f"{colour}{number}".encode()).digest()[:3]))
            picture.save(place / f"{number:04}.png")

    def pictures_asked(self) -> int:
        """How many pictures went through a network, the empty one that counts its outputs aside."""
        if not self.forwards.exists():
            return 0
        counts = [int(line.split()[1]) for line in self.forwards.read_text().splitlines()]
        return sum(counts)

    def forget_forwards(self) -> None:
        """Begin to count anew."""
        self.forwards.unlink(missing_ok=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of three colours and one network that tells them apart; it is the working folder."""
    made = Project(tmp_path)
    monkeypatch.setenv("FORWARDS", str(made.forwards))
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photographs that come with scikit-learn and matplotlib, in folders of WordNet ids."""
    folder = tmp_path_factory.mktemp("pictures")
    for wnid, distribution, file in (
        ("n03877845", "scikit-learn", "sklearn/datasets/images/china.jpg"),  # palace
        ("n11939491", "scikit-learn", "sklearn/datasets/images/flower.jpg"),  # daisy
        ("n03763968", "matplotlib", "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),  # military uniform
    ):
        (folder / wnid).mkdir()
        shutil.copy(str(metadata.distribution(distribution).locate_file(file)), folder / wnid)
    return folder


def _process(*command: str, **variables: str) -> pytest.RunResult:
    """Run Python with these arguments to its end; pytest's own view of what came of it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_") and k != "CI"}
    environment["OMP_NUM_THREADS"] = "1"  # these networks are tiny, and threads that wait for each other are slow
    environment |= variables
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0.0)


@pytest.fixture
def run_pytest() -> Callable[..., pytest.RunResult]:
    """Pytest as a process in the working folder; keywords are environment variables."""
    return lambda *arguments, **variables: _process(
        "-m", "pytest", "-rA", "-p", "no:cacheprovider", *arguments, **variables
    )


@pytest.fixture
def imgcls() -> Callable[..., pytest.RunResult]:
    """The command as a process in the working folder; keywords are environment variables."""
    return lambda *arguments, **variables: _process("-m", "imgcls", *arguments, **variables)


@pytest.fixture
def python() -> Callable[..., pytest.RunResult]:
    """A few lines of Python as a process in the working folder."""
    return lambda code: _process("-c", code)
