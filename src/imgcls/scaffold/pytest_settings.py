"""Settings of pytest, so that a run without the plugin fails instead of passing; written only where there are none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from imgcls import toml
from imgcls.config import pytest_file
from imgcls.config.pytest_file import PytestFile

FILE: Final = "pytest.ini"

TEXT = """\
[pytest]
# Without the plugin, or with a marker mistyped, a run fails instead of passing.
required_plugins = imgcls
addopts = --strict-markers
"""

_PROJECT = "pyproject.toml"
_WORDS = {"required_plugins": "imgcls", "addopts": "--strict-markers"}


def in_reach(folder: Path) -> PytestFile | None:
    """The file with the settings of pytest in this folder or above it, or a ``pyproject.toml`` next to it."""
    project = folder / _PROJECT
    empty = PytestFile(project, "tool.pytest.ini_options", {}) if project.is_file() else None
    return pytest_file.nearest(folder) or empty


def to_add(settings: PytestFile) -> str | None:
    """The lines that settings lack; None where they name the plugin already. Other options stay as they are."""
    plugins = settings.words("required_plugins")
    if any(re.match(r"imgcls(?![\w.-])", plugin) for plugin in plugins):
        return None
    values = {key: [word] for key, word in _WORDS.items() if key not in settings.keys}
    values["required_plugins"] = [*plugins, "imgcls"]
    if settings.path.suffix != ".toml":
        return "\n".join(f"{key} = {' '.join(words)}" for key, words in values.items())
    listed = {key: ", ".join(map(toml.string, words)) for key, words in values.items()}
    return "\n".join([f"[{settings.table}]", *(f"{key} = [{words}]" for key, words in listed.items())])
