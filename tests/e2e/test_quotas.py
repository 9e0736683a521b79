"""A container's CPU quota, from a false /sys/fs/cgroup: how many threads score and measure, and where that is kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import CONFIGURATION, NETS, Project
from imgcls.system import cgroup, machine

COUNTING = """
class Counting(Colour):
    def forward(self, batch):
        with open("threads.log", "a") as log:
            log.write(f"{torch.get_num_threads()}\\n")
        return super().forward(batch)


def counting():
    return Counting()
"""


@pytest.fixture
def two_cores(project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with two cores and a group of version 2, whose folder this is; a project that logs torch's threads."""
    group = tmp_path_factory.mktemp("cgroup")
    (group / "membership").write_text("0::/\n")
    monkeypatch.setattr(cgroup, "ROOT", group)
    monkeypatch.setattr(cgroup, "MEMBERSHIP", group / "membership")
    monkeypatch.setattr(machine, "allowed_cores", lambda: 2)
    (project.folder / "nets.py").write_text(NETS + COUNTING)
    project.configure(CONFIGURATION.replace("nets:colour", "nets:counting"))
    return group


def _threads() -> set[str]:
    log = Path("threads.log")
    numbers = set(log.read_text().split())
    log.unlink()
    return numbers


@pytest.mark.parametrize(
    ("limit", "requested", "threads"),
    [("max", "2", "2"), ("100000", "2", "1"), ("150000", "2", "2"), ("max", "1", "1")],
)
def test_scoring_has_the_threads_of_the_quota(
    imgcls: Callable[..., pytest.RunResult], two_cores: Path, limit: str, requested: str, threads: str
) -> None:
    """``--cpus 1`` on two cores is one thread, 1.5 are two; ``OMP_NUM_THREADS`` asks for fewer."""
    (two_cores / "cpu.max").write_text(f"{limit} 100000\n")
    assert imgcls("score", "--store", "off", OMP_NUM_THREADS=requested).ret == 0
    assert _threads() == {threads}


def test_a_profile_has_the_quota_in_its_machine(imgcls: Callable[..., pytest.RunResult], two_cores: Path) -> None:
    """Two profiles of one commit under different quotas are of different machines, and are not compared."""
    assert imgcls("profile", "colour", "--json", "a.json", OMP_NUM_THREADS="2").ret == 0
    assert _threads() == {"2"}
    (two_cores / "cpu.max").write_text("100000 100000\n")
    refused = imgcls("profile", "colour", "--json", "b.json", "--against", "a.json", OMP_NUM_THREADS="2")
    assert refused.ret == 2
    assert refused.errlines == [
        "imgcls: the profiles cannot be compared: another threads, machine: threads 2 and 1; quota none and 1.0"
    ]
    assert imgcls("profile", "colour", "--json", "b.json", OMP_NUM_THREADS="2").ret == 0
    [profile] = json.loads(Path("b.json").read_text())["profiles"]
    assert (profile["conditions"]["threads"], profile["conditions"]["machine"]["quota"]) == (1, 1.0)
