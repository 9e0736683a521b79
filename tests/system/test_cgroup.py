"""imgcls.system.cgroup: the CPU time that containers and job schedulers leave to a process, from a false /sys."""

from pathlib import Path

import pytest

from imgcls.system import cgroup, machine


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of /sys/fs/cgroup, of which nothing is mounted yet."""
    monkeypatch.setattr(cgroup, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(cgroup, "MEMBERSHIP", tmp_path / "membership")
    return tmp_path


def _member(system: Path, *lines: str) -> None:
    (system / "membership").write_text("".join(f"{line}\n" for line in lines))


def _version_2(system: Path, group: str, limit: str) -> None:
    folder = system / "cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.max").write_text(f"{limit}\n")


def _version_1(system: Path, group: str, quota: str, period: str = "100000", controller: str = "cpu,cpuacct") -> None:
    folder = system / "cgroup" / controller / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (folder / "cpu.cfs_period_us").write_text(f"{period}\n")


@pytest.mark.parametrize(
    ("limit", "quota"),
    [
        ("100000 100000", 1.0),
        ("50000 100000", 0.5),
        ("150000 100000", 1.5),
        ("max 100000", None),
        ("", None),
        ("x y", None),
    ],
)
def test_dockers_cpus_in_a_namespace(system: Path, limit: str, quota: float | None) -> None:
    """``docker --cpus 1`` with version 2: the container's own group is the root that it sees."""
    _member(system, "0::/")
    _version_2(system, "", limit)
    assert cgroup.cpu_quota() == quota


def test_the_smallest_of_all_groups_above_counts(system: Path) -> None:
    """A pod's limit holds for its containers, and a slice's for its services."""
    _member(system, "0::/kubepods.slice/pod.slice/container")
    _version_2(system, "kubepods.slice", "800000 100000")
    _version_2(system, "kubepods.slice/pod.slice", "200000 100000")
    _version_2(system, "kubepods.slice/pod.slice/container", "max 100000")
    assert cgroup.cpu_quota() == 2.0


@pytest.mark.parametrize("line", ["4:cpu,cpuacct:/docker/0123", "4:cpuacct,cpu:/docker/0123"])
def test_version_1(system: Path, line: str) -> None:
    """The quota is that of the controller's own hierarchy; where the host's path is not mounted, that of its root."""
    _member(system, "5:memory:/docker/0123", line, "1:name=systemd:/docker/0123", "0::/")
    _version_1(system, "", "150000", controller=line.split(":")[1])
    assert cgroup.cpu_quota() == 1.5
    _version_1(system, "docker/0123", "25000", "50000", line.split(":")[1])
    assert cgroup.cpu_quota() == 0.5


@pytest.mark.parametrize("quota", ["-1", "0", ""])
def test_version_1_without_a_limit(system: Path, quota: str) -> None:
    """-1 is what a group without a limit has."""
    _member(system, "1:cpu:/")
    _version_1(system, "", quota, controller="cpu")
    assert cgroup.cpu_quota() is None


def test_both_versions_at_once(system: Path) -> None:
    """In the hybrid layout version 2 is in a folder of its own, and the smaller limit counts."""
    _member(system, "3:cpu:/job", "0::/job")
    _version_1(system, "job", "300000", controller="cpu")
    _version_2(system, "unified/job", "200000 100000")
    assert cgroup.cpu_quota() == 2.0


def test_groups_that_are_not_the_processs_do_not_count(system: Path) -> None:
    """Neither a neighbour's limit nor that of another controller, nor what lies outside of the namespace."""
    _member(system, "2:cpuset:/other", "0::/../sibling")
    _version_2(system, "neighbour", "100000 100000")
    _version_1(system, "other", "100000", controller="cpuset")
    _version_2(system, "sibling", "100000 100000")
    assert cgroup.cpu_quota() is None


@pytest.mark.usefixtures("system")
def test_a_system_without_groups_has_no_quota() -> None:
    """As macOS and Windows, and where neither file may be read."""
    assert cgroup.cpu_quota() is None


def test_a_quota_limits_threads(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--cpus 1`` on eight cores is one thread, of which the machine's record keeps the reason."""
    _member(system, "0::/")
    _version_2(system, "", "100000 100000")
    monkeypatch.setattr(machine, "allowed_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert (machine.cores(), machine.threads()) == (1, 1)
    assert (machine.describe("cpu").cores, machine.describe("cpu").quota) == (8, 1.0)
