"""Parts of a run joined into one: whatever several jobs scored and measured, or a refusal that names two files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from imgcls.comparison import cost_parts, dataset_parts, pair_parts, pairwise, saved_run, shard_parts
from imgcls.comparison.current_run import THIS_RUN
from imgcls.comparison.pair_parts import Row
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.performance import conditions
from imgcls.records.comparison import PairwiseTest, Prediction, SavedRun
from imgcls.records.data import Rejection
from imgcls.records.evaluation import Pass
from imgcls.records.report import Report, Selection
from imgcls.records.shards import Shard

SAME_MODEL = ("input", "class_count", "weights_file_sha256", "state_sha256")
"""What results of one model on several datasets have in common."""

SAME_RUN = ("device",)
"""What all results of a run have in common."""

PLATFORM = "platform"
"""The only entry of a document's environment that no prediction depends on."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class MergedRun:
    """One run of several parts; ``report`` has neither verdicts nor comparisons.

    ``rows``: its results by (model, dataset), in the order of the configuration. ``without_predictions``: the first
    file that has none.
    """

    report: Report
    rows: Mapping[Pair, Row]
    without_predictions: Path | None

    def predictions(self) -> Iterator[Prediction]:
        """Every prediction, pair by pair. Raises ConfigError where a part has none."""
        if self.without_predictions:
            raise ConfigError(
                f"{self.without_predictions}: it holds no predictions; write it without the option json-summary"
            )
        return (prediction for row in self.rows.values() for prediction in row.predictions or ())

    def as_run(self) -> SavedRun:
        """The run as comparisons read it. Raises ConfigError where a part has no predictions."""
        setups = [saved_run.setup_of(row.result) for row in self.rows.values()]
        scored = saved_run.scored_models(THIS_RUN, self.report.environment, setups, self.predictions())
        return SavedRun(THIS_RUN, scored)

    def pairwise_tests(self) -> Iterator[PairwiseTest]:
        """All pairs of the models that scored a whole dataset; none where predictions are missing."""
        run = SavedRun(THIS_RUN, {}) if self.without_predictions else self.as_run()
        rows = [row for row in self.rows.values() if not row.lacks]
        whole = [row.result for row in rows if row.result.scored and not row.result.unscored]
        for dataset in dict.fromkeys(dataset for _, dataset in run.scored):
            scored = [run.scored[r.model, dataset] for r in whole if r.dataset == dataset and not r.failure]
            if len(scored) > 1:
                yield from pairwise.all_pairs(scored)


def joined(parts: Sequence[Part], pairs: Sequence[Pair], configuration: Path) -> MergedRun:
    """One run of all parts; ``pairs``: those of the configuration. Raises ConfigError, naming two files."""
    _require_different(parts)
    shard_parts.check(parts)
    environment = _environment(parts)
    cost_parts.check_machines(parts)
    by_pair = _rows(parts)
    for pair, row in by_pair.items():
        if pair not in pairs:
            raise ConfigError(
                f"{row.file} has {row.title}, and {configuration} does not: "
                "name the configuration of the parts with --config FILE"
            )
    rows = {pair: by_pair[pair] for pair in pairs if pair in by_pair}
    _check_models(list(rows.values()))
    left_out = tuple(pair for pair in pairs if pair not in rows)
    report = Report(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        complete=all(part.report.complete for part in parts) and not any(row.lacks for row in rows.values()),
        environment=environment,
        passes=_passes(parts),
        results=tuple(row.result for row in rows.values()),
        rejections=_rejections(parts, [dataset for _, dataset in pairs]),
        latencies=cost_parts.latencies(parts),
        memories=cost_parts.memories(parts),
        profiles=cost_parts.profiles(parts),
        datasets=dataset_parts.joined(parts, list(rows.values())),
        selection=Selection(complete=not left_out, left_out=left_out),
    )
    without = (part.file for part in parts if part.predictions is None and part.report.results)
    return MergedRun(report, rows, next(without, None))


