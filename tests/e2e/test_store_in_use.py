"""A store that another job holds: every door says so while it waits, and goes on when that job is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from filelock import FileLock

from conftest import Project
from imgcls.store import connection, holder

Command = Callable[..., pytest.RunResult]


@pytest.fixture
def in_use(importable: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The project, whose store another job holds until it is waited for."""
    monkeypatch.setattr(connection, "STATED_SECONDS", 0.05)
    folder, waiting = importable.folder / ".imgcls", holder.waiting
    folder.mkdir()
    lock = FileLock(folder / "pass.lock")

    def waited_for(*arguments: Any) -> str:
        text = waiting(*arguments)
        lock.release()
        return text

    monkeypatch.setattr(holder, "waiting", waited_for)
    with lock, holder.noted(folder / "pass.holder"):
        yield importable


def _stated(result: pytest.RunResult) -> list[str]:
    return [line for line in result.errlines if line.startswith("waiting until ")]


@pytest.mark.usefixtures("in_use")
def test_a_command_that_waits_says_for_whom(imgcls: Command) -> None:
    """Once in half a minute, on standard error."""
    result = imgcls("score")
    assert result.ret == 0
    [line] = _stated(result)
    assert f"process {os.getpid()} on " in line
    assert line.endswith("--store DIR (--imgcls-store DIR) names another store")


@pytest.mark.usefixtures("in_use")
def test_a_test_that_waits_says_for_whom(run_pytest: Command) -> None:
    """Past pytest's capturing, in a line of its own."""
    result = run_pytest("-m", "accuracy")
    assert result.ret == 0
    assert len(_stated(result)) == 1


def test_the_upkeep_of_a_store_waits_as_well(in_use: Project, imgcls: Command) -> None:
    """And says so."""
    connection.Connection(in_use.folder / ".imgcls").close()
    result = imgcls("cache", "prune")
    assert result.ret == 0
    assert len(_stated(result)) == 1
