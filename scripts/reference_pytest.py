"""The reference of the plugin: its options, fixtures and markers, from the code that declares them."""

import argparse
from collections.abc import Iterator
from typing import Any

from imgcls import plugin
from imgcls.plugin import fixtures
from imgcls.session.option_table import OPTIONS
from imgcls.session.options import PYTEST_PREFIX
from reference_commands import default, meaning, spelled
from reference_text import code, required, table

HEAD = """\
# Options, fixtures and markers of pytest

What the plugin adds to pytest. How it is used, with examples, is in [pytest](../pytest.md).
"""


def text() -> str:
    """The page. Raises MissingText for an option, a fixture or a marker without a text."""
    return "\n".join(
        [
            HEAD,
            "## Options\n",
            "`pytest` takes all of them. The command takes those that fit it, without `imgcls-`.\n",
            table(("option", "default", "meaning"), options()),
            "## Fixtures\n",
            "Each is there with its prefix, and without it where nobody else has a fixture of this name.\n",
            table(("fixture", "scope", "meaning"), all_fixtures()),
            "## Markers\n",
            table(("marker", "meaning"), markers()),
        ]
    )


def options() -> Iterator[tuple[str, str, str]]:
    parser = argparse.ArgumentParser("pytest", add_help=False)
    for name, keywords in OPTIONS.items():
        action = parser.add_argument(f"{PYTEST_PREFIX}{name}", **keywords)
        yield spelled(action), default(action), meaning(action, "pytest")


def all_fixtures() -> Iterator[tuple[str, str, str]]:
    for name in plugin.NAMES:
        full = f"{plugin.PREFIX}{name}"
        fixture: Any = getattr(fixtures, full)
        scope = str(fixture._fixture_function_marker.scope)  # noqa: SLF001 - pytest has no other door to it
        yield f"`{full}`, `{name}`", scope, required(fixture.__doc__, f"the fixture {full}")


def markers() -> Iterator[tuple[str, str]]:
    for line in plugin.MARKERS:
        marker, _, sentence = line.partition(": ")
        yield code(f"@pytest.mark.{marker}"), required(sentence, f"the marker {marker}")
