"""Writes the pages of the reference that are made from the code; the site is built with them.

python scripts/reference_pages.py [FOLDER]
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import reference_api
import reference_commands
import reference_document
import reference_environment
import reference_keys
import reference_pytest
from reference_text import LINK

ROOT = Path(__file__).parents[1]


def changelog() -> str:
    """CHANGELOG.md, with its links from another folder."""
    return LINK.sub(lambda link: f"../../{link[1]}", (ROOT / "CHANGELOG.md").read_text())


PAGES: Mapping[str, Callable[[], str]] = {
    "commands": reference_commands.text,
    "pytest": reference_pytest.text,
    "configuration": reference_keys.text,
    "environment": reference_environment.text,
    "result-document": reference_document.text,
    "api": reference_api.text,
    "changelog": changelog,
}


def write(folder: Path) -> None:
    """Write every page that changed. Raises MissingText for whatever users can write and no text explains."""
    folder.mkdir(exist_ok=True)
    for name, text in PAGES.items():
        file, content = folder / f"{name}.md", text()
        if not file.exists() or file.read_text() != content:
            file.write_text(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "reference")
