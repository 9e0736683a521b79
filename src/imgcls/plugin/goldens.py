"""The plugin's golden records: what one session compares, writes, and leaves unread."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from imgcls import hashing
from imgcls.errors import ConfigError, ImgclsError
from imgcls.plugin import properties
from imgcls.plugin.items import once
from imgcls.session import options as run_options

if TYPE_CHECKING:
    from imgcls.golden.check import Pair
    from imgcls.records.config import DatasetSpec
    from imgcls.session.results import Results
    from imgcls.session.session import Session

UNREAD_SHOWN = 3
NAME_CHARACTERS = 150
"""Most systems limit a file's name to 255 bytes."""


class GoldenSession:
    """The golden records of one configuration in a pytest session; they lie below the folder ``home``."""

    def __init__(self, session: Session, config: pytest.Config, home: Path) -> None:
        """Raises ConfigError where records are to be written and nobody would read the difference."""
        self.session, self.config, self.home, self.options = session, config, home, session.options
        self.collected: set[tuple[str, str]] = set()
        if self.options.update_golden and os.environ.get("CI"):
            raise ConfigError(
                "--imgcls-update-golden is refused where CI is set: "
                "golden records are written where somebody reads what changed"
            )

    def file(self, item: pytest.Item, model: str, dataset: str) -> Path:
        """The record of a test."""
        from imgcls.golden import files

        return files.place(self.home, dataset, _record_of(item, model))

    def check(self, item: pytest.Item, model: str, dataset: DatasetSpec) -> None:
        """Fail the test unless the predictions are those of its record; where records are updated, write it."""
        from imgcls.golden import check
        from imgcls.records.evaluation import Verdict
        from imgcls.reporting.ci import junit
        from imgcls.session.events import GoldenChecked

        file = self.file(item, model, dataset.name)
        verdict, change = None, None
        try:
            pair = self._pair(model, dataset)
            if self.options.update_golden:
                change = check.update(pair, file, self._shown(file), self._command(item))
            else:
                verdict = check.compare(pair, file, self._shown(file), self._command(item))
        except ImgclsError as error:
            verdict = Verdict("golden", None, "golden", "error", str(error))
        event = GoldenChecked(model, dataset.name, self._shown(file), verdict, change)
        of_verdict = junit.of_verdicts([verdict] if verdict else [])
        properties.report(item, event, {"model": model, "dataset": dataset.name, **of_verdict})
        if verdict and verdict.status != "pass":
            failure = self.session.outcome(model, dataset.name).failure
            reason = failure.message if failure and failure.message in verdict.message else verdict.message
            pytest.fail(verdict.message.replace(reason, once(item, reason, reason)), pytrace=False)

    def _pair(self, model: str, dataset: DatasetSpec) -> Pair:
        try:
            return self.session.exact_pair(model, dataset)
        except ImgclsError as error:
            raise ImgclsError(*f"{model} on {dataset.name}: not scored: {error}".split("\n")) from error

    def _command(self, item: pytest.Item) -> str:
        """What writes the record of a test, from the folder that this session was started in."""
        given = [f"--imgcls-config {shlex.quote(file)}" for file in self._named()]
        place = os.path.relpath(item.path, self.config.invocation_params.dir)
        node = shlex.quote("::".join([place, *item.nodeid.split("::")[1:]]))
        return " ".join(["pytest", node, *given, "--imgcls-update-golden"])

    def _named(self) -> list[str]:
        """The configurations of the command line; those that ``addopts`` names stand first, and are named again."""
        named: list[str] = self.config.getoption("--imgcls-config")
        return named[run_options.named_in_addopts(self.config) :]

    def _shown(self, file: Path) -> str:
        return file.relative_to(self.home).as_posix()

    # What the session comes to.

    def collect(self, item: pytest.Item, model: str, dataset: str) -> None:
        """Note the record that a test would read, also if it will be deselected."""
        self.collected.add((dataset, _record_of(item, model)))

    def errors(self, results: Results) -> Iterator[str]:
        """The records that no test read, where that is a failure."""
        if self.options.unused_golden == "fail":
            yield from (f"FAILED {line}" for line in self._unread(results))

    def lines(self, results: Results) -> Iterator[str]:
        """The summary: what was written, how much was compared, what is left unread."""
        yield from (golden.change for golden in results.goldens if golden.change)
        line = results.goldens_line()
        if line and not self.options.update_golden:
            yield line
        if results.goldens and self.options.unused_golden == "warn":
            yield from self._unread(results)

    def _unread(self, results: Results) -> Iterator[str]:
        """Records that no test of this run read; those of pairs that were merely not selected are left out."""
        from imgcls.golden import files

        root = self.home
        read = {golden.file for golden in results.goldens}
        configured = {(dataset, model) for model, dataset in self.session.configured.golden_pairs()}
        read |= {self._shown(files.place(root, *record)) for record in configured | self.collected}
        if unread := [name for file in files.all_in(root) if (name := self._shown(file)) not in read]:
            more = f" and {len(unread) - UNREAD_SHOWN} more" if len(unread) > UNREAD_SHOWN else ""
            yield f"golden records that no test read: {', '.join(unread[:UNREAD_SHOWN])}{more}"


def _record_of(item: pytest.Item, model: str) -> str:
    """The name of a test's record; parameters of its own, in addition to model and dataset, have one each."""
    callspec: Any = getattr(item, "callspec", None)
    has_own = callspec is not None and len(callspec.params) > len({"model", "dataset"})
    return f"{model}[{_as_name(callspec.id)}]" if has_own else model


def _as_name(identity: str) -> str:
    """A test's parameters as a part of a file's name."""
    name = quote(identity, safe="-_.=, ")
    return name if len(name) <= NAME_CHARACTERS else f"{name[:NAME_CHARACTERS]}-{hashing.of_json(identity)[:12]}"
