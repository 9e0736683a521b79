"""On Ray the result is that of one process, whatever was killed on the way, and Ray itself is neither seen nor left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

import imgcls as library
import ray_kills
from conftest import Command, Project
from imgcls.errors import ConfigError, MachineError
from imgcls.evaluation import ray_cluster

pytestmark = pytest.mark.skipif(not ray_kills.has_ray(), reason="Ray is not installed")

SHARED = Path(__file__).parents[3] / "shared" / "data"

KILLS = ("actor", "driver", "node")
"""What is killed, in this order; bench/ray_kills.py has a hundred."""

PASS_SECONDS = 0.25
"""Of eight images, so that an actor works for eight seconds on all."""

INPUT = {"resize": 8, "crop": 8, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3}

NOWHERE = "ray=127.0.0.1:1"
"""An address where nothing answers."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No other worker of this test run has a cluster at the same time."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "ray.lock"):
        yield


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> ray_kills.Project:
    """Drawn images, and a network that takes its time, with the document of one process."""
    made = ray_kills.Project(tmp_path_factory.mktemp("slow"), images=480, pass_seconds=0)
    assert made.start("here").wait() == 0
    made.pass_seconds = PASS_SECONDS
    return made


@pytest.fixture(scope="module")
def cluster(alone: None, slow: ray_kills.Project) -> Iterator[ray_kills.TwoNodes]:  # noqa: ARG001 - held
    """Two nodes for actors, and one for drivers."""
    with ray_kills.two_nodes(slow) as nodes:
        yield nodes


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
def test_a_cluster_of_this_machine_comes_and_goes(
    project: Project, imgcls: Command, imgcls_process: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines, document and exit code are those of one process; of Ray nothing is printed, and nothing stays.

    Where everything is stored, there is no cluster at all.
    """
    (project.folder / "colours/red/bad.png").write_bytes(b"not an image")
    ours = "score", "--columns", "images,top-1 %", "--json"
    here = imgcls(*ours, "here.json", "--store", "one")
    home = tmp_path / "home"
    home.mkdir()
    there = imgcls_process(*ours, "there.json", "--store", "two", "--engine", "ray", HOME=str(home))
    assert (there.ret, there.outlines) == (here.ret, here.outlines)
    assert [line for line in there.errlines if not re.fullmatch(r"colours: \d+ of 13 images", line)] == []
    assert ray_kills.lasting(Path("there.json")) == ray_kills.lasting(Path("here.json"))
    assert not (home / ".ray").exists()
    monkeypatch.delattr(ray_cluster.Cluster, "connect")
    again = imgcls(*ours, "again.json", "--store", "two", "--engine", "ray")
    assert (again.ret, again.outlines) == (here.ret, here.outlines)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_where_actors_nodes_and_drivers_are_killed(
    slow: ray_kills.Project, cluster: ray_kills.TwoNodes
) -> None:
    """Each image is stored once, and the document is that of one process; some images were computed twice."""
    slow.forwards.unlink(missing_ok=True)
    killed = ray_kills.scored(slow, cluster, "killed", KILLS, seed=3, wait=0)
    assert ray_kills.problems(slow, "killed") == []
    assert killed == dict.fromkeys(KILLS, 1)
    assert slow.computed() > slow.images


@pytest.mark.slow
@pytest.mark.shared
def test_photographs_on_two_nodes_have_the_document_of_one_process(
    cluster: ray_kills.TwoNodes,
    imgcls: Command,
    imgcls_process: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bit for bit the same logits."""
    monkeypatch.chdir(tmp_path)
    ours = "score", "--config", SHARED / "imgcls.toml", "--datasets", "photos10", "--models", "squeezenet", "--json"
    here = imgcls(*ours, "here.json", "--store", "one")
    there = imgcls_process(*ours, "there.json", "--store", "two", "--engine", f"ray={cluster.address}")
    assert (here.ret, there.ret, there.outlines[0]) == (0, 0, here.outlines[0])
    document = ray_kills.lasting(Path("there.json"))
    assert document == ray_kills.lasting(Path("here.json"))
    assert (document["results"][0]["top1_count"], document["results"][0]["top5_count"]) == (39, 45)


def _started(project: ray_kills.Project, store: str) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    """A driver with a cluster of its own that has stored something, and the processes below it."""
    command = project.command(store, "--engine", "ray")
    with (project.folder / "driver.log").open("wb") as log:
        driver = subprocess.Popen(
            command, cwd=project.folder, env=project.environment(), stdout=log, stderr=log, start_new_session=True
        )
    file = project.folder / store / "predictions.sqlite3"
    before = project.stored(store) if file.exists() else 0
    while driver.poll() is None and not (file.exists() and project.stored(store) > before):
        time.sleep(0.1)
    assert driver.poll() is None, (project.folder / "driver.log").read_text()
    return driver, psutil.Process(driver.pid).children(recursive=True)


@pytest.fixture
def heard_interrupts() -> Iterator[None]:
    """What is started is interrupted by SIGINT also where these tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("alone", "heard_interrupts")
def test_a_driver_that_ends_leaves_its_predictions_and_no_process(
    slow: ray_kills.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, or interrupted as from a terminal, which takes at most 5 s; what it stored is not computed again.

    Where it is killed, two agents of Ray, which do nothing, look for their cluster for a minute before they end.
    """
    killed, below = _started(slow, "ended")
    below = [process for process in below if not process.name().endswith("Agent")]
    killed.kill()
    killed.wait()
    assert psutil.wait_procs(below, timeout=30)[1] == []
    interrupted, below = _started(slow, "ended")
    began = time.monotonic()
    os.killpg(interrupted.pid, signal.SIGINT)
    assert (interrupted.wait(), time.monotonic() - began < 5) == (130, True)
    assert psutil.wait_procs(below, timeout=10)[1] == []
    log = (slow.folder / "driver.log").read_text()
    assert log.endswith("imgcls: interrupted; what was predicted so far is stored\n")
    assert "Traceback" not in log
    stored = slow.stored("ended")
    slow.forwards.unlink()
    monkeypatch.setattr(slow, "pass_seconds", 0)
    assert slow.start("ended").wait() == 0
    assert (slow.computed(), ray_kills.problems(slow, "ended")) == (slow.images - stored, [])


def test_where_no_cluster_answers_every_door_prints_one_line_at_once(
    project: Project, imgcls: Command, run_pytest: Command
) -> None:
    """Before a file is hashed, with the exit code of a machine that cannot."""
    line = f"{NOWHERE}: no Ray cluster answers at 127.0.0.1:1 ("
    command = imgcls("score", "--engine", NOWHERE)
    assert (command.ret, len(command.errlines)) == (3, 1)
    assert command.errlines[0].startswith(f"imgcls: --engine {line}")
    plugin = run_pytest(f"--imgcls-engine={NOWHERE}")
    assert f"--imgcls-engine {line}" in plugin.stdout.str()
    assert project.images_inferred() == 0
    with pytest.raises(MachineError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        library.score("colour", "colours", config="imgcls.toml", engine=NOWHERE)


def test_what_is_not_an_engine_is_refused(project: Project, imgcls: Command) -> None:  # noqa: ARG001 - its folder
    """With the words to write."""
    result = imgcls("score", "--engine", "dask")
    line = "--engine dask: not an engine: write --engine ray for a cluster of this machine, or --engine ray=HOST:PORT"
    assert (result.ret, result.errlines) == (2, [f"imgcls: {line}"])


def test_a_module_of_this_process_is_not_scored_by_others(project: Project) -> None:  # noqa: ARG001 - its folder
    """They could not build it."""
    import torch

    with pytest.raises(ConfigError, match="engine: a module of this process is in no other: name the model"):
        library.score(torch.nn.Flatten(), "colours", labels=["red"], input=INPUT, engine="ray")
