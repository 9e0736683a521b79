"""Everything that ``imgcls init`` writes and states, before any of it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from imgcls import messages
from imgcls.config import discovery
from imgcls.data import listing as listings
from imgcls.errors import ConfigError
from imgcls.records.data import Place
from imgcls.records.inspection import Inspection
from imgcls.scaffold import (
    configuration,
    data_folder,
    files,
    findings,
    images,
    mapping,
    models,
    pytest_settings,
    workflow,
)
from imgcls.scaffold.images import TestImages
from imgcls.scaffold.mapping import FolderLabels
from imgcls.scaffold.models import ProposedModel
from imgcls.scaffold.workflow import Service

TESTS: Final = "test_models.py"

SUITE = "from imgcls.suite import *\n"

COST_TESTS = "from imgcls.suite import test_latency, test_memory\n"
"""What the ready-made suite has in addition, which takes time of its own."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody typed; ``working``: the folder of the new files. ``say`` states what is being done."""

    working: Path
    data: Path | None = None
    models: Sequence[str] | None = None
    service: Service | None = None
    say: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Project:
    """What there is, and what is to be written: ``files`` by their names in the working folder.

    ``chosen``: why this folder of images, where nobody named one. ``to_add``: what files here lack, and which.
    """

    images: TestImages
    models: tuple[ProposedModel, ...]
    labels: tuple[FolderLabels, ...]
    files: Mapping[str, str]
    inspection: Inspection | None = None
    chosen: str | None = None
    to_add: tuple[str, ...] = ()
    service: Service | None = None

    @property
    def problems(self) -> list[str]:
        """What has to be mended by hand before everything here can be tested."""
        of_models = [f"{model.name}: {model.problem}" for model in self.models if model.problem]
        return [*of_models, *(phrase for way in self.labels for phrase in way.unmapped)]


@dataclass(frozen=True, slots=True)
class AddedWorkflow:
    """A workflow for the project of ``configuration``, as :class:`Project` has its files and what others lack."""

    configuration: str
    files: Mapping[str, str]
    to_add: tuple[str, ...]


def configured(folder: Path) -> Path | None:
    """The configuration that lies in the folder itself. Raises ConfigError where there are two."""
    found = discovery.find(folder)
    return found if found and found.parent == folder else None


def added_workflow(request: Request, existing: Path, *, may_exist: bool) -> AddedWorkflow:
    """The workflow for a project that has its configuration, ``existing``, and tests.

    ``may_exist`` as in :func:`proposed`. Raises ConfigError where the workflow is there.
    """
    texts = _of_workflow(request, heif=False)
    if not may_exist:
        files.require_writable(request.working)
        files.require_new(request.working, texts)
    to_add = [*_to_add(request), *_cost_tests(request.working)]
    return AddedWorkflow(existing.name, texts, tuple(to_add))


def _cost_tests(folder: Path) -> Iterator[str]:
    """What the tests that init writes without a workflow lack."""
    file = folder / TESTS
    if not file.is_file() or "test_latency" not in file.read_text(encoding="utf-8", errors="replace"):
        yield f"add to {TESTS}, so that the workflow measures time and memory, too:\n{COST_TESTS.rstrip()}"


def proposed(request: Request, *, may_exist: bool) -> Project:
    """The project for what somebody typed. ``may_exist``: whether files of these names may be there already.

    Raises ConfigError where there are no images in class folders, no such architecture, or such files.
    """
    if not may_exist:
        files.require_writable(request.working)
    data = data_folder.chosen(request.working) if request.data is None else None
    of_words = models.proposed(request.models, request.working)
    is_known = mapping.known_names(of_words)
    test_images = images.find(data.path if data else request.data or Path(), is_known, _hash(request))
    candidates = mapping.with_folders_as_classes(of_words, test_images.folders, test_images.listing.empty_classes)
    labels = mapping.matched(candidates, _to_map(test_images, is_known))
    texts = _texts(request, test_images, candidates, labels)
    if not may_exist:
        _require_new(request.working, texts)
    return Project(
        test_images, tuple(candidates), tuple(labels), texts, findings.inspected(test_images, request.say),
        data.note if data else None, tuple(_to_add(request)), request.service,
    )  # fmt: skip


def _to_map(test_images: TestImages, is_known: Callable[[str], bool]) -> list[str]:
    """The folders that need a class: not those without an image that no model knows, such as ``src``."""
    empty = test_images.listing.empty_classes
    return [folder for folder in test_images.folders if folder not in empty or is_known(folder)]


def _hash(request: Request) -> Callable[[Place], str]:
    """Hash a file, and state how many there were."""
    hashed = 0

    def sha256(place: Place) -> str:
        nonlocal hashed
        hashed += 1
        request.say(f"{messages.counted(hashed, 'file')} hashed")
        return listings.sha256(place)

    return sha256


def _require_new(folder: Path, texts: Mapping[str, str]) -> None:
    """Raise ConfigError where the folder has a configuration, in whatever file, or another file of these."""
    files.require_new(folder, texts)
    if configured(folder) == folder / "pyproject.toml":
        raise ConfigError(
            f"{folder / 'pyproject.toml'} has [tool.imgcls] already, and nothing was written: add to it what "
            "imgcls init --dry-run prints"
        )


def _texts(
    request: Request, test_images: TestImages, candidates: Sequence[ProposedModel], labels: Sequence[FolderLabels]
) -> dict[str, str]:
    """The new files by their names."""
    texts = {
        discovery.FILE: configuration.text(test_images, candidates, labels),
        TESTS: SUITE + (COST_TESTS if request.service else ""),
    }
    if test_images.manifest is not None:
        texts[test_images.path.name] = test_images.manifest
    texts |= {str(way.file): way.text for way in labels if way.text is not None}
    if pytest_settings.in_reach(request.working) is None:
        texts[pytest_settings.FILE] = pytest_settings.TEXT
    return texts | _of_workflow(request, heif=findings.has_heif(test_images))


def _of_workflow(request: Request, *, heif: bool) -> dict[str, str]:
    """The files of ``--ci``. ``heif``: as for :func:`workflow.requirements`."""
    if request.service is None:
        return {}
    texts = {workflow.PATHS[request.service]: workflow.text(request.service)}
    if not (request.working / workflow.REQUIREMENTS).exists():
        texts[workflow.REQUIREMENTS] = workflow.requirements(heif=heif)
    return texts


def _to_add(request: Request) -> Iterator[str]:
    """What files that are there already lack, with the lines to add."""
    settings = pytest_settings.in_reach(request.working)
    if settings and (lines := pytest_settings.to_add(settings)):
        yield f"add to {settings.path.name}, so that a run without imgcls fails:\n{lines}"
    if not request.service:
        return
    if workflow.lacks_plugin(request.working):
        yield f"add to {workflow.REQUIREMENTS}, which the workflow installs:\nimgcls"
    if root := workflow.repository(request.working):
        path, below = workflow.PATHS[request.service], request.working.relative_to(root)
        yield f"move {path} to {root}, the only place where it is read, and let its commands run in {below}"
