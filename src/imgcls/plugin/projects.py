"""The configurations of one pytest session: the nearest one holds for a test file, each with a run of its own."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imgcls import hashing
from imgcls.config import discovery
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError, StoreError
from imgcls.plugin import benchmark_guard, run_id, terminal
from imgcls.plugin.items import DatasetHandle, ExportHandle, ModelHandle, ServingHandle
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session

if TYPE_CHECKING:
    from imgcls.plugin.costs import CostSession
    from imgcls.plugin.goldens import GoldenSession
    from imgcls.session.deployment import Deployment
    from imgcls.session.session import ShowProgress

PACKAGE = Path(__file__).parents[1]

WRITTEN = ("json", "csv", "markdown", "report", "comment", "code-quality", "save")
"""The options that name files of one configuration."""


class Project:
    """One configuration: its models and datasets, and, once it is opened, the run of its tests.

    ``home``: the folder of its store and its golden records. ``used``: whether a test of it was collected.
    ``pending``: the tests of each model that are still to be run.
    """

    def __init__(self, config: pytest.Config, files: Sequence[Path], home: Path) -> None:
        """Raises ConfigError."""
        self.config, self.files, self.home = config, tuple(files), home
        self.configured = configuration.load(files)
        self.models = {name: ModelHandle(name, spec, self) for name, spec in self.configured.models.items()}
        self.datasets = {name: DatasetHandle(name, spec) for name, spec in self.configured.datasets.items()}
        of_models = self.configured.models.items()
        exports = [ExportHandle(name, export) for name, spec in of_models for export in spec.exports.values()]
        self.exports = {handle.name: handle for handle in exports}
        self.servings = {name: ServingHandle(name) for name, spec in of_models if spec.serving}
        self.used = False
        self.pending: defaultdict[str, set[str]] = defaultdict(set)
        self._session: Session | None = None

    @property
    def name(self) -> str:
        """The file of the configuration, from pytest's rootdir where it lies below."""
        file, root = self.files[0], self.config.rootpath
        return (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()

    @property
    def is_open(self) -> bool:
        return self._session is not None

    @property
    def is_planned(self) -> bool:
        """Whether a worker of this run intended to score something."""
        store = self.session.options.store
        try:
            return bool(store and store.exists() and self.session.store.planned(self.session.run_id))
        except StoreError:
            return False

    @property
    def session(self) -> Session:
        if self._session is None:
            raise ConfigError(f"{self.name}: no test of this configuration was selected")
        return self._session

    def open(self, options: RunOptions, show_progress: ShowProgress, *, reads_baseline: bool) -> None:
        """Begin its run. Raises ConfigError for what is known to be wrong before anything is scored."""
        identity = f"{run_id(self.config)}-{hashing.of_json(str(self.files[0]))[:8]}"
        waiting = partial(terminal.status, self.config, at_once=True)
        self._session = Session(options, self.configured, identity, show_progress, waiting)
        try:
            configuration.select(self.session.settings, options.profile or None, None)
            self.goldens  # noqa: B018 - what is requested of it may be impossible
            benchmark_guard.of(self.config)
            if reads_baseline:
                self.session.baseline  # noqa: B018 - it may not be readable
        except ConfigError:
            self._session = None
            raise

    def selected(self, kind: str) -> list[ModelHandle] | list[DatasetHandle]:
        """The handles of its ``models`` or ``datasets``: of those that the options name, or of all."""
        requested = getattr(RunOptions.from_pytest(self.config), kind)
        handles: Any = getattr(self, kind)
        return [handle for name, handle in handles.items() if requested is None or name in requested] or [
            *handles.values()  # they are left out, and seen to be
        ]

    @property
    def has_selected(self) -> bool:
        """Whether it has every model and dataset that options name; another configuration may have them."""
        options = RunOptions.from_pytest(self.config)
        return {*(options.models or ()), *options.profile} <= {*self.models} and {*(options.datasets or ())} <= {
            *self.datasets
        }

    def need(self, model: str, dataset: str) -> None:
        """Score the model in the dataset's one pass."""
        models = self.session.needed.setdefault(dataset, [])
        models += [model] if model not in models else []

    @cached_property
    def results(self) -> Results:
        return Results(self.session)

    @cached_property
    def goldens(self) -> GoldenSession:
        """Raises ConfigError where records are to be written and nobody would read the difference."""
        from imgcls.plugin.goldens import GoldenSession

        return GoldenSession(self.session, self.config, self.home)

    @cached_property
    def deployment(self) -> Deployment:
        from imgcls.session.deployment import Deployment

        return Deployment(self.session)

    @cached_property
    def costs(self) -> CostSession:
        from imgcls.plugin.costs import CostSession

        return CostSession(self.session, self.config)


class Projects:
    """The configurations that were met so far."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.named = RunOptions.from_pytest(config).config
        self._projects: dict[tuple[Path, ...], Project | ConfigError] = {}
        self._nearest: dict[Path, Path | None] = {}

    def of(self, file: Path) -> Project | None:
        """The project of a test file: what the options name, or else the nearest configuration above it.

        The ready-made tests of our own package, and tests that are installed elsewhere, belong to the folder that
        pytest was started in. Raises ConfigError.
        """
        if self.named:
            return self._loaded(self.named, self.config.rootpath)
        if not file.is_relative_to(PACKAGE):
            if found := self._find(file.parent):
                return self._loaded([found], found.parent)
            if any(file.is_relative_to(place) for place in (self.config.rootpath, *self._start)):
                return None
        return self.start()

    def start(self) -> Project | None:
        """The project of the folder that pytest was started in. Raises ConfigError."""
        if self.named:
            return self._loaded(self.named, self.config.rootpath)
        found = next((found for place in self._start if (found := self._find(place))), None)
        return self._loaded([found], found.parent) if found else None

    def all(self) -> list[Project]:
        """Those that could be read, in the order in which they were met."""
        return [project for project in self._projects.values() if isinstance(project, Project)]

    def opened(self) -> list[Project]:
        """Those whose run was begun."""
        return [project for project in self.all() if project.is_open]

    @property
    def _start(self) -> tuple[Path, Path]:
        return self.config.invocation_params.dir, self.config.rootpath

    def _find(self, folder: Path) -> Path | None:
        if folder not in self._nearest:
            self._nearest[folder] = discovery.find(folder)
        return self._nearest[folder]

    def _loaded(self, files: Sequence[Path], home: Path) -> Project:
        key = tuple(files)
        if key not in self._projects:
            try:
                self._projects[key] = Project(self.config, key, home)
            except ConfigError as error:
                self._projects[key] = error
        project = self._projects[key]
        if isinstance(project, ConfigError):
            raise project
        return project


def options_of(project: Project, reported: Sequence[Project], known: Sequence[Project]) -> RunOptions:
    """The options of one of the projects that are reported; names may be those of any ``known`` one.

    Where several are reported, paths are relative to the folder of each. Raises ConfigError.
    """
    working = project.home if len(reported) > 1 else None
    options = RunOptions.from_pytest(project.config, home=project.home, working=working)
    if working:
        _require_own_files(options, reported)
    return replace(
        options,
        models=_known(options.models, project.models, [other.models for other in known]),
        datasets=_known(options.datasets, project.datasets, [other.datasets for other in known]),
        profile=_known(options.profile, project.models, [other.models for other in known]) or (),
    )


def _require_own_files(options: RunOptions, projects: Sequence[Project]) -> None:
    files = {name: getattr(options, name.replace("-", "_")) for name in WRITTEN}
    for name, file in files.items():
        if file and not Path(os.path.normpath(file)).is_relative_to(options.working):
            raise ConfigError(
                f"{options.prefix}{name} {file} is one file, and tests of {len(projects)} configurations run here "
                f"({', '.join(project.name for project in projects)}): name a relative path, which is then below the "
                "folder of each configuration, or run the tests of one of them"
            )


def _known(
    names: tuple[str, ...] | None, known: Iterable[str], elsewhere: Sequence[Iterable[str]]
) -> tuple[str, ...] | None:
    """The names that are configured here, and those that are configured nowhere, which are an error."""
    if names is None:
        return None
    everywhere = {name for names_of_one in elsewhere for name in names_of_one}
    return tuple(name for name in names if name in known or name not in everywhere)
