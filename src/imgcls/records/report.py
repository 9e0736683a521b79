"""The result document, key by key. Accuracies are percentages; names of columns are timm's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imgcls.records.comparison import Comparison, PairwiseTest
from imgcls.records.config import Accuracy
from imgcls.records.data import Rejection
from imgcls.records.evaluation import ClassScore, Failure, Pass, Units, Verdict
from imgcls.records.parity import ContractCheck, Parity, ServingCheck
from imgcls.records.performance import Latency, Memory, Profile
from imgcls.records.runtime import PredictionChange, Screened, SpeedOption
from imgcls.records.shards import Shard


@dataclass(frozen=True, slots=True)
class Result:
    """One model on one dataset; accuracies in per cent of ``scored``, ``param_count`` in millions.

    Names of columns are timm's own (``results/results-imagenet.csv``), so that the two can be joined.
    ``runtime_note``: why another runtime was used than was wanted. ``drifts``: as in :class:`RuntimeChoice`.
    ``labels_sha256``: of the names of the model's classes. ``accepted``: the classes that are right for each folder.
    ``input_sources``, ``notes`` and ``untrained``: as in :class:`ModelInfo`; ``class_count``: as in :class:`Scores`.
    ``set_seconds`` and ``screened``: as in :class:`PairOutcome`. ``units``: as in :class:`Scores`; the bounds
    ``top1_low`` to ``top5_high`` are theirs.
    """

    model: str
    dataset: str
    runtime: str | None
    precision: str | None
    decode: str | None
    device: str | None
    input: str | None
    weights_file_sha256: str | None
    state_sha256: str | None
    param_count: float | None
    listed: int
    scored: int
    rejected: int
    ignored: int
    unscored: int
    distinct: int
    top1_count: int
    top5_count: int
    top1: float | None
    top1_err: float | None
    top1_low: float | None
    top1_high: float | None
    top5: float | None
    top5_err: float | None
    top5_low: float | None
    top5_high: float | None
    macro_f1: float | None
    overall_top5: tuple[tuple[int, str, float], ...]
    img_size: int | None
    crop_pct: float | None
    interpolation: str | None
    images_per_second: float | None
    from_store: int
    ids_ignored: int
    runtime_note: str | None
    drifts: Mapping[SpeedOption, PredictionChange]
    prediction_key: str | None
    exif: str
    labels_sha256: str | None
    accepted: Mapping[str, tuple[int, ...]]
    classes: Mapping[str, ClassScore]
    failure: Failure | None
    verdicts: tuple[Verdict, ...]
    input_sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    untrained: bool = False
    class_count: int | None = None
    set_seconds: float | None = None
    units: Units | None = None
    screened: Screened | None = None

    @property
    def counted(self) -> Units:
        """The units, also where they are all scored images."""
        return self.units or Units(self.scored, self.top1_count, self.top5_count, self.classes)

    def unit_accuracy(self, metric: Accuracy) -> float | None:
        """Per cent of the units that are right; None where there is no accuracy."""
        if getattr(self, metric) is None:
            return None
        return 100 * (self.counted.top1_count if metric == "top1" else self.counted.top5_count) / self.counted.scored


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """What happened to the files of a dataset: each listed one was scored, rejected, ignored or left unscored.

    ``scored``: by the model that scored most of them. ``all_paths``: of one shard, what tells the list of all paths of
    the dataset from another one. The rest is as in :class:`DatasetOutcome`.
    """

    dataset: str
    listed: int
    scored: int
    rejected: int
    ignored: int
    ignored_suffixes: Mapping[str, int]
    empty_classes: tuple[str, ...]
    remarks: Mapping[str, int]
    notes: tuple[str, ...]
    all_paths: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Whether a run is about every pair of its configuration, and the pairs (model, dataset) that it left out."""

    complete: bool = True
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedLimit:
    """The verdict on a limit of time or memory, and the model that it is about."""

    model: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run, or one ``shard`` of it, without its predictions: those are read from the store one by one."""

    made_at: str
    complete: bool
    environment: Mapping[str, str]
    passes: tuple[Pass, ...]
    results: tuple[Result, ...]
    rejections: tuple[Rejection, ...]
    contrasts: tuple[PairwiseTest, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    latencies: tuple[Latency, ...] = ()
    memories: tuple[Memory, ...] = ()
    profiles: tuple[Profile, ...] = ()
    datasets: tuple[DatasetFiles, ...] = ()
    selection: Selection = field(default_factory=Selection)
    parities: tuple[Parity, ...] = ()
    servings: tuple[ServingCheck, ...] = ()
    contracts: tuple[ContractCheck, ...] = ()
    limits: tuple[JudgedLimit, ...] = ()
    shard: Shard | None = None
