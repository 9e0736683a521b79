"""How much CPU time a pytest run that has nothing to do with imgcls pays for imgcls being installed.

    python bench/plugin_tax.py [--pairs 60]

Two virtual environments are made of links to everything that is in this one. One has imgcls as a wheel would install
it; in the other there is nothing of it: no package, no metadata, and so no entry point that pytest could find. (With
``-p no:imgcls.plugin`` pytest would still read its metadata and the list of its files.) All else, plugins of others
included, is the same. In each, ``pytest`` runs one empty test in a folder without a configuration. The two take turns,
each beginning every other pair; the first pair is not counted. Seconds are user and system, of the process and of
every child it has waited for. Run it while nothing else runs.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import imgcls

ALLOWED_MS = 20  # docs/decisions.md#import-cost-of-the-plugin
PACKAGE = Path(imgcls.__file__).parent


def main() -> int:
    """Measure, and print; 1 where the median is above what is allowed."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        project.mkdir()
        (project / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        without = _environment(Path(folder, "without"), _others())
        with_it = _environment(Path(folder, "with"), [*_others(), PACKAGE])
        _install(with_it)
        pairs = [_pair(without, with_it, project, number) for number in range(1 + options.pairs)][1:]
    _print(pairs)
    return int(statistics.median(_differences(pairs)) > ALLOWED_MS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    return parser.parse_args()


# Two environments.


def _others() -> list[Path]:
    """Everything that is installed here, except imgcls, however it was installed."""
    return [entry for entry in Path(sysconfig.get_path("purelib")).iterdir() if "imgcls" not in entry.name]


def _environment(place: Path, entries: Iterable[Path]) -> Path:
    """A virtual environment of links to these; the folder of its packages."""
    venv.create(place, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(place)}))
    for entry in entries:
        (packages / entry.name).symlink_to(entry)
    return packages


def _install(packages: Path) -> None:
    """Write what an installed wheel leaves next to the package."""
    installed = metadata.distribution("imgcls")
    place = packages / f"imgcls-{installed.version}.dist-info"
    place.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (place / name).write_text(str(installed.read_text(name)))
    files = [file.relative_to(PACKAGE.parent) for file in PACKAGE.rglob("*") if "__pycache__" not in file.parts]
    (place / "RECORD").write_text("".join(f"{file},,\n" for file in files))


# Turns.


def _pair(without: Path, with_it: Path, project: Path, number: int) -> tuple[float, float]:
    """Milliseconds without and with imgcls, in alternating order."""
    if number % 2:
        after = _milliseconds(with_it, project)
        return _milliseconds(without, project), after
    return _milliseconds(without, project), _milliseconds(with_it, project)


def _milliseconds(packages: Path, project: Path) -> float:
    """CPU time of one run of pytest, which is checked to have loaded the plugin, or not."""
    python = packages.parents[2] / "bin" / "python"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PYTHON"))}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(  # noqa: S603 - our own command
        [python, "-m", "pytest"], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    plugins = " ".join(line for line in done.stdout.splitlines() if line.startswith("plugins: "))
    assert ("imgcls" in plugins) == (packages / "imgcls").exists(), plugins
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _differences(pairs: Iterable[tuple[float, float]]) -> list[float]:
    return [after - before for before, after in pairs]


def _print(pairs: list[tuple[float, float]]) -> None:
    differences, without = _differences(pairs), [before for before, _ in pairs]
    low, middle, high = statistics.quantiles(differences, n=4)
    print(f"pytest {metadata.version('pytest')}, Python {sys.version.split()[0]}, {len(pairs)} interleaved pairs")
    print(f"without imgcls: {statistics.median(without):.0f} ms of CPU time (median)")
    print(
        f"with imgcls: {middle:+.1f} ms (median of the differences); half of them lie from {low:+.1f} to {high:+.1f},"
    )
    print(f"all from {min(differences):+.1f} to {max(differences):+.1f}; allowed {ALLOWED_MS}")


if __name__ == "__main__":
    sys.exit(main())
