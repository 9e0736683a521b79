"""Whether other people's tests have the same results with imgcls installed as without, plugin by plugin.

    make plugins

Each plugin has a small suite under ``bench/plugin_suites/``, in which tests also fail, and fail to be set up. It is
run with that plugin alone and with imgcls next to it, loaded before and after; exit code, tests, their order and their
results must be equal. Then the ready-made tests of imgcls are run on a built-in model with the plugin, and must have
the results that they have without one. Prints a line per plugin; the exit code is 0 only where all is equal.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SUITES = Path(__file__).parent / "plugin_suites"
OURS = "ours"
IMGCLS = ("-p", "imgcls.plugin")
BENCHMARK = ("-p", "pytest_benchmark.plugin")


@dataclass(frozen=True)
class Plugin:
    """A plugin: how it is loaded, and with which options its suite and ours are run.

    ``only_theirs``: options that leave out tests, or need ones of its kind. ``suite``: the folder of its tests, where
    it has some of its own. ``has_order``: whether its tests end in the same order in every run.
    """

    name: str
    modules: tuple[str, ...]
    options: tuple[str, ...] = ()
    only_theirs: tuple[str, ...] = ()
    suite: str = "results"
    has_order: bool = True

    @property
    def loaded(self) -> tuple[str, ...]:
        return tuple(word for module in self.modules for word in ("-p", module))


PLUGINS = (
    Plugin("golden", ("pytest_golden.plugin",), suite="golden"),
    Plugin("rerunfailures", ("pytest_rerunfailures",), ("--reruns", "2"), suite="rerunfailures"),
    Plugin("split", ("pytest_split.plugin",), only_theirs=("--splits", "2", "--group", "1"), suite="split"),
    Plugin("randomly", ("pytest_randomly",), ("--randomly-seed=7",), suite="randomly"),
    Plugin("timeout", ("pytest_timeout",), ("--timeout", "300"), suite="timeout"),
    Plugin("sugar", ("pytest_sugar",)),
    Plugin("html", ("pytest_metadata.plugin", "pytest_html.plugin"), ("--html=report.html", "--self-contained-html")),
    Plugin("allure", ("allure_pytest.plugin",), ("--alluredir=allure",)),
    Plugin("codspeed", ("pytest_codspeed.plugin",), only_theirs=("--codspeed",), suite="codspeed"),
    Plugin(
        "benchmark",
        ("pytest_benchmark.plugin",),
        ("--benchmark-max-time=0.01", "--benchmark-min-rounds=1"),
        suite="benchmark",
    ),
    Plugin("cov", ("pytest_cov.plugin",), ("--cov=.",)),
    Plugin("xdist", ("xdist.plugin", "xdist.looponfail"), ("-n", "2"), has_order=False),
    Plugin("annotate", ("pytest_github_actions_annotate_failures.plugin",)),
    Plugin("names", ("their_names",), suite="names"),
)


@dataclass(frozen=True)
class Outcome:
    """One run of pytest: its exit code, its tests in order with their results, and what it printed."""

    code: int
    tests: tuple[tuple[str, str], ...]
    output: str

    def same(self, other: "Outcome", *, in_order: bool) -> bool:
        tests, others = (list(tests) if in_order else sorted(tests) for tests in (self.tests, other.tests))
        return (self.code, tests) == (other.code, others)


def main() -> int:
    """Compare; 1 where something differs."""
    names = _names()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        reference = _ours(Path(folder), None)
        chosen = [plugin for plugin in PLUGINS if not names or plugin.name in names]
        errors = list(pool.map(lambda plugin: _errors(plugin, Path(folder, plugin.name), reference), chosen))
    for plugin, of_plugin in zip(chosen, errors, strict=True):
        print(f"{plugin.name}: {'; '.join(of_plugin) or 'equal'}")
    return int(any(errors))


def _names() -> list[str]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="PLUGIN")
    names: list[str] = parser.parse_args().names
    if unknown := set(names) - {plugin.name for plugin in PLUGINS}:
        parser.error(f"no plugin {', '.join(sorted(unknown))}; known: {', '.join(plugin.name for plugin in PLUGINS)}")
    return names


def _errors(plugin: Plugin, folder: Path, reference: Outcome) -> list[str]:
    """What differs, in words."""
    without = _theirs(plugin, folder / "without", ())
    if not without.tests:
        return [f"its own suite did not run:\n{without.output}"]
    errors = []
    for place, words in (("before", (*IMGCLS, *plugin.loaded)), ("after", (*plugin.loaded, *IMGCLS))):
        with_it = _theirs(plugin, folder / place, words)
        if not without.same(with_it, in_order=plugin.has_order):
            errors.append(f"with imgcls loaded {place} it:\n{_differences(without, with_it)}")
    ours = _ours(folder, plugin)
    if not reference.tests or not reference.same(ours, in_order=False):
        errors.append(f"the tests of imgcls:\n{_differences(reference, ours)}")
    return errors


def _differences(expected: Outcome, outcome: Outcome) -> str:
    lost = [f"  - {name}: {result}" for name, result in expected.tests if (name, result) not in outcome.tests]
    new = [f"  + {name}: {result}" for name, result in outcome.tests if (name, result) not in expected.tests]
    return "\n".join([f"  exit code {expected.code} -> {outcome.code}", *lost, *new, outcome.output])


def _theirs(plugin: Plugin, folder: Path, words: Sequence[str]) -> Outcome:
    shutil.copytree(SUITES / plugin.suite, folder)
    return _run(folder, *(words or plugin.loaded), *plugin.options, *plugin.only_theirs)


def _ours(folder: Path, plugin: Plugin | None) -> Outcome:
    """The ready-made tests on one built-in model; what is timed needs the fixture of pytest-benchmark."""
    shutil.copytree(SUITES / OURS, folder / OURS)
    shutil.copy(SUITES / "names" / "their_names.py", folder / OURS)
    loaded = (*plugin.loaded, *plugin.options) if plugin else ()
    return _run(folder / OURS, *BENCHMARK, *loaded, *IMGCLS, "--imgcls-store", str(folder / "store"))


def _run(folder: Path, *words: str) -> Outcome:
    """Pytest in a process that loads no other plugins."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "pytest", *words, "-p", "no:cacheprovider", "--junitxml=junit.xml"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, tuple(_tests(folder / "junit.xml")), done.stdout + done.stderr)


def _tests(file: Path) -> list[tuple[str, str]]:
    if not file.exists():
        return []
    cases = ET.parse(file).getroot().iter("testcase")  # noqa: S314 - pytest wrote it
    return [(f"{case.get('classname')}::{case.get('name')}", _result(case)) for case in cases]


def _result(case: ET.Element) -> str:
    """Its result as pytest names it; what a message states of times and places is not part of it."""
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")


if __name__ == "__main__":
    sys.exit(main())
