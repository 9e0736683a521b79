"""``bench/gpu.py``: what needs a GPU in one command, tried without one; a part that fails ends nothing else."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gpu
from gpu_parts import cuda_tests, scene, steps, tables

BENCH = Path(gpu.__file__).parent

PLANTED = {
    "sound": "steps.put('one', {'figure': 1.5}); steps.put('two', {'figure': 2})",
    "hangs": "steps.put('before', {'figure': 1}); time.sleep(600)",
    "ignores": "threading.Thread(target=time.sleep, args=(600,)).start(); time.sleep(600)",
    "dies": "steps.put('before', {'figure': 1}); os.kill(os.getpid(), signal.SIGKILL)",
    "raises": "steps.put('before', {'figure': 1}); print('printed'); raise RuntimeError('CUDA error: planted')",
    "leaves": "steps.put('before', {'figure': 1}); os._exit(7)",
    "steps": "steps.take('bad', lambda: 1 / 0); steps.take('good', dict)",
    "waits": "steps.put('before', {'folder': str(scene.folder)}); time.sleep(600)",
    "children": "subprocess.Popen(['sleep', '601']); time.sleep(600)",
}
"""Parts by name: what their function does."""

SCRIPT = """
import contextlib
import sys
import gpu
from gpu_parts import pretended
from gpu_parts.isolation import Part

gpu.PRELOADED = ()
pretended.card = contextlib.nullcontext
PARTS = [Part(name, float(seconds)) for name, seconds in (word.split(":") for word in sys.argv[3:])]
if __name__ == "__main__":
    sys.exit(gpu.main(["--dry-run", "--json", sys.argv[1]], PARTS, float(sys.argv[2])))
"""

"""Runs planted parts, which need neither a card nor torch, whose import takes seconds."""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder with a module for every planted part, and the script that runs those that it is given."""
    for name, lines in PLANTED.items():
        text = f"import os, signal, subprocess, threading, time\n\n\ndef measure(scene, steps):\n    {lines}\n"
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "run.py").write_text(SCRIPT)
    return tmp_path


