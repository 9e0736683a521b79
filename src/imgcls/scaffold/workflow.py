"""The workflow of a CI service, from the shipped examples, and what it installs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

from imgcls.scaffold import examples

Service = Literal["github", "gitlab"]

SERVICES: Final[tuple[Service, ...]] = get_args(Service)

PATHS: Final[Mapping[Service, str]] = {"github": ".github/workflows/models.yml", "gitlab": ".gitlab-ci.yml"}
"""Where a service reads its workflow, from the root of a repository."""

REQUIREMENTS: Final = "requirements.txt"


def text(service: Service) -> str:
    """The workflow, without the comment on where to copy it."""
    shipped = (examples.folder() / "ci" / f"{service}.yml").read_text(encoding="utf-8")
    return shipped.replace(f"Copy to {PATHS[service]}. ", "", 1)


def requirements(*, heif: bool) -> str:
    """What the workflow installs. ``heif``: whether there are images that need the extra of this name."""
    return "imgcls[heif]\n" if heif else "imgcls\n"


def lacks_plugin(folder: Path) -> bool:
    """Whether there is a ``requirements.txt`` in the folder that does not name the plugin."""
    file = folder / REQUIREMENTS
    return file.is_file() and "imgcls" not in file.read_text(encoding="utf-8", errors="replace")


def repository(folder: Path) -> Path | None:
    """The root of the repository where the folder is not the root itself, so that no service reads a workflow in it."""
    roots = [place for place in (folder, *folder.parents) if (place / ".git").exists()]
    return roots[0] if roots and roots[0] != folder else None
