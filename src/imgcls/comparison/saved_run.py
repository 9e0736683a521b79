"""Saved runs: result documents, read back for a comparison."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from imgcls.comparison import document_lines
from imgcls.comparison.packed import PackedPredictions
from imgcls.comparison.table import Table, tables
from imgcls.errors import ConfigError
from imgcls.records.comparison import Prediction, RunSetup, SavedRun, ScoredModel
from imgcls.records.report import Result, Selection
from imgcls.records.shards import Shard

FORMAT = 1


@dataclass(frozen=True, slots=True)
class _Document:
    """As much of a result document as comparisons need."""

    format: int
    results: tuple[RunSetup, ...]
    made_at: str = "unknown time"
    complete: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    predictions: tuple[Prediction, ...] | None = None
    selection: Selection = field(default_factory=Selection)
    shard: Shard | None = None


def read(file: Path) -> SavedRun:
    """A whole run with its predictions. Raises ConfigError, with the command that makes a better file."""
    document, predictions = document_lines.read(
        file,
        _Document,
        "saved run",
        whose="a result document of imgcls",
        way=f"--imgcls-save {file} (imgcls score --save {file}) where the model is as it was",
    )
    if document.format != FORMAT:
        raise ConfigError(f"{file}: its format is {document.format}, and this version of imgcls reads {FORMAT}")
    refuse_shard(file, document.shard)
    if not document.complete:
        raise ConfigError(f"{file}: the run was cut short or a model failed in it, so nothing can be compared with it")
    if predictions is None:
        raise ConfigError(f"{file}: it holds no predictions; save the run without the option json-summary")
    name = f"{file.name} of {document.made_at}"
    predictions.require_classes(file)
    scored = scored_models(name, document.environment, document.results, predictions)
    return SavedRun(name, scored, document.selection.left_out)


def refuse_shard(file: Path, shard: Shard | None) -> None:
    """Raise ConfigError where a document is that of one shard."""
    if shard:
        raise ConfigError(
            f"{file} is {shard}, not a whole run: join all shards with imgcls merge, or their stores with "
            "imgcls store merge"
        )


def scored_models(
    run: str, environment: Mapping[str, str], setups: Iterable[RunSetup], predictions: Iterable[Prediction]
) -> dict[tuple[str, str], ScoredModel]:
    """What comparisons read of each pair of a run, whose name in words is ``run``."""
    packed = predictions if isinstance(predictions, PackedPredictions) else PackedPredictions(predictions)
    of_pairs, none = tables(packed), Table.of({})
    pairs = {(setup.model, setup.dataset): setup for setup in setups}
    return {pair: ScoredModel(run, environment, setup, of_pairs.get(pair, none)) for pair, setup in pairs.items()}


def setup_of(result: Result) -> RunSetup:
    """As much of a result as comparisons need."""
    return RunSetup(**{field.name: getattr(result, field.name) for field in fields(RunSetup)})
