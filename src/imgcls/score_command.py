"""``imgcls score``: the plugin's run without pytest, its table, its verdicts and its exit code."""

import argparse
import gc
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls import config, discover, gates, progress
from imgcls.errors import ConfigError, ImgclsError
from imgcls.places import nearest
from imgcls.records import DatasetOutcome, ModelSpec, Prediction, Report, Settings, Verdict

if TYPE_CHECKING:  # torch takes a second to import
    from imgcls.baseline import Baseline
    from imgcls.models import Shelf
    from imgcls.store import Store

INTERRUPTED = 130


def settings(files: Sequence[Path]) -> Settings:
    """The configuration of these files, or the one in reach. Raises ConfigError."""
    found = files or [file for file in [discover.find(Path.cwd())] if file]
    if not found:
        raise ConfigError(
            f"there is no {discover.FILE} or [tool.imgcls] from {Path.cwd()} upwards: "
            "write one, or name one with --config FILE"
        )
    return config.load(found)


def asked_models(files: Sequence[Path], names: Sequence[str] | None) -> list[ModelSpec]:
    """The configured models of these names; a name that is not configured is an architecture. Raises ConfigError."""
    known = settings(files).models if files or discover.find(Path.cwd()) or names is None else {}
    return list(known.values()) if names is None else [_asked_model(name, known) for name in names]


def _asked_model(name: str, known: Mapping[str, ModelSpec]) -> ModelSpec:
    if name in known:
        return known[name]
    try:
        return _published(name)
    except ConfigError as error:
        if known:
            raise ConfigError(f"no model '{name}' in the configuration{nearest(name, known)}; {error}") from error
        raise


def _published(name: str) -> ModelSpec:
    """An architecture with its published weights: ``torchvision:NAME``, ``timm:NAME``, or a bare name of either."""
    from imgcls import resolve

    return ModelSpec(name, name if ":" in name else resolve.architecture(name))


def store_folder(options: argparse.Namespace) -> Path | None:
    """Where predictions are kept. Raises ConfigError where hashes are to be kept, and nothing is."""
    if options.store == "off" and options.trust_mtime:
        raise ConfigError("--trust-mtime and --store off do not go together: the hashes of files are in the store")
    return None if options.store == "off" else Path(options.store or ".imgcls")


def score(options: argparse.Namespace) -> int:
    """Score what is selected and hold it against its gates; the exit code."""
    asked = config.select(settings(options.config), options.models, options.datasets)
    asked = config.with_margins(asked, options.compare_fail)
    for file in (options.json, options.save):
        if file:
            config.check_writable(file)
    against = _baseline(options, asked)
    from imgcls.models import Shelf
    from imgcls.store import Store

    store = Store(store_folder(options))
    shelf, number = Shelf(asked.models, options.device, store.artefacts), uuid.uuid4().hex
    try:
        interrupted = walk(asked, shelf, store, number, trust_mtime=options.trust_mtime)
        return _Conclusion(options, asked, store, number, against, interrupted=interrupted).told()
    finally:
        store.forget(number)
        store.close()


def _baseline(options: argparse.Namespace, asked: Settings) -> "Baseline | None":
    if options.baseline is None:
        if options.compare_fail:
            raise ConfigError("--compare-fail needs something to compare with: --baseline FILE")
        return None
    from imgcls import baseline

    file = baseline.locate(options.baseline, Path.cwd(), store_folder(options))
    return baseline.Baseline(file, asked.margins, common=options.compare_common)


def walk(asked: Settings, shelf: "Shelf", store: "Store", number: str, *, trust_mtime: bool) -> bool:
    """Score data set by data set; whether that was interrupted. What was scored is in the store."""
    from imgcls import run, trusted

    gc.freeze()  # half a million objects of imported libraries are no garbage, and a look through them takes 0.2 s
    find = partial(trusted.listing, store) if trust_mtime else None
    with progress.shown(sys.stderr) as told:
        try:
            for dataset, names in asked.models_by_dataset().items():
                if names:
                    run.score(number, asked.datasets[dataset], names, shelf, store, told, find)
        except KeyboardInterrupt:
            return True
    return False


