"""Where a test of ours is: in the user's test file, or at the gate's line in the configuration, never in imgcls."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from imgcls.config import lines
from imgcls.errors import ImgclsError
from imgcls.plugin.items import DatasetHandle, ModelHandle, parameter_of
from imgcls.plugin.projects import PACKAGE, Project
from imgcls.reporting.ci import runner_log

SUITE = "imgcls.suite"


def relocate(item: pytest.Item, project: Project | None) -> None:
    """Let reporters find a ready-made test where it was imported, or else where its gate is."""
    path, _, name = item.reportinfo()
    place = _place(item, project) if Path(path).is_relative_to(PACKAGE) else None
    if place:
        item.reportinfo = lambda: (*place, name)  # type: ignore[method-assign]
        vars(item).pop("location", None)  # pytest keeps it where it was read before


def shorten(excinfo: pytest.ExceptionInfo[BaseException] | None) -> None:
    """Let an error of ours, whose message states everything, end where the user's code called imgcls."""
    if excinfo is None or not isinstance(excinfo.value, ImgclsError):
        return
    excinfo.value.__cause__, excinfo.value.__suppress_context__ = None, True
    last: TracebackType | None = excinfo.tb
    while last and last.tb_next and not Path(last.tb_next.tb_frame.f_code.co_filename).is_relative_to(PACKAGE):
        last = last.tb_next
    if last and not last.tb_frame.f_globals.get("__name__", "").startswith(("_pytest", "pluggy")):
        last.tb_next = None


def make_inert(excinfo: pytest.ExceptionInfo[BaseException] | None) -> None:
    """Let no name in the message of a failure be a command to the runner of GitHub Actions, whose log it gets into."""
    if excinfo and isinstance(excinfo.value, pytest.fail.Exception) and excinfo.value.msg:
        excinfo.value.msg = runner_log.inert_lines(excinfo.value.msg)


def relocate_report(report: pytest.TestReport, item: pytest.Item) -> None:
    """Let a failure that was raised in imgcls stand where its test is."""
    crash: Any = getattr(report.longrepr, "reprcrash", None)
    if crash and Path(crash.path).is_relative_to(PACKAGE):
        path, line, _ = item.reportinfo()
        crash.path, crash.lineno = str(path), (line or 0) + 1


def _place(item: pytest.Item, project: Project | None) -> tuple[Path, int] | None:
    """File and line, counted from 0."""
    if not item.path.is_relative_to(PACKAGE):
        return item.path, _line_of_import(item.path)
    handle = parameter_of(item, ModelHandle)
    if handle is None or project is None:
        return None
    dataset = parameter_of(item, DatasetHandle)
    line = lines.of_gate(project.files, _kind(item), handle.name, dataset.name if dataset else None)
    return (line.file, line.number - 1) if line else (project.files[0], 0)


def _kind(item: pytest.Item) -> str:
    """The tables of the configuration that its limits are in."""
    requested = getattr(item, "fixturenames", ())
    return next((kind for kind in ("latency", "memory") if f"imgcls_{kind}" in requested), "gates")


@cache
def _line_of_import(file: Path) -> int:
    """The line that imports the ready-made tests, or else the first."""
    tree = ast.parse(file.read_bytes())
    imports = (node.lineno - 1 for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == SUITE)
    return min(imports, default=0)
