"""The options of a run: one frozen record for every door."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from imgcls.errors import ConfigError
from imgcls.reporting import columns
from imgcls.session import required
from imgcls.session.option_table import OPTIONS
from imgcls.store.schema import HOME

if TYPE_CHECKING:
    from imgcls.records.shards import Shard
    from imgcls.session.required import Required

PYTEST_PREFIX, COMMAND_PREFIX = "--imgcls-", "--"


class _PytestConfig(Protocol):
    """As much of pytest's configuration as a run needs."""

    @property
    def rootpath(self) -> Path: ...
    @property
    def inipath(self) -> Path | None: ...
    @property
    def invocation_params(self) -> Any: ...

    def getoption(self, name: str, default: Any = None) -> Any: ...
    def getini(self, name: str) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of a run; relative paths are resolved against ``working``, the folder that it was started in.

    ``store``: the folder of the store, ``None`` where it is off. ``engine``: what runs the networks, ``None`` for this
    process. ``require_gates``: the kinds of gates that fail a pytest run where they are not evaluated, ``None`` for
    what is selected. ``prefix``: how options are written at the door that was used, for messages. ``verbosity``: below
    0 only what does not pass is printed, above 0 everything.
    """

    working: Path
    store: Path | None
    config: tuple[Path, ...] = ()
    models: tuple[str, ...] | None = None
    datasets: tuple[str, ...] | None = None
    device: str | None = None
    offline: bool = False
    shard: Shard | None = None
    engine: str | None = None
    plan: Path | None = None
    trust_mtime: bool = False
    json: Path | None = None
    json_summary: bool = False
    csv: Path | None = None
    markdown: Path | None = None
    report: Path | None = None
    comment: Path | None = None
    code_quality: Path | None = None
    save: Path | None = None
    baseline: str | None = None
    compare_fail: tuple[str, ...] = ()
    compare_common: bool = False
    inconclusive: Literal["fail", "warn"] = "fail"
    require_gates: Required = None
    profile: tuple[str, ...] = ()
    update_golden: bool = False
    unused_golden: Literal["warn", "fail"] = "warn"
    memray_dir: Path | None = None
    columns: tuple[str, ...] = ()
    verbosity: int = 0
    prefix: str = COMMAND_PREFIX

    def __post_init__(self) -> None:
        if self.columns:
            columns.check(self.columns, f"{self.prefix}columns")
        self._check_standard_output()
        if self.store is None and self.trust_mtime:
            raise ConfigError(
                f"{self.prefix}trust-mtime and {self.prefix}store off do not go together: "
                "the hashes of files are in the store"
            )
        if self.update_golden and self.trust_mtime:
            raise ConfigError(
                f"{self.prefix}update-golden and {self.prefix}trust-mtime do not go together: "
                "a golden record holds the hashes of bytes, so they are computed"
            )

    def _check_standard_output(self) -> None:
        """Raise ConfigError where a document would go into the lines of pytest, or would be lost as a baseline."""
        documents_named = {"json": self.json, "csv": self.csv, "markdown": self.markdown} if self.is_pytest else {}
        of_ci = {"comment": self.comment, "code-quality": self.code_quality}
        named = {**documents_named, **of_ci, "report": self.report, "save": self.save}
        for name, file in ((name, file) for name, file in named.items() if file):
            from imgcls import documents  # it imports msgspec, and every run of pytest imports this module

            if documents.is_standard_output(file):
                raise ConfigError(f"{self.prefix}{name} -: other lines are on standard output, so name a file")

    @classmethod
    def from_pytest(cls, config: _PytestConfig, *, home: Path | None = None, working: Path | None = None) -> RunOptions:
        """The options of a pytest run, by default with the store in the rootdir. Raises ConfigError.

        A configuration that ``addopts`` names is relative to the file that has ``addopts``.
        """
        given = {name: config.getoption(f"{PYTEST_PREFIX}{name}") for name in OPTIONS}
        return cls._resolved(
            {**given, "config": _configurations(config, given["config"]), "verbosity": config.getoption("verbose", 0)},
            working=working or config.invocation_params.dir,
            home=home or config.rootpath,
            prefix=PYTEST_PREFIX,
        )

    @classmethod
    def from_namespace(cls, options: argparse.Namespace) -> RunOptions:
        """The options of a command, which has some of :data:`OPTIONS`. Raises ConfigError."""
        given = {name: getattr(options, name.replace("-", "_"), None) for name in (*OPTIONS, "verbosity")}
        return cls._resolved(given, working=Path(), home=Path(), prefix=COMMAND_PREFIX)

    @classmethod
    def _resolved(cls, given: Mapping[str, Any], *, working: Path, home: Path, prefix: str) -> RunOptions:
        """``home``: the folder in which the store lies where no option names another."""

        def path(name: str) -> Path | None:
            return working / given[name] if given[name] else None

        shard, store = None, home / HOME
        if given["shard"]:
            from imgcls.session import sharding  # it imports records, and every run of pytest imports this module

            shard = sharding.shard(f"{prefix}shard", given["shard"])
            store /= shard.folder
        return cls(
            working=working,
            store=None if given["store"] == "off" else path("store") or store,
            config=tuple(working / file for file in given["config"] or ()),
            models=_names(given["models"]),
            datasets=_names(given["datasets"]),
            device=given["device"],
            offline=bool(given["offline"]),
            shard=shard,
            engine=given["engine"],
            plan=path("plan"),
            trust_mtime=bool(given["trust-mtime"]),
            json=path("json"),
            json_summary=bool(given["json-summary"]),
            csv=path("csv"),
            markdown=path("markdown"),
            report=path("report"),
            comment=path("comment"),
            code_quality=path("code-quality"),
            save=path("save"),
            baseline=given["baseline"],
            compare_fail=tuple(given["compare-fail"] or ()),
            compare_common=bool(given["compare-common"]),
            inconclusive=given["inconclusive"] or "fail",
            require_gates=required.kinds(f"{prefix}require-gates", given["require-gates"]),
            profile=tuple(given["profile"] or ()),
            update_golden=bool(given["update-golden"]),
            unused_golden=given["unused-golden"] or "warn",
            memray_dir=path("memray-dir"),
            columns=_names(given["columns"]) or (),
            verbosity=given["verbosity"] or 0,
            prefix=prefix,
        )

    @property
    def is_pytest(self) -> bool:
        """Whether pytest was the door."""
        return self.prefix == PYTEST_PREFIX

    @property
    def scoring_device(self) -> str:
        """The device that models are scored on."""
        return self.device or "cpu"


def named_in_addopts(config: _PytestConfig) -> int:
    """The number of configurations that ``addopts`` names, which pytest puts before all others."""
    option = f"{PYTEST_PREFIX}config"
    return sum(word == option or word.startswith(f"{option}=") for word in config.getini("addopts"))


def _configurations(config: _PytestConfig, files: Sequence[str]) -> list[Path]:
    """The configurations that options name, those of ``addopts`` from the folder of their file."""
    first = named_in_addopts(config)
    folder = config.inipath.parent if config.inipath else config.rootpath
    return [(folder if number < first else config.invocation_params.dir) / file for number, file in enumerate(files)]


def add_to_pytest(group: Any) -> None:
    """Declare every option to pytest."""
    for name, keywords in OPTIONS.items():
        group.addoption(f"{PYTEST_PREFIX}{name}", **keywords)


def add_to_command(parser: argparse.ArgumentParser, *names: str) -> None:
    """Declare these options to a command."""
    for name in names:
        parser.add_argument(f"{COMMAND_PREFIX}{name}", **OPTIONS[name])


def add_images(parser: argparse.ArgumentParser) -> None:
    """Declare to a command the images that no configuration has."""
    parser.add_argument(
        "--data", metavar="DIR|FILE",
        help="score on this folder, manifest, archive or URL, not on configured datasets; without gates",
    )  # fmt: skip
    parser.add_argument(
        "--labels", default="auto", metavar="HOW|FILE.csv",
        help="how the folders of --data are named: auto (default), wnid, name, index, or a map file",
    )  # fmt: skip


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Declare -q and -v to a command, which mean what they mean to pytest."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-q", "--quiet", dest="verbosity", action="store_const", const=-1, help="only what did not pass")
    group.add_argument(
        "-v", "--verbose", dest="verbosity", action="store_const", const=1, help="everything that is known"
    )


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Declare only -q to a command that has nothing more to print than it does."""
    parser.add_argument("-q", "--quiet", dest="verbosity", action="store_const", const=-1, help="do not show progress")


def _names(text: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in str(text).split(","))
