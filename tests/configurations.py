"""Configurations as text, for tests of what they become and of what is refused."""

import re
from pathlib import Path

import pytest

from imgcls.config import loader
from imgcls.errors import ConfigError
from imgcls.records.config import Settings

BASE = """
[datasets.photos]
path = "photos"
[datasets.other]
path = "other"
[models.net]
arch = "timm:test_resnet"
[models.wide]
arch = "timm:test_vit"
"""


def load_text(folder: Path, text: str, name: str = "imgcls.toml") -> Settings:
    """The settings of a file in this folder."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return loader.load([file])


def assert_refused(folder: Path, text: str, message: str) -> None:
    """The configuration is refused, and the message is the file and then exactly this."""
    expected = f"{folder / 'imgcls.toml'}: {message}"
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        load_text(folder, text)
