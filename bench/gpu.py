"""Everything that needs a GPU, in one command of at most eight minutes.

    python bench/gpu.py [--json gpu.json]       eight parts, printed and written to the file as they end
    python bench/gpu.py --dry-run               all of it with tiny shapes on the CPU, for a machine without a GPU
    python bench/gpu.py --markdown gpu.json     its figures as tables

docs/gpu.md states what is measured. Exit code 0: every part has shown what it must show; 1: one has not, or was ended;
2: wrong command line; 3: there is no CUDA device, or a library is missing that all parts need.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from gpu_parts import isolation, tables
from gpu_parts.isolation import Outcome, Part
from gpu_parts.scene import ROOT, Scene

SECONDS = 470.0
"""For all parts; ten more are for the beginning and the end."""

PARTS = (
    Part("gpu_parts.environment", 20),
    Part("gpu_parts.cuda_tests", 80),
    Part("gpu_parts.goldens", 45),
    Part("gpu_parts.latency", 75),
    Part("gpu_parts.memory", 50),
    Part("gpu_parts.scoring", 140),
    Part("gpu_parts.out_of_memory", 20),
    Part("gpu_parts.training", 40),
)
"""In the order in which they are worth most; what a part leaves of its time is the next one's."""

OF_ONE_PART = frozenset({"memray"})
"""Libraries without which only a part of what one part measures is missing."""

PRELOADED = (
    "torch", "torchvision", "timm", "sklearn.metrics", "pytest", "imgcls.cli.score", "imgcls.evaluation.evaluator",
    "imgcls.models.loader", "imgcls.models.runtimes.eager", "imgcls.performance.latency",
)  # fmt: skip
"""What is imported once for all parts. None of it may touch a CUDA device, which a fork would lose."""


def main(arguments: Sequence[str] | None = None, parts: Sequence[Part] = PARTS, seconds: float = SECONDS) -> int:
    """Measure, or print tables; the exit code."""
    options = _options(arguments)
    if options.markdown:
        return _print_tables(options.markdown)
    file = options.json or Path("gpu-dry.json" if options.dry_run else "gpu.json")
    if not file.absolute().parent.is_dir():
        print(f"--json {file}: there is no folder {file.parent}: make it, or name another file")
        return 2
    if not _has_libraries():
        return 3
    if options.dry_run:
        os.environ["OMP_NUM_THREADS"] = "1"  # tiny networks wait for threads
    elif not _has_card():
        print("no CUDA device: torch sees none here (nvidia-smi shows the driver); --dry-run runs all parts on the CPU")
        return 3
    with tempfile.TemporaryDirectory(prefix="imgcls-gpu-", ignore_cleanup_errors=True) as folder:
        if not _is_installed("imgcls"):
            install_for_now(Path(folder) / "installed")
        run = Run(Scene(Path(folder), options.dry_run), file, parts, seconds)
        try:
            run.all()
        except KeyboardInterrupt:
            print(f"interrupted: {file} has what was measured")
            return 130
    return run.exit_code


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="tiny shapes on the CPU, with a pretended card")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: gpu.json, of a dry run gpu-dry.json")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="print the tables of a file, and measure nothing")
    return parser.parse_args(arguments)


def _print_tables(file: Path) -> int:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"--markdown {file}: it is not a file of figures: {error}; python bench/gpu.py --json {file} writes one")
        return 2
    print(tables.markdown(document))
    return 0


def _has_libraries() -> bool:
    """Whether there is enough to measure with; a line for each library that is missing."""
    names = missing()
    for name in names:
        print(f"missing: {name}; pip install {name}, or where there is no network see docs/gpu.md")
    if needed := [name for name in names if name not in OF_ONE_PART]:
        print(f"nothing was measured: no part runs without {', '.join(needed)}")
    return not needed


def missing() -> list[str]:
    """The libraries that imgcls depends on and that are not installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [match[0] for line in project["dependencies"] if (match := re.match(r"[\w-]+", line))]
    return [name for name in names if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def install_for_now(folder: Path) -> None:
    """Let all processes of this run take imgcls from this repository as if it were installed, with pytest's plugin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = folder / f"imgcls-{project['version']}.dist-info"
    about.mkdir(parents=True)
    metadata_lines = f"Metadata-Version: 2.1\nName: imgcls\nVersion: {project['version']}\n"
    (about / "METADATA").write_text(metadata_lines, encoding="utf-8")
    (about / "entry_points.txt").write_text("[pytest11]\nimgcls.plugin = imgcls.plugin\n", encoding="utf-8")
    places = [str(folder), str(ROOT / "src")]
    sys.path[:0] = places
    os.environ["PYTHONPATH"] = os.pathsep.join([*places, *filter(None, [os.environ.get("PYTHONPATH")])])


def _has_card() -> bool:
    """Determined in a process of its own, because no process forks well after it has touched a card."""
    import subprocess

    question = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return not subprocess.run([sys.executable, "-c", question], capture_output=True, check=False).returncode  # noqa: S603


class Run:
    """All parts, one after the other, and the document that grows with them."""

    def __init__(self, scene: Scene, file: Path, parts: Sequence[Part], seconds: float) -> None:
        self.scene, self.file, self.parts, self.seconds = scene, file, parts, seconds
        self.started = time.monotonic()
        self.document: dict[str, Any] = {
            "format": 1,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "dry_run": scene.dry,
            "python": platform.python_version(),
            "missing": missing(),
            "complete": False,
            "seconds": 0.0,
            "parts": {part.name: {"status": "not run", "steps": {}} for part in parts},
        }

    @property
    def exit_code(self) -> int:
        return int(any(entry["status"] != "done" for entry in self.document["parts"].values()))

    def all(self) -> None:
        """Run the parts; each has its own time and what those before it have left of theirs."""
        deadline = self.started
        for part in self.parts:
            deadline = min(deadline + part.seconds, self.started + self.seconds)
            self._part(part, deadline - time.monotonic())
        self.document["complete"] = True
        self._write()
        done = sum(entry["status"] == "done" for entry in self.document["parts"].values())
        print(f"{done} of {len(self.parts)} parts done in {self.document['seconds']:.0f} s: {self.file}")

    def _part(self, part: Part, seconds: float) -> None:
        entry = self.document["parts"][part.name]
        started = time.monotonic()
        entry.update(status="running", limit_seconds=round(max(0.0, seconds), 1))
        self._write()
        print(f"{part.name}: up to {max(0.0, seconds):.0f} s", flush=True)

        def record(step: str, figures: Mapping[str, Any]) -> None:
            entry["steps"][step] = figures
            self._write()
            print(f"  {step}: {tables.line(figures)}", flush=True)

        outcome = self._outcome(part, seconds, record)
        entry.update(status=outcome.status, seconds=round(time.monotonic() - started, 2))
        if outcome.error:
            entry["error"] = outcome.error
        self._write()
        print(f"  {outcome.status} after {entry['seconds']:.1f} s {outcome.error}".rstrip(), flush=True)

    def _outcome(self, part: Part, seconds: float, record: Any) -> Outcome:
        if seconds <= 0:
            return Outcome("late", "no time was left for it")
        return isolation.run(part, self.scene, seconds, record, PRELOADED)

    def _write(self) -> None:
        """The whole document, or the one before it: never a part of one."""
        self.document["seconds"] = round(time.monotonic() - self.started, 2)
        half = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        half.write_text(json.dumps(self.document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        half.replace(self.file)


if __name__ == "__main__":
    sys.exit(main())
