"""imgcls.system.machine: which machine this is, how much of it the process may use, and how much it does use."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import torch

from imgcls.records.performance import Machine
from imgcls.system import cgroup, machine

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) CPU: a fine one @ 2.20GHz
model\t\t: 79
processor\t: 1
model name\t: another
"""


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may use the cores 1 and 5 of 64, on Linux x86_64, without a quota."""
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5}, raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


@pytest.mark.usefixtures("two_cores")
def test_only_cores_that_may_be_used_count() -> None:
    """A container with two of 64 cores has two."""
    assert machine.cores() == 2


@pytest.mark.usefixtures("two_cores")
def test_a_system_without_affinity_has_all_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one, where the number is not known."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert machine.cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    ("requested", "threads"),
    [("1", 1), ("2", 2), ("12", 2), ("", 2), ("0", 2), ("many", 2), ("-1", 2), ("1,4", 1), (" 1 ", 1)],
)
def test_threads_are_requested_or_one_per_core(monkeypatch: pytest.MonkeyPatch, requested: str, threads: int) -> None:
    """OMP_NUM_THREADS counts where it is a number of threads, the first of a list; there are never more than cores."""
    monkeypatch.setenv("OMP_NUM_THREADS", requested)
    assert machine.threads() == threads
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert machine.threads() == 2


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    ("quota", "cores", "stated"),
    [(None, 2, None), (0.5, 1, 0.5), (1.0, 1, 1.0), (1.5, 2, 1.5), (2.0, 2, None), (48.0, 2, None)],
)
def test_a_quota_leaves_fewer_cores(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int, stated: float | None
) -> None:
    """Rounded up, and one at least; a quota of as much time as the cores have is none, and is no other machine."""
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: quota)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert (machine.cores(), machine.threads(), machine.allowed_cores()) == (cores, cores, 2)
    assert (machine.describe("cpu").cores, machine.describe("cpu").quota) == (2, stated)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert machine.threads() == cores


def test_threads_are_fixed_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of threads comes back, also after an error."""
    before = torch.get_num_threads()
    monkeypatch.setattr(machine, "threads", lambda: before + 3)
    with machine.fixed_threads():
        assert torch.get_num_threads() == before + 3
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError, match="by zero"), machine.fixed_threads():
        raise ZeroDivisionError("by zero")
    assert torch.get_num_threads() == before


def test_threads_are_limited_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch has more threads than a quota allows, it has fewer for a while; where it has fewer, it keeps them."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for allowed, inside in ((2, 2), (3, 3), (8, 3)):
            monkeypatch.setattr(machine, "threads", lambda allowed=allowed: allowed)
            with machine.limited_threads(), ThreadPoolExecutor(1) as pool:
                assert torch.get_num_threads() == pool.submit(torch.get_num_threads).result() == inside
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("two_cores")
def test_linux_names_its_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is the first of those that are listed, with its colons."""
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    machine.CPUINFO.write_text(CPUINFO)
    assert machine.describe("cpu") == Machine("Intel(R) Xeon(R) CPU: a fine one @ 2.20GHz", 2, "Linux x86_64", None)


@pytest.mark.usefixtures("two_cores")
def test_elsewhere_the_processor_has_the_name_that_python_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the file, or where the file has no name, as on ARM."""
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert machine.describe("cpu").cpu == "arm"
    monkeypatch.setattr("platform.processor", lambda: "")
    machine.CPUINFO.write_text("processor\t: 0\n")
    assert machine.describe("cpu").cpu == "x86_64"


def test_a_gpu_is_named_where_the_device_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is the one that torch has."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the GPU of {device}")
    assert machine.describe("cuda").gpu == "the GPU of cuda"
    assert machine.describe("cpu").gpu is None


@pytest.mark.usefixtures("two_cores")
def test_times_of_other_machines_have_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with another number of threads, or under a quota."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    digests = [machine.digest("cpu"), machine.digest("cpu")]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    digests.append(machine.digest("cpu"))
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: 1.0)
    digests.append(machine.digest("cpu"))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_driver_is_found_by_its_device_or_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either of the two is enough."""
    monkeypatch.setattr(Path, "exists", lambda _: False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not machine.has_gpu()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert machine.has_gpu()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/dev/nvidiactl")
    assert machine.has_gpu()


# Memory.

MIB = 1 << 20
SLACK = MIB
"""The kernel counts pages in small lots, so that its figure may be a little behind."""

MEASURE = """
from imgcls.system import machine

before = machine.peak_rss_bytes()
block = bytearray(b"1") * (64 << 20)
held = machine.peak_rss_bytes()
del block
print(before, held, machine.peak_rss_bytes())
"""


def _measured() -> list[int]:
    """Three peaks in a process of its own: the peak of this one may be far above what it uses now."""
    process = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    return [int(word) for word in process.stdout.split()]


def test_the_peak_grows_with_what_is_touched() -> None:
    """64 MiB that are written to raise the peak by as much, and it does not fall when they are given back."""
    before, held, released = _measured()
    assert held - before >= 64 * MIB - SLACK
    assert released - before >= 64 * MIB - SLACK


def test_the_peak_is_not_that_of_the_parent() -> None:
    """A small process started by one that used 400 MiB has a small peak."""
    block = bytearray(b"1") * (400 * MIB)
    assert machine.peak_rss_bytes() >= len(block)
    assert _measured()[0] < 200 * MIB


def test_available_memory_is_some_of_it() -> None:
    """There is some memory available, and no more than the machine has."""
    assert 0 < machine.available_bytes() <= psutil.virtual_memory().total
