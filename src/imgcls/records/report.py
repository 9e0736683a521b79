"""The result document, key by key. Accuracies are percentages; names of columns are timm's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imgcls.records.comparison import Comparison, PairwiseTest
from imgcls.records.data import Rejection
from imgcls.records.evaluation import ClassScore, Failure, Pass, PredictionChange, SpeedOption, Verdict
from imgcls.records.performance import Latency, Memory, Profile


@dataclass(frozen=True, slots=True)
class Result:
    """One model on one dataset; accuracies in per cent of ``scored``, ``param_count`` in millions.

    Names of columns are timm's own (``results/results-imagenet.csv``), so that the two can be joined.
    ``runtime_note``: why another runtime was used than was wanted. ``drifts``: as in :class:`RuntimeChoice`.
    ``labels_sha256``: of the names of the model's classes. ``accepted``: the classes that are right for each folder.
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


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run, without its predictions: those are read from the store one by one."""

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
