"""The plugin's goldens: what one session compared, wrote, and left unread.

What was found travels in the tests' reports, so that with xdist the controller has it as well.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import msgspec
import pytest

from imgcls import digest, golden_files
from imgcls.errors import ConfigError, ImgclsError
from imgcls.records import DatasetOutcome, DatasetSpec, Settings, Verdict

if TYPE_CHECKING:
    from imgcls.models import Model, Shelf
    from imgcls.pinned import Golden, Seen
    from imgcls.store import Store

PROPERTY = "imgcls_golden"
"""The name under which what was compared travels in a test's report (and into JUnit XML)."""

UPDATE, UNUSED = "--imgcls-update-golden", "--imgcls-unused-golden"
TRUST = "--imgcls-trust-mtime"
NAMED = 3
LONGEST = 150


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of one golden: a verdict, or, where goldens are updated, the ``change`` in words."""

    model: str
    dataset: str
    file: str
    verdict: Verdict | None = None
    change: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A model on a data set as a run scored it, and where its answers and its network are."""

    run: str
    store: Store
    shelf: Shelf
    dataset: DatasetSpec
    outcome: DatasetOutcome
    name: str

    def model(self) -> Model:
        """The loaded network. Raises ImgclsError."""
        return self.shelf.get(self.name)


class Pinning:
    """One pytest session's goldens. ``configured``: every pair that has one, also those that were not selected."""

    def __init__(self, settings: Settings, configured: Settings, pytest_config: pytest.Config) -> None:
        """Raises ConfigError where goldens are to be written and nobody would read the difference."""
        self.settings, self.config = settings, pytest_config
        self.configured = pinned_pairs(configured)
        self.compared: list[Compared] = []
        self.collected: set[Path] = set()
        if self.updates and os.environ.get("CI"):
            raise ConfigError(
                f"{UPDATE} is refused where CI is set: goldens are written where somebody reads what changed"
            )
        if self.updates and pytest_config.getoption(TRUST):
            raise ConfigError(f"{UPDATE} and {TRUST} do not go together: a golden pins bytes, so they are hashed")

    @property
    def updates(self) -> bool:
        """Whether goldens are written instead of compared."""
        return bool(self.config.getoption(UPDATE))

    def file(self, item: pytest.Item, model: str, dataset: str) -> Path:
        """The golden of a test; parameters of its own, beside model and data set, have one each."""
        callspec: Any = getattr(item, "callspec", None)
        own = callspec is not None and len(callspec.params) > len({"model", "dataset"})
        name = f"{model}[{_as_name(callspec.id)}]" if own else model
        return golden_files.place(self.config.rootpath, dataset, name)

    def check(self, item: pytest.Item, pair: Pair) -> None:
        """Fail the test unless the pair's answers are those of its golden; where goldens are updated, write it."""
        file = self.file(item, pair.name, pair.dataset.name)
        try:
            verdict, change = self._judged(item, file, pair)
        except ImgclsError as error:
            verdict, change = Verdict("golden", "error", str(error)), None
        self._noted(item, Compared(pair.name, pair.dataset.name, self._shown(file), verdict, change))

    def failed(self, item: pytest.Item, model: str, dataset: str, why: str) -> NoReturn:
        """Fail the test of a pair that could not be scored."""
        verdict = Verdict("golden", "error", f"{model} on {dataset}: {why}")
        self._noted(item, Compared(model, dataset, self._shown(self.file(item, model, dataset)), verdict))
        pytest.fail(verdict.message, pytrace=False)

    def _noted(self, item: pytest.Item, compared: Compared) -> None:
        item.user_properties.append((PROPERTY, msgspec.json.encode(compared).decode()))
        if compared.verdict and compared.verdict.status != "pass":
            pytest.fail(compared.verdict.message, pytrace=False)

    def _judged(self, item: pytest.Item, file: Path, pair: Pair) -> tuple[Verdict | None, str | None]:
        """The verdict, or the change that was written. Raises ImgclsError."""
        from imgcls import golden

        seen = golden.seen(pair.store, pair.run, pair.outcome, self.settings.models[pair.name])
        command = self._command(item)
        if self.updates:
            return None, self._updated(pair, seen, file, command)
        return self._held(golden_files.read(file, command), pair, seen, file, command), None

    def _held(self, pinned: Golden, pair: Pair, seen: Seen, file: Path, command: str) -> Verdict:
        """What the comparison with a golden comes to. Raises ImgclsError."""
        from imgcls import golden

        verdict = golden.compare(pinned, seen, pair.model, pair.dataset, self._shown(file))
        if verdict.status == "pass":
            return verdict
        return replace(verdict, message=f"{verdict.message}\n  where this is wanted: {command}")

    def _updated(self, pair: Pair, seen: Seen, file: Path, command: str) -> str:
        """Write the golden of what was seen, and say what it changes. Raises ImgclsError."""
        from imgcls import golden

        now = golden.made(seen, pair.model(), pair.dataset)
        if not file.exists():
            golden_files.write(file, now)
            return f"new golden {self._shown(file)}, {len(now.images)} pictures"
        before = golden_files.read(file, command)
        verdict = golden.compare(before, seen, pair.model, pair.dataset, self._shown(file))
        changed = golden.other_circumstances(before, now)
        if verdict.status == "pass" and not changed:
            return f"golden as it was: {verdict.message}"
        golden_files.write(file, now)
        return "\n  ".join([f"golden written anew: {verdict.message}", *changed])

    def _command(self, item: pytest.Item) -> str:
        """What writes the golden of a test, from the folder that this session was started in."""
        files = [f"--imgcls-config {shlex.quote(file)}" for file in self.config.getoption("--imgcls-config")]
        place = os.path.relpath(item.path, self.config.invocation_params.dir)
        return " ".join(["pytest", shlex.quote("::".join([place, *item.nodeid.split("::")[1:]])), *files, UPDATE])

    def _shown(self, file: Path) -> str:
        return file.relative_to(self.config.rootpath).as_posix()

    # pytest's hooks, and what the session comes to.

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """User properties stand in each of a test's three reports, and are whole in the last."""
        if report.when == "teardown":
            self.compared += [
                msgspec.json.decode(str(value), type=Compared)
                for name, value in report.user_properties
                if name == PROPERTY
            ]

    def collect(self, items: Iterable[tuple[pytest.Item, str, str]]) -> None:
        """Take note of the goldens that tests of (model, data set) would read, also of those that are deselected."""
        self.collected |= {self.file(item, model, dataset) for item, model, dataset in items}

    def verdicts(self) -> dict[tuple[str, str], list[Verdict]]:
        """What was said of each model and data set."""
        said: dict[tuple[str, str], list[Verdict]] = {}
        for one in self.compared:
            if one.verdict:
                said.setdefault((one.model, one.dataset), []).append(one.verdict)
        return said

    def missing(self) -> list[str]:
        """The selected pairs that a golden pins and no test compared, in words."""
        reached = {(one.model, one.dataset) for one in self.compared}
        return [
            f"golden of {model} on {data}"
            for model, data in pinned_pairs(self.settings)
            if (model, data) not in reached
        ]

    def complaints(self) -> Iterator[str]:
        """The files that no test read, where that is a failure."""
        if self.config.getoption(UNUSED) == "fail":
            yield from (f"FAILED {line}" for line in self._unused())

    def lines(self) -> Iterator[str]:
        """The summary: what was written, how much was compared, what is left unread."""
        yield from (one.change for one in self.compared if one.change)
        total = len(pinned_pairs(self.settings))
        if total and not self.updates:
            yield f"goldens: {total - len(self.missing())} of {total} compared"
        if self.compared and self.config.getoption(UNUSED) == "warn":
            yield from self._unused()

    def _unused(self) -> Iterator[str]:
        """Goldens that no test of this run read; those of pairs that were merely not selected are left alone."""
        root = self.config.rootpath
        read = {one.file for one in self.compared}
        read |= {self._shown(golden_files.place(root, dataset, model)) for model, dataset in self.configured}
        read |= {self._shown(file) for file in self.collected}
        if unread := [name for file in golden_files.all_in(root) if (name := self._shown(file)) not in read]:
            more = f" and {len(unread) - NAMED} more" if len(unread) > NAMED else ""
            yield f"goldens that no test read: {', '.join(unread[:NAMED])}{more}"


def _as_name(identity: str) -> str:
    """A test's parameters as a part of a file's name, which most systems limit to 255 bytes."""
    name = quote(identity, safe="-_.=, ")
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}-{digest.of_json(identity)[:12]}"


def pinned_pairs(settings: Settings) -> list[tuple[str, str]]:
    """Every (model, data set) whose answers a golden pins."""
    return [(model, dataset) for model, dataset in settings.pairs() if settings.datasets[dataset].golden]
