"""imgcls.machine: what computer this is, and how much of it the process may use."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from imgcls import machine
from imgcls.measures import Machine

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) CPU: a fine one @ 2.20GHz
model\t\t: 79
processor\t: 1
model name\t: another
"""


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may use the cores 1 and 5 of 64, on Linux x86_64."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5}, raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


@pytest.mark.usefixtures("two_cores")
def test_only_cores_that_may_be_used_count() -> None:
    """A container with two of 64 cores has two."""
    assert machine.cores() == 2


def test_a_system_without_affinity_has_all_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one, where it does not know."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert machine.cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    ("asked", "threads"), [("1", 1), ("12", 12), ("", 2), ("0", 2), ("many", 2), ("-1", 2), ("4,2", 2)]
)
def test_threads_are_asked_for_or_one_per_core(monkeypatch: pytest.MonkeyPatch, asked: str, threads: int) -> None:
    """OMP_NUM_THREADS, where it is a number of threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert machine.threads() == threads
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert machine.threads() == 2


@pytest.mark.usefixtures("two_cores")
def test_linux_names_its_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of those that are listed, colons and all."""
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    machine.CPUINFO.write_text(CPUINFO)
    assert machine.describe("cpu") == Machine("Intel(R) Xeon(R) CPU: a fine one @ 2.20GHz", 2, "Linux x86_64", None)


@pytest.mark.usefixtures("two_cores")
def test_elsewhere_it_is_what_python_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the file, or where it names none, as on ARM."""
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert machine.describe("cpu").cpu == "arm"
    monkeypatch.setattr("platform.processor", lambda: "")
    machine.CPUINFO.write_text("processor\t: 0\n")
    assert machine.describe("cpu").cpu == "x86_64"


def test_a_gpu_is_named_where_the_device_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch's name for it."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the GPU of {device}")
    assert machine.describe("cuda").gpu == "the GPU of cuda"
    assert machine.describe("cpu").gpu is None


def test_a_driver_is_found_by_its_device_or_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either is enough."""
    monkeypatch.setattr(Path, "exists", lambda _: False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not machine.has_gpu()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert machine.has_gpu()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/dev/nvidiactl")
    assert machine.has_gpu()
