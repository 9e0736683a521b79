"""Which configuration a run here would have, and what pytest makes of this folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from imgcls import messages
from imgcls.config import discovery, loader, pytest_file
from imgcls.config.pytest_file import PytestFile
from imgcls.data.places import patterns
from imgcls.doctor.findings import Evidence, Finding
from imgcls.doctor.libraries import unmet
from imgcls.errors import ConfigError

INTERACTIONS: Mapping[str, str] = {
    "pytest-codspeed": "with --codspeed, tests that need `latency` fail: it takes the place of pytest-benchmark",
    "pytest-randomly": "tests run in another order each time, which imgcls allows; -p no:randomly keeps the order",
    "pytest-rerunfailures": "a rerun hides a flaky gate: leave tests of imgcls out of --reruns",
    "pytest-xdist": "with -n, latency is not measured, and --imgcls-store off is refused",
}
"""What plugins that are installed next to imgcls change in its tests."""

_OUR_PLUGIN = "imgcls.plugin"


def configuration(evidence: Evidence) -> Iterator[Finding]:
    """The configuration in reach, where it was found, and whether it loads."""
    try:
        file = discovery.find(evidence.folder)
        if file is None:
            yield Finding("note", f"none in {evidence.folder} or above", "imgcls init")
            return
        settings = loader.load([file])
    except ConfigError as error:
        yield Finding("broken", str(error).replace("\n", "; "), "correct the file as the message states")
        return
    counts = messages.counted(len(settings.models), "model"), messages.counted(len(settings.datasets), "dataset")
    table = " [tool.imgcls]" if file.name == "pyproject.toml" else ""
    yield Finding("ok", f"{file}{table}: {', '.join(counts)}")
    for name, dataset in settings.datasets.items():
        if isinstance(dataset.path, Path) and not patterns.exist(str(dataset.path)):
            yield Finding(
                "warning",
                f"[datasets.{name}] path: {dataset.path} does not exist",
                "put the images there, or correct it",
            )


def pytest_setup(evidence: Evidence) -> Iterator[Finding]:
    """Whether pytest would load the plugin here, and what other plugins change."""
    file = pytest_file.nearest(evidence.folder)
    problems = [*_kept_out(file, evidence), *_required(file, evidence)]
    yield from problems
    for name, text in INTERACTIONS.items():
        if name in evidence.packages:
            yield Finding("note", f"{name}: {text}")
    if not problems:
        where = f", configured in {file.path}" if file else ", not configured here"
        yield Finding("ok", f"pytest {evidence.packages.get('pytest', '')}{where}")


def _kept_out(file: PytestFile | None, evidence: Evidence) -> Iterator[Finding]:
    """Why pytest would not load the plugin."""
    if evidence.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        yield Finding(
            "warning", "PYTEST_DISABLE_PLUGIN_AUTOLOAD is set: pytest loads no installed plugin",
            f"pytest -p {_OUR_PLUGIN}",
        )  # fmt: skip
    added = " ".join(file.words("addopts")) if file else ""
    places = {"PYTEST_ADDOPTS": evidence.environ.get("PYTEST_ADDOPTS", ""), f"addopts in {file and file.path}": added}
    for place, options in places.items():
        if re.search(rf"-p\s*no:{re.escape(_OUR_PLUGIN)}\b", options):
            yield Finding("warning", f"{place} keeps the plugin out", f"remove -p no:{_OUR_PLUGIN} there")


def _required(file: PytestFile | None, evidence: Evidence) -> Iterator[Finding]:
    """The plugins that a project requires and that are not installed; without them pytest does not start."""
    for text in file.words("required_plugins") if file else ():
        remedy = f"pip install {shlex.quote(text)}"
        try:
            problem = unmet(Requirement(text), evidence)
        except InvalidRequirement:
            problem, remedy = f"{text!r}, which is not a requirement", "correct required_plugins there"
        if problem and file:
            yield Finding("broken", f"{file.path} requires {problem}: pytest does not start", remedy)