def _environment(parts: Sequence[Part]) -> dict[str, str]:
    """The versions of all; the platforms next to each other where there are several."""
    result: dict[str, tuple[Path, str]] = {}
    for part in parts:
        for name, version in part.report.environment.items():
            file, first = result.setdefault(name, (part.file, version))
            if first != version and name != PLATFORM:
                raise ConfigError(
                    f"{file} is of {name} {first} and {part.file} of {version}: "
                    "one run has the same versions everywhere"
                )
    platforms = dict.fromkeys(p.report.environment[PLATFORM] for p in parts if PLATFORM in p.report.environment)
    return {name: "; ".join(platforms) if name == PLATFORM else version for name, (_, version) in result.items()}


def _require_different(parts: Sequence[Part]) -> None:
    """Raise ConfigError where a document is given twice."""
    for number, part in enumerate(parts):
        for other in parts[:number]:
            if other.file == part.file:
                raise ConfigError(f"{part.file} is given twice: name each document once")
            if (other.report, other.predictions) == (part.report, part.predictions):
                raise ConfigError(f"{other.file} and {part.file} are one document: leave one of them out")


def _rows(parts: Sequence[Part]) -> dict[Pair, Row]:
    """The result of each pair over all parts; of a shard that is there several times, the first."""
    rows: dict[Pair, Row] = {}
    joined_shards: dict[Pair, set[Shard | None]] = {}
    for part in parts:
        predictions = _by_pair(part.predictions or ())
        for result in part.report.results:
            pair = (result.model, result.dataset)
            of_pair = None if part.predictions is None else tuple(predictions.get(pair, ()))
            row = Row(part.file, result, of_pair, part.report.shard)
            if row.shard in joined_shards.setdefault(pair, set()):
                continue
            joined_shards[pair] |= {row.shard} if row.shard else set()
            join = shard_parts.joined if row.shard else pair_parts.joined
            rows[pair] = join(rows[pair], row) if pair in rows else row
    return {pair: replace(row, lacks=shard_parts.lacks(pair, parts)) for pair, row in rows.items()}


def _by_pair(predictions: Iterable[Prediction]) -> dict[Pair, list[Prediction]]:
    result: dict[Pair, list[Prediction]] = {}
    for prediction in predictions:
        result.setdefault((prediction.model, prediction.dataset), []).append(prediction)
    return result


def _check_models(rows: Sequence[Row]) -> None:
    """Raise ConfigError where a model is another one on another dataset, or was scored on another device."""
    first_of_model: dict[str, Row] = {}
    scored = [row for row in rows if row.result.device is not None]
    for row in scored:
        first = first_of_model.setdefault(row.result.model, row)
        for other, names in ((first, SAME_MODEL), (scored[0], SAME_RUN)):
            if unlike := conditions.unlike(other.result, row.result, names):
                raise ConfigError(
                    f"{other.title} in {other.file} and {row.title} in {row.file} are not of one run, with {unlike}"
                )


def _passes(parts: Sequence[Part]) -> tuple[Pass, ...]:
    """Each once, also where a part is given twice or was joined before."""
    result: list[Pass] = []
    for part in parts:
        result += [walk for walk in part.report.passes if walk not in result]
    return tuple(result)


def _rejections(parts: Sequence[Part], datasets: Sequence[str]) -> tuple[Rejection, ...]:
    """Each once, with the models of all parts, in the order of the datasets."""
    of_files: dict[Rejection, list[str]] = {}
    for rejection in (rejection for part in parts for rejection in part.report.rejections):
        of_files.setdefault(replace(rejection, models=()), []).extend(rejection.models)
    joined = (replace(rejection, models=tuple(dict.fromkeys(models))) for rejection, models in of_files.items())
    return tuple(sorted(joined, key=lambda rejection: datasets.index(rejection.dataset)))
