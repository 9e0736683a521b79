"""The HTML page of what a command found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls import documents
from imgcls.cli import output
from imgcls.config import discovery
from imgcls.records.config import ModelSpec, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgcls.reporting.html.document import Document
    from imgcls.reporting.html.thumbnails import Images


def write(file: Path, run: Document, images: Images, models: Mapping[str, ModelSpec]) -> None:
    """Write the page of a run, and print why images are missing. Raises OSError.

    ``models``: of the configuration, of which one may have been trained in a folder that is still there.
    """
    from imgcls.reporting.html import page
    from imgcls.session import trainings

    documents.write_text(file, page.render(run, images, trainings.of(run.report, models)))
    for note in images.notes:
        output.error(note)


def in_reach(files: Sequence[Path]) -> Settings:
    """The configuration that is named or in reach; an empty one where there is none. Raises ConfigError."""
    if not (files or discovery.find(Path.cwd())):
        return Settings(Path(), {}, {}, {})
    from imgcls.session import selection

    return selection.settings(files)