class _Conclusion:
    """What a run of ``imgcls score`` has to say when everything is scored."""

    def __init__(
        self,
        options: argparse.Namespace,
        asked: Settings,
        store: "Store",
        number: str,
        against: "Baseline | None",
        *,
        interrupted: bool,
    ) -> None:
        self.options, self.asked, self.store, self.number, self.against = options, asked, store, number, against
        self.interrupted = interrupted
        self.outcomes = [found for name in asked.datasets if (found := store.outcome(number, name))]
        self.verdicts = dict(self._judged())

    def _judged(self) -> Iterator[tuple[tuple[str, str], tuple[Verdict, ...]]]:
        """The verdicts on every pair that has thresholds or a baseline."""
        for data in self.outcomes:
            if self.interrupted and not data.complete:
                continue
            for outcome in data.pairs:
                pair = (outcome.scores.model, outcome.scores.dataset)
                gate = self.asked.gates.get(pair)
                verdicts = gates.evaluate(gate, outcome) if gate else ()
                if self.against and not outcome.failure:
                    verdicts += self.against.verdicts(self.store, self.number, data, pair[0])
                if verdicts:
                    yield pair, verdicts

    def told(self) -> int:
        """Print the tables and the verdicts, write the documents; the exit code."""
        from imgcls import tables

        document = self._report(complete=not self.interrupted)
        print(tables.text(document, shutil.get_terminal_size().columns), end="")
        for line in tables.verdicts(v for result in document.results for v in result.verdicts):
            print(line)
        code = self._concluded()
        try:
            self._write(document, green=code == 0)
        except ImgclsError as error:
            print(f"imgcls: {error}", file=sys.stderr)
            code = gravest({code, error.exit_code})
        if self.interrupted:
            print("imgcls: interrupted; what was predicted so far is kept", file=sys.stderr)
        return INTERRUPTED if self.interrupted else code

    def _report(self, *, complete: bool) -> Report:
        from imgcls import report

        contrasts = list(report.contrasts(self.store, self.number, self.outcomes))
        comparisons = self.against.comparisons(self.store, self.number, self.outcomes) if self.against else []
        return report.build(self.outcomes, self.verdicts, complete, contrasts, comparisons)

    def _concluded(self) -> int:
        """Say which gates were evaluated; the exit code, 2 before 3 before 1."""
        compares = bool(self.asked.margins) or self.against is not None
        total = gates.total(self.asked, compares=compares)
        missing = gates.unevaluated(self.asked, self.verdicts, compares=compares, baseline=self.against is not None)
        print(f"gates: {total - len(missing)} of {total} evaluated" if total else "no gates")
        elsewhere = (
            f"  not evaluated here: {kind} of {name}; pytest -m {kind} does"
            for kind, gated in (("latency", self.asked.latency), ("memory", self.asked.memory))
            for name in gated
            if name in self.asked.models
        )
        named = (f"  not evaluated: {gate}" for gate in missing)
        pinned = (
            f"  not compared here: golden of {data.name}; pytest -m golden does"
            for data in self.asked.datasets.values()
            if data.golden
        )
        for line in (*named, *elsewhere, *pinned):
            print(line)
        said = (verdict for verdicts in self.verdicts.values() for verdict in verdicts)
        shown = not missing and all(gates.holds(verdict, self.options.inconclusive) for verdict in said)
        return gravest({0 if shown else 1, *codes(self.outcomes)})

    def _write(self, document: Report, *, green: bool) -> None:
        from imgcls import baseline, report

        options = self.options
        if options.json:
            report.save(options.json, document, None if options.json_summary else self._predictions())
        if options.save:
            baseline.keep(options.save, document, self._predictions())
        if green and self.store.folder:
            baseline.keep_last(self.store.folder, document, self._predictions())

    def _predictions(self) -> Iterator[Prediction]:
        from imgcls import report

        return report.predictions(self.store, self.number, self.outcomes)


def codes(outcomes: Sequence[DatasetOutcome]) -> set[int]:
    """The exit codes of what failed."""
    return {pair.failure.exit_code for outcome in outcomes for pair in outcome.pairs if pair.failure}


def gravest(found: set[int]) -> int:
    """A wrong configuration comes before a machine that cannot, and that before a gate that was not shown to hold."""
    return next((code for code in (2, 3, 1) if code in found), 0)
