"""Kills actors, nodes and drivers of scoring on Ray at seeded moments, and counts what was lost and what was doubled.

    python bench/ray_kills.py --kills 100

Each round scores drawn images on a cluster of three nodes of this machine, one of which is the driver's, until the
document is written: it must be that of one process, byte for byte but for times. What actors computed is in a log, so
that computing twice is seen. Exit code 1 where a document differs, or where nothing was computed twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import util
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

NETWORK = '''
import os, time, torch

class Slow(torch.nn.Module):
    """Its logits are the mean of each channel; every forward pass takes a while, and is written down."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, batch):
        time.sleep(float(os.environ["PASS_SECONDS"]))
        with open(os.environ["FORWARDS"], "a") as log:
            log.write(f"{os.getpid()} {len({tuple(row) for row in batch.flatten(1).tolist()})}\\n")
        return batch.mean(dim=(2, 3)) * self.gain

def slow():
    return Slow()
'''

CONFIGURATION = """
[datasets.colours]
path = "colours"
[models.slow]
arch = "python:slow_network:slow"
labels = "names.txt"
input = { resize = 8, crop = 8, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }
"""

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}

CHOICES = {"actor": 6, "node": 3, "driver": 2}
"""What is killed, and how often in comparison."""

KILLS_PER_ROUND = 10

SECONDS_TO_LIVE = 3.0
"""The longest time from the first output after a kill to the next one: enough for a part or two of an actor."""

TIMES = {"made_at", "seal", "passes", "images_per_second", "set_seconds", "from_store"}
"""Keys of a document that are about one run's time."""


class Project:
    """Drawn images of three classes, one that does not decode, and a network that takes its time."""

    def __init__(self, folder: Path, images: int, pass_seconds: float) -> None:
        self.folder, self.images, self.pass_seconds = folder, images, pass_seconds
        self.forwards = folder / "forwards.log"
        (folder / "slow_network.py").write_text(NETWORK)
        (folder / "names.txt").write_text("red\ngreen\nblue\n")
        (folder / "imgcls.toml").write_text(CONFIGURATION)
        for number in range(images):
            name, colour = list(COLOURS.items())[number % 3]
            image = Image.new("RGB", (16, 16), colour)
            image.paste((number % 256, number // 256 % 256, 7), (6, 6, 10, 10))
            place = folder / "colours" / name
            place.mkdir(parents=True, exist_ok=True)
            image.save(place / f"{number:05}.png")
        (folder / "colours" / "red" / "broken.png").write_bytes(b"not an image")

    def start(self, store: str, *options: str) -> subprocess.Popen[bytes]:
        """A process of ``imgcls score``, whose document is STORE.json."""
        with (self.folder / f"{store}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                self.command(store, *options), cwd=self.folder, env=self.environment(), stdout=log, stderr=log
            )

    def command(self, store: str, *options: str) -> Sequence[str]:
        """``imgcls score`` into a store and its document."""
        return [sys.executable, "-m", "imgcls", "score", "--store", store, "--json", f"{store}.json", *options]

    def environment(self) -> dict[str, str]:
        """The variables of drivers, and of the cluster, whose actors inherit them."""
        path = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        own = {"FORWARDS": str(self.forwards), "PASS_SECONDS": str(self.pass_seconds), "PYTHONPATH": path}
        return {**os.environ, "OMP_NUM_THREADS": "1", **own}

    def document(self, store: str) -> Any:
        """The document of a store, without what is about one run's time."""
        return lasting(self.folder / f"{store}.json")

    def stored(self, store: str) -> int:
        """The number of predictions in a store."""
        with sqlite3.connect(self.folder / store / "predictions.sqlite3") as database:
            return int(database.execute("select count(*) from answers").fetchone()[0])

    def computed(self, *, besides: int | None = None) -> int:
        """The number of images that went through networks since the log was forgotten, but for one process's."""
        if not self.forwards.exists():
            return 0
        lines = [line.split() for line in self.forwards.read_text().splitlines()]
        return sum(int(images) for process, images in lines if int(process) != besides)


def has_ray() -> bool:
    """Whether Ray is installed."""
    return util.find_spec("ray") is not None


def lasting(file: Path) -> Any:
    """A document without what is about one run's time."""
    document = json.loads(file.read_text())
    results = [{k: v for k, v in one.items() if k not in TIMES} for one in document["results"]]
    return {**{k: v for k, v in document.items() if k not in TIMES}, "results": results}


class TwoNodes:
    """A cluster of processes of this machine: a node for the driver, and two with a core each for actors."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from ray.cluster_utils import Cluster

            self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.nodes = [self._add(), self._add()]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def _add(self) -> Any:
        return self._cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)

    def actors(self) -> list[psutil.Process]:
        """The processes of actors."""
        return [process for process in psutil.Process().children(recursive=True) if _is_actor(process)]

    def replace_node(self, number: int) -> None:
        """Take a node away with all its processes, and add a new one."""
        self._cluster.remove_node(self.nodes[number], allow_graceful=False)
        self.nodes[number] = self._add()

    def close(self) -> None:
        self._cluster.shutdown()  # type: ignore[no-untyped-call]


def _is_actor(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("MapWorker" in word for word in process.cmdline()[:1])
    return False


@contextmanager
def two_nodes(project: Project) -> Iterator[TwoNodes]:
    """A cluster whose processes have the variables of a project."""
    before = dict(os.environ)
    os.environ.update(project.environment())
    cluster = TwoNodes()
    try:
        yield cluster
    finally:
        cluster.close()
        os.environ.clear()
        os.environ.update(before)


def scored(
    project: Project, cluster: TwoNodes, store: str, kinds: Sequence[str], seed: int, wait: float = SECONDS_TO_LIVE
) -> Counter[str]:
    """Score into a new store, while actors, nodes and drivers are killed in turn, each after something was computed.

    ``kinds``: what is killed, in this order. ``wait``: the longest time from the first output after a kill to the next.
    """
    killed, chance, left = Counter[str](), random.Random(seed), list(kinds)  # noqa: S311 - not a secret
    driver = project.start(store, "--engine", f"ray={cluster.address}")
    while driver.poll() is None:
        if not left or not _computes(project, driver):
            time.sleep(0.1)
            continue
        time.sleep(chance.uniform(0, wait))
        kind = left.pop(0)
        if kind == "driver" and driver.poll() is None:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            driver = project.start(store, "--engine", f"ray={cluster.address}")
        elif kind == "node":
            cluster.replace_node(chance.randrange(2))
        elif actors := cluster.actors():
            with suppress(psutil.Error):
                chance.choice(actors).kill()
        killed[kind] += 1
    return killed


def drawn(number: int, seed: int) -> Sequence[str]:
    """As many kinds of :data:`CHOICES`, drawn by their weights."""
    return random.Random(seed).choices(list(CHOICES), list(CHOICES.values()), k=number)  # noqa: S311 - not a secret


def _computes(project: Project, driver: subprocess.Popen[bytes]) -> bool:
    """Wait until actors have computed something more; false where the driver ends before."""
    before = project.computed(besides=driver.pid)
    while driver.poll() is None:
        if project.computed(besides=driver.pid) > before:
            return True
        time.sleep(0.1)
    return False


def problems(project: Project, store: str) -> Sequence[str]:
    """What differs from one process, of which the document is ``here``."""
    lines = []
    if project.document(store) != project.document("here"):
        lines.append("another document")
    if project.stored(store) != project.images:
        lines.append(f"{project.stored(store)} predictions stored of {project.images}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--images", type=int, default=480)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    killed, number, wrong, twice = Counter[str](), 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="imgcls-kills-") as folder:
        project = Project(Path(folder), options.images, pass_seconds=0.1)
        project.start("here").wait()
        with two_nodes(project) as cluster:
            while killed.total() < options.kills:
                project.forwards.unlink(missing_ok=True)
                number, started = number + 1, time.monotonic()
                kills = min(KILLS_PER_ROUND, options.kills - killed.total())
                seed = options.seed + number
                of_round = scored(project, cluster, f"round{number}", drawn(kills, seed), seed)
                killed += of_round
                found = problems(project, f"round{number}")
                wrong += bool(found)
                again = project.computed() - options.images
                twice += max(0, again)
                seconds = f"{time.monotonic() - started:.0f} s"
                print(f"round {number}: {dict(of_round)} killed, {again} computed again, {seconds} {found}", flush=True)
    print(f"{killed.total()} kills {dict(killed)} in {number} rounds: {wrong} wrong, {twice} images computed again")
    return 1 if wrong or not twice else 0


if __name__ == "__main__":
    sys.exit(main())