def _environment(folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return inherited | {"PYTHONPATH": os.pathsep.join([str(folder), str(BENCH)])}


def _started(planted: Path, budget: float, *parts: str) -> subprocess.Popen[str]:
    command = [sys.executable, "run.py", "gpu.json", str(budget), *parts]
    return subprocess.Popen(command, cwd=planted, env=_environment(planted), stdout=subprocess.PIPE, text=True)


def _run(planted: Path, budget: float, *parts: str) -> tuple[int, Mapping[str, Any], str]:
    """The exit code, the document and what was printed."""
    process = _started(planted, budget, *parts)
    printed, _ = process.communicate(timeout=100)
    return process.returncode, _document(planted), printed


def _document(folder: Path) -> Any:
    return json.loads((folder / "gpu.json").read_text())


def _figures(document: Mapping[str, Any], name: str) -> Any:
    return document["parts"][name]["steps"]


SOUND = {"one": {"figure": 1.5}, "two": {"figure": 2}}


@pytest.mark.slow
def test_a_part_that_fails_ends_only_itself(planted: Path) -> None:
    """One that hangs, is killed, raises or leaves its process: what it had measured stays, and the others are done."""
    code, document, printed = _run(
        planted, 60, "hangs:3", "ignores:3", "dies:3", "leaves:3", "raises:3", "steps:3", "sound:30"
    )
    statuses = {name: part["status"] for name, part in document["parts"].items()}
    failed = {"raises": "failed", "dies": "killed", "leaves": "killed", "steps": "failed", "hangs": "late"}
    assert statuses == {**failed, "ignores": "late", "sound": "done"}
    assert _figures(document, "sound") == SOUND
    assert all(_figures(document, name) == {"before": {"figure": 1}} for name in ("raises", "dies", "leaves", "hangs"))
    assert "CUDA error: planted" in document["parts"]["raises"]["error"]
    assert "SIGKILL" in document["parts"]["dies"]["error"]
    assert "exit code 7" in document["parts"]["leaves"]["error"]
    assert "ZeroDivisionError" in _figures(document, "steps")["bad"]["error"]
    assert "seconds" in _figures(document, "steps")["good"]
    assert document["complete"] is True
    assert code == 1
    assert "1 of 7 parts done" in printed


@pytest.mark.slow
def test_a_part_has_its_time_and_what_others_left(planted: Path) -> None:
    """A part that hangs is ended in its time with all that it started; later ones have what is left of the whole."""
    started = time.monotonic()
    code, document, _ = _run(planted, 6, "sound:4", "children:1", "hangs:60", "sound:1")
    parts = document["parts"]
    assert (code, parts["children"]["status"], parts["hangs"]["status"]) == (1, "late", "late")
    assert 1 < parts["children"]["limit_seconds"] <= 5
    assert parts["hangs"]["limit_seconds"] <= 6 - parts["children"]["seconds"]
    assert time.monotonic() - started < 100
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 601" not in running


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_what_it_measured(planted: Path) -> None:
    """After SIGKILL the document has all steps up to there, also of the part that ran; nothing runs on or stays."""
    with _started(planted, 60, "sound:20", "waits:40", "dies:1") as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not _has_step(planted, "waits"):
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    document = _document(planted)
    assert {name: part["status"] for name, part in document["parts"].items()} == {
        "sound": "done", "waits": "running", "dies": "not run",
    }  # fmt: skip
    assert _figures(document, "sound") == SOUND
    assert document["complete"] is False
    assert _ends(str(planted))
    assert not Path(_figures(document, "waits")["before"]["folder"]).exists()


def _has_step(folder: Path, part: str) -> bool:
    return (folder / "gpu.json").exists() and bool(_figures(_document(folder), part))


def _ends(folder: str) -> bool:
    """Whether soon no process has this folder as its own any more."""
    for _ in range(100):
        running = [place for place in Path("/proc").glob("[0-9]*/cwd") if _target(place) == folder]
        if not running:
            return True
        time.sleep(0.1)
    return False


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


@pytest.mark.slow
def test_the_dry_run_takes_all_parts(tmp_path: Path) -> None:
    """All eight, with tiny shapes on the CPU, with every fault that is planted caught."""
    command = [sys.executable, str(BENCH / "gpu.py"), "--dry-run", "--json", "gpu.json"]
    environment = _environment(tmp_path) | {"IMGCLS_SHARED_DATA": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = _document(tmp_path)
    assert list(document["parts"]) == [part.name for part in gpu.PARTS]
    assert {part["status"] for part in document["parts"].values()} == {"done"}
    assert _figures(document, "cuda_tests")["all"]["refused"] >= 11
    assert "synchronisation" in _figures(document, "latency")["a planted launch without synchronisation"]["caught"]
    assert "NOT SLOWER" in _figures(document, "latency")["--benchmark-compare with itself"]["bench_compare"]
    assert _figures(document, "memory")["100 MB planted, by name"]["where"].startswith("planted.py:")
    assert _figures(document, "memory")["vit_b16, by torch's own count"]["loading"]["max_allocated"] == 10**8
    assert _figures(document, "scoring")["files"]["made_of"] == "24 generated JPEGs"
    assert _figures(document, "scoring")["resnet50"]["flips"] == {"resnet50": 0}
    decoded = _figures(document, "scoring")["resnet50-float16, decoded the other way"]
    assert (decoded["decoded_by"], decoded["top1"]) == (
        "processes",
        _figures(document, "scoring")["resnet50-float16"]["top1"],
    )
    halved = _figures(document, "out_of_memory")["resnet50"]
    assert (halved["images"], halved["at_once"], halved["distance"]) == (8, 4, 0)
    assert _figures(document, "training")["training in bfloat16, twice"]["equal"] is True
    text = tables.markdown(document)
    assert text.startswith("A dry run, whose figures mean nothing: a pretended card")
    assert text.count("### ") == 8


def test_without_a_card_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a CUDA device nothing is measured or written, and the exit code is 3."""
    monkeypatch.setattr(gpu, "_has_card", lambda: False)
    assert gpu.main(["--json", str(tmp_path / "gpu.json")]) == 3
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("no CUDA device: ")
    assert "--dry-run" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("absent", "goes_on"), [(["memray"], True), (["memray", "msgspec"], False)])
def test_missing_libraries_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], absent: list[str], goes_on: bool
) -> None:
    """Every library that imgcls depends on has a line where it is missing; without most of them nothing is tried."""
    assert gpu.missing() == []
    monkeypatch.setattr(gpu, "_is_installed", lambda name: name not in absent)
    monkeypatch.setattr(gpu, "_has_card", lambda: False)
    assert gpu.missing() == absent
    assert gpu.main([]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(";")[0] for line in lines[: len(absent)]] == [f"missing: {name}" for name in absent]
    assert lines[-1].startswith("no CUDA device" if goes_on else "nothing was measured: no part runs without msgspec")


def test_a_test_file_that_cannot_be_imported_is_a_failure() -> None:
    """Its error is recorded in full, as that of a test."""
    recorded: dict[str, Any] = {}
    run = cuda_tests.Run(steps.Steps(recorded.__setitem__), dry=False)
    run.pytest_collectreport(SimpleNamespace(failed=False, nodeid="tests/test_a.py"))
    run.pytest_collectreport(SimpleNamespace(failed=True, nodeid="tests/test_b.py", longrepr="No module named 'b'"))
    run.finish(2)
    assert recorded["tests/test_b.py"] == {"outcome": "failed", "error": "No module named 'b'"}
    assert recorded["all"] == {"failed": 1, "exit_code": 2}
    assert run.steps.failed == ["tests/test_b.py", "all"]


def test_imgcls_need_not_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is then found in this repository, by Python and by pytest, in every process of the run."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    gpu.install_for_now(tmp_path / "installed")
    probe = """
from importlib import metadata, util
distribution = metadata.distribution("imgcls")
[point] = [point for point in distribution.entry_points if point.group == "pytest11"]
print(distribution.locate_file(""), distribution.version, point.value, util.find_spec("imgcls").origin)
"""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    place, version, plugin, origin = done.stdout.split()
    assert (Path(place), plugin) == (tmp_path / "installed", "imgcls.plugin")
    assert version == metadata.version("imgcls")
    assert Path(origin) == scene.ROOT / "src" / "imgcls" / "__init__.py"


def test_a_file_needs_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the document cannot be written, nothing is measured."""
    assert gpu.main(["--dry-run", "--json", str(tmp_path / "no" / "gpu.json")]) == 2
    assert "there is no folder" in capsys.readouterr().out


def test_all_parts_fit_into_eight_minutes() -> None:
    """Each part's own time, the last one's too, lies within the eight minutes, in the order of their worth."""
    assert sum(part.seconds for part in gpu.PARTS) <= gpu.SECONDS < 480
    names = "environment cuda_tests goldens latency memory scoring out_of_memory training"
    assert [part.name for part in gpu.PARTS] == names.split()
    for part in gpu.PARTS:
        assert callable(importlib.import_module(part.module).measure)


@pytest.mark.slow
def test_what_is_imported_for_all_touches_no_card() -> None:
    """A process that forks after it has used CUDA cannot use it in its children."""
    probe = f"""
import torch
def touched(*_): raise SystemExit("CUDA was touched")
for name in ("is_available", "device_count", "init", "_lazy_init", "get_device_properties", "current_device"):
    setattr(torch.cuda, name, touched)
for name in ("_cuda_init", "_cuda_getDeviceCount"):
    setattr(torch._C, name, touched)
import importlib
for name in {gpu.PRELOADED!r}:
    importlib.import_module(name)
"""
    environment = _environment(BENCH)
    done = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_its_page_names_every_part() -> None:
    """docs/gpu.md has a row for each part with its seconds, and CI runs all of them dry."""
    page = (scene.ROOT / "docs" / "gpu.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)
    assert rows == [(part.name, f"{part.seconds:.0f}") for part in gpu.PARTS]
    assert "make gpu DRY=1" in (scene.ROOT / ".ci" / "run").read_text().splitlines()
