"""imgcls.doctor.processor: threads that a control group or the number of cores does not leave room for."""

import shutil
from pathlib import Path

import pytest

from examined import evidence, of_level
from imgcls.doctor import processor
from imgcls.system import cgroup, machine


@pytest.fixture
def two_of_sixteen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 16 cores, and a control group, as containers have it, that leaves the time of two."""
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    (tmp_path / "membership").write_text("0::/\n")
    monkeypatch.setattr(cgroup, "ROOT", tmp_path)
    monkeypatch.setattr(cgroup, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(machine, "allowed_cores", lambda: 16)


@pytest.mark.usefixtures("two_of_sixteen")
@pytest.mark.parametrize("name", processor.THREAD_VARIABLES)
def test_more_threads_than_the_control_group_leaves(name: str) -> None:
    """Each variable that a library reads is held against the quota."""
    environ = {"OMP_NUM_THREADS": "2", name: "16"}
    [(text, remedy)] = of_level(processor.threads(evidence(environ=environ)), "warning")
    assert text == f"{name}=16, and this process has 2 CPUs: threads wait for each other"
    assert remedy == f"export {name}=2"


@pytest.mark.usefixtures("two_of_sixteen")
def test_a_control_group_without_a_variable() -> None:
    """imgcls obeys it, and other libraries do not know it."""
    [(text, remedy)] = of_level(processor.threads(evidence()), "note")
    assert text == "the control group leaves 2 of 16 CPUs, and other libraries start 16 threads"
    assert remedy == "export OMP_NUM_THREADS=2"


@pytest.mark.usefixtures("two_of_sixteen")
@pytest.mark.parametrize("value", ["2", "1", "2,1"])
def test_threads_within_the_limits(value: str) -> None:
    """One short line; a list has a number for each nested level."""
    [finding] = processor.threads(evidence(environ={"OMP_NUM_THREADS": value}))
    assert (finding.level, finding.text) == ("ok", "2 CPUs for this process")


@pytest.mark.usefixtures("two_of_sixteen")
@pytest.mark.parametrize("value", ["two", "0", "-1"])
def test_a_number_of_threads_that_is_none(value: str) -> None:
    """Libraries ignore it silently."""
    [(text, _)] = of_level(processor.threads(evidence(environ={"OMP_NUM_THREADS": value})), "warning")
    assert text == f"OMP_NUM_THREADS={value} is not a number of threads"


def test_the_processor_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name and its vectors, and whether there is a compiler for what torch generates."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    [(text, remedy)] = of_level(processor.processor(evidence()), "note")
    assert (text, remedy) == ('no C++ compiler: runtime = "compile" is not available', "apt-get install g++")
    assert of_level(processor.processor(evidence(environ={"CXX": "icpx"})), "note") == []


def test_a_processor_without_wide_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulators and old servers are why a model takes ten times as long."""
    (tmp_path / "cpuinfo").write_text("model name : QEMU Virtual CPU\nflags : fpu sse2 avx\n")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    [(text, _)] = of_level(processor.processor(evidence()), "warning")
    assert text.startswith("no AVX2: ")
