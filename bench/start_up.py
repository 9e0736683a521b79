"""The CPU time of commands that compute nothing, or next to nothing, of this version and of another one in turn.

    git worktree add /tmp/before HEAD~1
    python bench/start_up.py PHOTOS WEIGHTS --before /tmp/before [--runs 5]

PHOTOS: a folder of classes; WEIGHTS: a state dict of torchvision's squeezenet1_0. Both versions score it once, each
into a store of its own, and then repeat what is measured: user and system time of a process and of every child that it
has waited for. Printed are the fastest run of each and their ratio; what collecting costs is the difference to a
collection without the plugin. Nobody may edit the source in the meantime: predictions are computed again where it
changed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parents[1]

CONFIGURATION = """
[datasets.photos]
path = "{photos}"

[models.squeezenet]
arch = "torchvision:squeezenet1_0"
weights = "{weights}"

[gates.squeezenet]
photos = {{ top1 = 0.0 }}
"""


def main() -> int:
    """Measure, and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "imgcls.toml").write_text(
            CONFIGURATION.format(photos=options.photos.absolute(), weights=options.weights.absolute())
        )
        versions = {"before": options.before, "now": HERE} if options.before else {"now": HERE}
        (folder / "test_nothing.py").write_text("def test_nothing(): ...\n")
        image = next(file for file in sorted(options.photos.rglob("*")) if file.is_file())
        for label, source in versions.items():
            _seconds(folder, source, ["-m", "imgcls", "score", "--store", label, "--save", f"{label}.json"])
        print(f"{'command':28}", *(f"{label:>8}" for label in versions), "   ratio")
        for command in _commands(image):
            _print(folder, versions, command, options.runs)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time of commands that compute next to nothing")
    parser.add_argument("photos", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--before", type=Path, help="a checkout of another version")
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


def _commands(image: Path) -> Sequence[Sequence[str]]:
    """Arguments of Python; ``{}`` is the version."""
    return (
        ("-c", "pass"),
        ("-m", "imgcls", "--help"),
        ("-m", "imgcls", "labels", "check"),
        ("-m", "imgcls", "show", "{}.json"),
        ("-m", "imgcls", "compare", "{}.json", "{}.json"),
        ("-m", "imgcls", "score", "--store", "{}"),
        ("-m", "pytest", "test_nothing.py", "--collect-only", "-q", "-p", "no:imgcls.plugin"),
        ("-m", "pytest", "--pyargs", "imgcls.suite", "--collect-only", "-q"),
        ("-m", "pytest", "--pyargs", "imgcls.suite", "-m", "accuracy", "-q", "--imgcls-store", "{}"),
        ("-m", "imgcls", "predict", str(image), "--models", "squeezenet"),
    )


def _print(folder: Path, versions: Mapping[str, Path], command: Sequence[str], runs: int) -> None:
    fastest = dict.fromkeys(versions, float("inf"))
    for _ in range(runs):
        for label, source in versions.items():
            arguments = [argument.format(label) for argument in command]
            fastest[label] = min(fastest[label], _seconds(folder, source, arguments))
    ratio = fastest["now"] / fastest["before"] if "before" in fastest else float("nan")
    print(f"{' '.join(command)[3:31]:28}", *(f"{seconds:8.3f}" for seconds in fastest.values()), f"{ratio:8.2f}")


def _seconds(folder: Path, source: Path, arguments: Sequence[str]) -> float:
    """The CPU time of a process of one version."""
    before = _children()
    environment = {**os.environ, "PYTHONPATH": str(source / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what was edited last would be compiled in every run
    command, quiet = [sys.executable, *arguments], subprocess.DEVNULL
    subprocess.run(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet, check=False)  # noqa: S603 - ours
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
