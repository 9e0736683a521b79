"""The CPU time of commands that compute nothing, or next to nothing, of this version and of another one in turn.

    git worktree add /tmp/before HEAD~1
    python bench/start_up.py SHARED --before /tmp/before [--runs 5]

SHARED: a folder with an ``imgcls.toml`` of three models, one of them ``squeezenet``, and two datasets, one of them
``photos``, and with the images and weights that it names. Both versions score all of it once, each into a store of its
own, and then repeat what is measured: user and system time of a process and of every child that it has waited for.
Printed is the fastest run of each, less the interpreter's own or, of what is collected, less the same collection
without the plugin, and their ratio. Nobody may edit the source in the meantime: predictions are computed again where
it changed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[1]

TESTS = {
    "project/test_models.py": (
        "import pytest\n\n\n@pytest.mark.accuracy\ndef test_accuracy(scores, gates):\n    gates.check(scores)\n"
    ),
    "project/test_suite.py": "from imgcls.suite import *\n",
    "elsewhere/test_nothing.py": "def test_nothing(): ...\n",
}

INTERPRETER, IMGCLS = ("-c", "pass"), ("-m", "imgcls")
OF_ONE = ("--models", "squeezenet", "--datasets", "photos")
COLLECT, WITHOUT = ("-m", "pytest", "--collect-only", "-q"), ("-p", "no:imgcls.plugin")


@dataclass(frozen=True)
class Case:
    """Arguments of Python in a folder, where ``{}`` is the version, and those of what is taken off."""

    name: str
    arguments: Sequence[str]
    less: Sequence[str] = INTERPRETER
    folder: str = "project"


CASES = (
    Case("imgcls --help", (*IMGCLS, "--help")),
    Case("imgcls labels check", (*IMGCLS, "labels", "check")),
    Case("imgcls show RUN.json", (*IMGCLS, "show", "{}.json")),
    Case("imgcls compare A.json B.json", (*IMGCLS, "compare", "{}.json", "{}.json")),
    Case("imgcls report RUN.json", (*IMGCLS, "report", "../project/{}.json", "-o", "{}.html"), folder="elsewhere"),
    Case("the same of one model", (*IMGCLS, "report", "../project/{}-1.json", "-o", "{}.html"), folder="elsewhere"),
    Case("imgcls score", (*IMGCLS, "score", "--store", "{}")),
    Case("pytest -m accuracy", ("-m", "pytest", "test_models.py", "-q", "-m", "accuracy", "--imgcls-store", "{}")),
    Case("collecting a test of scores", (*COLLECT, "test_models.py"), (*COLLECT, "test_models.py", *WITHOUT)),
    Case("collecting the ready-made tests", (*COLLECT, "test_suite.py"), (*COLLECT, "test_models.py", *WITHOUT)),
    Case("collecting without imgcls.toml", COLLECT, (*COLLECT, *WITHOUT), folder="elsewhere"),
    Case("imgcls predict IMAGE", (*IMGCLS, "predict", "image.jpg", "--models", "squeezenet")),
)


def main() -> int:
    """Measure, and print."""
    options = _options()
    versions = {"before": options.before, "now": HERE} if options.before else {"now": HERE}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _lay_out(folder, options.shared.absolute())
        for label, source in versions.items():
            for arguments in (["--save", f"{label}.json"], ["--save", f"{label}-1.json", *OF_ONE]):
                _seconds(folder / "project", source, [*IMGCLS, "score", "--store", label, *arguments])
        print(f"{'seconds of CPU time':32}", *(f"{label:>8}" for label in versions), "   ratio")
        for case in CASES:
            _print(case, _measured(folder / case.folder, versions, case, options.runs))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time of commands that compute next to nothing")
    parser.add_argument("shared", type=Path)
    parser.add_argument("--before", type=Path, help="a checkout of another version")
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


def _lay_out(folder: Path, shared: Path) -> None:
    """A project of what is shared, and a folder without a configuration in reach."""
    for file, text in TESTS.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text)
    for entry in shared.iterdir():
        (folder / "project" / entry.name).symlink_to(entry)
    image = next(file for file in sorted((shared / "photos").rglob("*")) if file.is_file())
    (folder / "project" / "image.jpg").symlink_to(image)


def _measured(folder: Path, versions: Mapping[str, Path], case: Case, runs: int) -> Mapping[str, float]:
    """The fastest of some runs of each version, less the fastest of what is taken off."""
    fastest = {label: [float("inf")] * 2 for label in versions}
    for _ in range(runs):
        for label, source in versions.items():
            for place, command in enumerate((case.arguments, case.less)):
                arguments = [argument.format(label) for argument in command]
                fastest[label][place] = min(fastest[label][place], _seconds(folder, source, arguments))
    return {label: whole - less for label, (whole, less) in fastest.items()}


def _seconds(folder: Path, source: Path, arguments: Sequence[str]) -> float:
    """The CPU time of a process of one version. Raises AssertionError where it fails."""
    before = _children()
    environment = {**os.environ, "PYTHONPATH": str(source / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what was edited last would be compiled in every run
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print(case: Case, seconds: Mapping[str, float]) -> None:
    ratio = seconds["now"] / seconds["before"] if "before" in seconds else float("nan")
    print(f"{case.name:32}", *(f"{of_version:8.3f}" for of_version in seconds.values()), f"{ratio:8.2f}")


if __name__ == "__main__":
    sys.exit(main())
