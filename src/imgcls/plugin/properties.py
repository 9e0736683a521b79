"""What a test produced, in its report: whole for our own use, and as flat figures for JUnit XML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from imgcls.reporting.ci.junit import Figure
    from imgcls.session.events import Event

EVENTS = "imgcls_events"
"""The attribute of a test's report that has the events, so that no reporter shows them to people."""

_OF_TEST = pytest.StashKey[list[str]]()


def report(item: pytest.Item, event: Event, figures: Mapping[str, Figure]) -> None:
    """Keep an event with a test, and its figures as properties."""
    from imgcls.session import events

    item.stash.setdefault(_OF_TEST, []).append(events.encode(event))
    add(item, figures)


def add(item: pytest.Item, figures: Mapping[str, Figure]) -> None:
    """Let a test have these figures as properties; the same figure stands there once."""
    from imgcls.reporting.ci import junit

    item.user_properties += [entry for entry in junit.properties(figures) if entry not in item.user_properties]


def forget(item: pytest.Item) -> None:
    """Remove what an attempt before this one left with a test."""
    from imgcls.reporting.ci import junit

    item.stash[_OF_TEST] = []
    item.user_properties[:] = [entry for entry in item.user_properties if not entry[0].startswith(junit.PREFIX)]


def describe(of_test: pytest.TestReport, item: pytest.Item) -> None:
    """Let a report carry the events of its test, also to another process."""
    vars(of_test)[EVENTS] = [*item.stash.setdefault(_OF_TEST, [])]


def events_of(of_test: pytest.TestReport) -> list[Event]:
    """The events of a test so far."""
    from imgcls.session import events

    return [events.decode(text) for text in getattr(of_test, EVENTS, ())]
