"""Whose fixtures a test means, where ours and those of somebody else have the same name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from imgcls.errors import ConfigError
from imgcls.plugin import MARKER, NAMES, OURS, PREFIX, items

if TYPE_CHECKING:
    from imgcls.plugin.projects import Projects

Definitions = Mapping[str, Sequence[Any]]
"""pytest's definitions of each fixture that a test can reach; the last one counts."""


def reachable(names: Iterable[str], definitions: Definitions) -> set[str]:
    """These fixtures and all that they request."""
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_requested_by(name, definitions))
    return reached


def _requested_by(name: str, definitions: Definitions) -> Iterator[str]:
    """What a fixture requests; one that requests its own name takes the place of the one before it."""
    for definition in reversed(definitions.get(name) or ()):
        yield from definition.argnames
        if name not in definition.argnames:
            return


def is_ours(name: str, definitions: Definitions) -> bool:
    """Whether a short name leads to our fixture: as our own definition, or through one of a project."""
    return f"{PREFIX}{name}" in reachable([name], definitions)


def arguments(test: pytest.Item) -> list[str]:
    """The fixtures that a test itself requests; what is used automatically is not of its choice."""
    used = [str(name) for mark in test.iter_markers("usefixtures") for name in mark.args]
    info: Any = getattr(test, "_fixtureinfo", None)
    return [*info.argnames, *used] if info else used


def definitions_of(test: pytest.Item) -> Definitions:
    info: Any = getattr(test, "_fixtureinfo", None)
    known: Definitions = info.name2fixturedefs if info else {}
    return known


def requested(test: pytest.Item) -> set[str]:
    """What of ours a test requests, in short names."""
    definitions = definitions_of(test)
    names = {name for name in arguments(test) if OURS & reachable([name], definitions)}
    return {name.removeprefix(PREFIX) for name in names} or {name.removeprefix(PREFIX) for name in _ours(test)}


def _ours(test: pytest.Item) -> set[str]:
    return set(OURS.intersection(getattr(test, "fixturenames", ())))


def means_ours(test: pytest.Item) -> bool:
    """Whether a test requests what only imgcls has, and not just a name that anybody might have."""
    direct = OURS.intersection(arguments(test))
    return bool(direct or _ours(test) & {"imgcls_scores", "imgcls_gates"} or test.get_closest_marker(MARKER))


def may_mean_ours(test: pytest.Item) -> bool:
    """Whether a test requests a fixture of ours, or has our marker."""
    return items.is_ours(test) or test.get_closest_marker(MARKER) is not None


def unconfigured(test: pytest.Item) -> str:
    """The error of a test without a configuration in reach."""
    names = sorted(requested(test))
    only = "" if means_ours(test) else f"fixture '{names[0]}' not found, except in imgcls: "
    return (
        f"{only}{test.nodeid} requests {' and '.join(names)}, and there is no imgcls.toml or [tool.imgcls] from "
        f"{test.path.parent} upwards: write one, or name one with --imgcls-config FILE"
    )


def conflict(test: pytest.Item) -> str | None:
    """The error of a test that requests a fixture of somebody else, and by a short name one that needs ours.

    A test that requests ours by its own name means what it says.
    """
    definitions, direct = definitions_of(test), arguments(test)
    by_short_names = [name for name in direct if name not in OURS]
    marked = ("model", "dataset") if test.get_closest_marker(MARKER) else ()
    for name in NAMES:
        own = f"{PREFIX}{name}"
        if name not in reachable(by_short_names, definitions) or is_ours(name, definitions):
            continue
        by = next((other for other in by_short_names if own in reachable([other], definitions)), None)
        if by or (name in marked and own not in reachable(direct, definitions)):
            return (
                f"{test.nodeid} means two things by `{name}`: {_described(test, name, definitions)}, and the fixture "
                f"of imgcls (imgcls.plugin.fixtures), which {f'`{by}`' if by else 'its marker `imgcls`'} needs; write "
                f"{' or '.join(f'`{PREFIX}{each}`' for each in (name, by) if each in NAMES)} where that of imgcls is "
                "meant, or rename the other one"
            )
    return None


def _described(test: pytest.Item, name: str, definitions: Definitions) -> str:
    """Where the other definition of a name is."""
    known = definitions.get(name)
    code = getattr(inspect.unwrap(known[-1].func), "__code__", None) if known else None
    if code is None or known is None or known[-1].func.__module__.startswith("_pytest."):
        return "its parameter, which is direct without indirect=True"
    file, root = code.co_filename, f"{test.config.rootpath}/"
    return f"the fixture in {file.removeprefix(root)}:{code.co_firstlineno}"


def check(tests: Sequence[pytest.Item], projects: Projects) -> None:
    """Refuse tests that mean two things, and a session in which every test lacks a configuration. Raises UsageError."""
    for test in (test for test in tests if may_mean_ours(test)):
        if error := conflict(test):
            raise pytest.UsageError(error)
    missing = [test for test in tests if items.is_ours(test) and _lacks_configuration(test, projects)]
    if missing and len(missing) == len(tests) and any(means_ours(test) for test in missing):
        raise pytest.UsageError(unconfigured(missing[0]))


def _lacks_configuration(test: pytest.Item, projects: Projects) -> bool:
    try:
        return projects.of(test.path) is None
    except ConfigError:
        return False
