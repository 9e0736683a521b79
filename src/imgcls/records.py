"""Every type that flows through imgcls, all frozen; those of what a model costs are in :mod:`imgcls.measures`.

Paths of images are relative to their data set, with ``/``. Accuracies on :class:`Scores` are
fractions; those on :class:`Result`, which is the JSON document's row, are percentages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from imgcls.measures import Latency, LatencyGate, Memory, MemoryGate, Profile

Interpolation = Literal["bilinear", "bicubic", "nearest", "lanczos"]
CropMode = Literal["center", "squash", "border"]
Precision = Literal["float32", "bfloat16", "float16"]
Status = Literal["pass", "fail", "inconclusive", "error", "skipped"]
Accuracy = Literal["top1", "top5"]
Lever = Literal["precision", "decode"]
"""What makes scoring faster and may change answers."""

Decode = Literal["exact", "fast"]
Stage = Literal["files", "decoding", "preprocessing", "model", "scoring", "labels"]
"""Where an answer comes about, in this order."""

Change = Literal["right to wrong", "wrong to right", "wrong to otherwise wrong"]


# What is asked for.


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What happens to decoded pixels on their way into a network.

    ``resize``: for ``center`` an integer (the shorter side) or ``(h, w)`` (the smallest size of the
    picture's proportions that covers it); for ``squash`` exactly ``(h, w)``; for ``border`` the
    ``(h, w)`` to fit into. ``crop``: ``(h, w)`` in pixels, taken from the middle; where the picture is
    smaller it is padded with zeros (``border``: with the mean colour). ``mean`` and ``std`` are per
    RGB channel, for pixels in [0, 1].
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int]
    crop_mode: CropMode
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __str__(self) -> str:
        crop = self.crop[0] if self.crop[0] == self.crop[1] else self.crop
        mean, std = (", ".join(f"{value:g}" for value in triple) for triple in (self.mean, self.std))
        mode = "" if self.crop_mode == "center" else f", {self.crop_mode}"
        return f"resize({self.resize}, {self.interpolation}{mode}) | center_crop({crop}) | normalize(({mean}), ({std}))"


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """One ``[datasets.NAME]`` table. ``path`` is a folder, a ``.csv`` manifest or ``"digits"``."""

    name: str
    path: Path | Literal["digits"]
    labels: Literal["auto", "wnid", "name", "index"] | Path = "auto"
    golden: bool = False
    exif: Literal["ignore", "apply"] = "ignore"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One ``[models.NAME]`` table. ``input`` holds only the keys that override what resolves."""

    name: str
    arch: str
    weights: Path | str | None = None
    sha256: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: Path | str | None = None
    datasets: tuple[str, ...] | None = None
    runtime: str = "auto"
    precision: Precision = "float32"
    decode: Decode = "exact"
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proven:
    """A threshold that must be shown, not only observed: with this confidence the true value is above ``min``."""

    min: float
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Gate:
    """The thresholds of one model on one data set, as fractions; ``None`` where not asked for."""

    top1: float | Proven | None = None
    top5: float | Proven | None = None
    macro_f1: float | None = None
    min_images: int | None = None
    max_rejected: float = 0.0


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse than its baseline a model may be, as a fraction, and how sure of that one wants to be."""

    margin: float
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration. ``gates`` is keyed by (model, data set), ``"*"`` already applied.

    ``margins``: by accuracy (``top1``, ``top5``), against a baseline. ``left_out``: gates of what was not selected.
    ``latency`` and ``memory`` are keyed by model, ``"*"`` already applied.
    """

    source: Path
    datasets: Mapping[str, DatasetSpec]
    models: Mapping[str, ModelSpec]
    gates: Mapping[tuple[str, str], Gate]
    margins: Mapping[str, Margin] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    latency: Mapping[str, LatencyGate] = field(default_factory=dict)
    memory: Mapping[str, MemoryGate] = field(default_factory=dict)

    def models_by_dataset(self) -> dict[str, list[str]]:
        """The models that are to be scored on each data set."""
        return {
            dataset: [m.name for m in self.models.values() if m.datasets is None or dataset in m.datasets]
            for dataset in self.datasets
        }

    def pairs(self) -> list[tuple[str, str]]:
        """Every (model, data set) that is to be scored, data set by data set."""
        return [(model, dataset) for dataset, models in self.models_by_dataset().items() for model in models]


@dataclass(frozen=True, slots=True)
class LabelList:
    """The classes of a network in the order of its outputs; ``wnids`` where they are WordNet's."""

    source: str
    names: tuple[str, ...]
    wnids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Which class indices are right for each folder, and how many ids of a map the head lacks."""

    accepted: Mapping[str, frozenset[int]]
    ids_ignored: int = 0


# What images become.


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One listed file: ``path`` relative to its data set, ``file`` to open, ``label`` its folder."""

    path: str
    file: Path
    sha256: str
    label: str | None


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells, without a look at its bytes, that a file is likely the one that it was; ``path`` is absolute."""

    path: Path
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """A path that could not be scored. ``reason`` is one word, ``detail`` says more."""

    dataset: str
    path: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a data set's folder holds: each path is in exactly one of the three."""

    images: tuple[ImageRef, ...]
    rejections: tuple[Rejection, ...]
    ignored: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one network says of one picture, as it is stored.

    ``top``: the ten best ``(class index, logit)``, best first, ties by the lower index;
    ``logsumexp``: of all logits, so that a probability is ``exp(logit - logsumexp)``;
    ``fingerprint``: means of the preprocessed tensor, three channels by four quarters.
    """

    top: tuple[tuple[int, float], ...]
    logsumexp: float
    fingerprint: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Guess:
    """One line of a top five: class number, name, probability in [0, 1]."""

    index: int
    name: str
    probability: float


# What is counted.


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Counts of one folder. ``answered``: pictures of any folder whose best class is right for this one."""

    scored: int = 0
    top1_count: int = 0
    top5_count: int = 0
    answered: int = 0

    def __add__(self, other: ClassScore) -> ClassScore:
        return ClassScore(
            self.scored + other.scored,
            self.top1_count + other.top1_count,
            self.top5_count + other.top5_count,
            self.answered + other.answered,
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of one model on one data set. They add: the sum over batches is the total.

    ``distinct``: scored pictures whose bytes differ. ``classes``: per folder. ``mass``: for each class
    index, the sum of its probability over the pictures where it is among the ten best.
    """

    model: str
    dataset: str
    listed: int = 0
    scored: int = 0
    rejected: int = 0
    ignored: int = 0
    unscored: int = 0
    distinct: int = 0
    top1_count: int = 0
    top5_count: int = 0
    classes: Mapping[str, ClassScore] = field(default_factory=dict)
    mass: Mapping[int, float] = field(default_factory=dict)

    @property
    def top1(self) -> float:
        """Top-1 accuracy over the scored pictures, a fraction; NaN where none was scored."""
        return self.top1_count / self.scored if self.scored else float("nan")

    @property
    def top5(self) -> float:
        """Top-5 accuracy over the scored pictures, a fraction; NaN where none was scored."""
        return self.top5_count / self.scored if self.scored else float("nan")

    def __add__(self, other: Scores) -> Scores:
        if (self.model, self.dataset) != (other.model, other.dataset):
            message = f"scores of {self.model} on {self.dataset} and {other.model} on {other.dataset} do not add"
            raise ValueError(message)
        counts = {
            name: getattr(self, name) + getattr(other, name)
            for name in (f.name for f in fields(Scores))
            if name not in {"model", "dataset", "classes", "mass"}
        }
        classes, mass = dict(self.classes), dict(self.mass)
        for label, score in other.classes.items():
            classes[label] = classes.get(label, ClassScore()) + score
        for index, probability in other.mass.items():
            mass[index] = mass.get(index, 0.0) + probability
        return Scores(self.model, self.dataset, **counts, classes=classes, mass=mass)


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval of a proportion, as fractions."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate said: ``check`` is the condition in words, ``message`` what was seen."""

    check: str
    status: Status
    message: str


# What one pass leaves behind. It is stored as JSON, so that other processes can read it.


@dataclass(frozen=True, slots=True)
class Facts:
    """What a loaded model is, beyond its configuration. ``parameters`` and ``weight_bytes`` are exact counts."""

    runtime: str
    precision: Precision
    device: str
    input: InputSpec
    weights_file_sha256: str | None
    state_sha256: str
    parameters: int
    crop_pct: float
    weight_bytes: int
    decode: Decode = "exact"


@dataclass(frozen=True, slots=True)
class Drift:
    """Of a sample of ``images`` pictures: on how many the best answer, and the set of the five best, are others."""

    images: int
    top1: int
    top5: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which runtime scores a model on a data set of so many ``listed`` files; ``why`` it is not what was wanted.

    ``drifts``: what the answers lose, by what was chosen for speed: ``precision``, against float32, and ``decode``,
    against exact pixels.
    """

    runtime: str
    listed: int
    why: str | None = None
    drifts: Mapping[Lever, Drift] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a model has no scores on a data set; ``exit_code`` as in :mod:`imgcls.errors`; ``stage`` where known."""

    exit_code: int
    message: str
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """One walk over a data set with one or more models; times in seconds of wall clock.

    ``seconds``: from the first file to the last prediction, without imports, loading and compilation.
    ``decode_seconds`` is summed over the threads; ``model_seconds`` are too, divided by how many asked at once.
    ``compile_seconds``: what happens once: to convert, to compile, to be held against eager, on a GPU the first call.
    """

    dataset: str
    models: tuple[str, ...]
    seconds: float
    decode_seconds: float
    model_seconds: Mapping[str, float]
    load_seconds: Mapping[str, float]
    compile_seconds: Mapping[str, float]
    peak_rss_bytes: int
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class PairOutcome:
    """One model on one data set: its counts, what it is, or why it failed."""

    scores: Scores
    facts: Facts | None = None
    failure: Failure | None = None
    prediction_key: str | None = None
    labels: str | None = None
    accepted: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    overall: tuple[Guess, ...] = ()
    from_store: int = 0
    ids_ignored: int = 0
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class DatasetOutcome:
    """Everything that one run learnt of one data set, predictions aside: those are in the store."""

    dataset: str
    exif: str
    complete: bool
    passes: tuple[Pass, ...]
    pairs: tuple[PairOutcome, ...]
    rejections: tuple[Rejection, ...]

    def pair(self, model: str) -> PairOutcome:
        """What was learnt of one of its models."""
        return next(pair for pair in self.pairs if pair.scores.model == model)


# What is reported: the JSON document, key by key.


@dataclass(frozen=True, slots=True)
class Result:
    """One model on one data set; accuracies in per cent of ``scored``, ``param_count`` in millions.

    Names of columns are timm's own (``results/results-imagenet.csv``), so that the two can be joined.
    ``runtime_note``: why another runtime was used than was wanted. ``drifts``: as in :class:`Choice`.
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
    drifts: Mapping[Lever, Drift]
    prediction_key: str | None
    exif: str
    labels_sha256: str | None
    accepted: Mapping[str, tuple[int, ...]]
    classes: Mapping[str, ClassScore]
    failure: Failure | None
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The five best of one model on one picture, as ``(index, name, probability)``."""

    model: str
    dataset: str
    path: str
    image_sha256: str
    label: str | None
    top: tuple[tuple[int, str, float], ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a saved result says of how it came about; the keys are those of :class:`Result`.

    Results of other programs may lack all but the first two; ``accepted`` is ``None`` where it is not known.
    """

    model: str
    dataset: str
    runtime: str | None = None
    precision: str | None = None
    device: str | None = None
    input: str | None = None
    exif: str | None = None
    labels_sha256: str | None = None
    accepted: Mapping[str, tuple[int, ...]] | None = None
    weights_file_sha256: str | None = None
    state_sha256: str | None = None
    prediction_key: str | None = None
    decode: str | None = None


PictureKey = tuple[str, str | None]
"""What pairs the pictures of two runs: sha256 of the bytes, and label."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One model on one data set in one run, as comparisons read it.

    ``run`` says which, in words; ``environment``: the versions of its libraries.
    """

    run: str
    environment: Mapping[str, str]
    setup: Setup
    predictions: Mapping[PictureKey, Prediction]


@dataclass(frozen=True, slots=True)
class Run:
    """What comparisons read of a run, by (model, data set); ``name`` says which run it is."""

    name: str
    scored: Mapping[tuple[str, str], Scored]


@dataclass(frozen=True, slots=True)
class Flip:
    """A picture whose best answer changed between right and wrong, or from one wrong class to another.

    ``before`` and ``after``: the best answers, as ``(index, name, probability)``.
    """

    change: Change
    path: str
    image_sha256: str
    label: str | None
    before: tuple[int, str, float]
    after: tuple[int, str, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """One accuracy of two models on the same pictures; fractions, positive where the second is better.

    ``losses``: right before, wrong after; ``gains``: the other way round. ``low`` and ``high``: the exact
    95 % interval of ``difference``. ``p_value``: exact McNemar. ``detectable``: the smallest true difference
    that McNemar would find, at 5 %, in four of five such sets; ``None`` where the set is too small for any.
    """

    accuracy: Accuracy
    images: int
    before_count: int
    after_count: int
    losses: int
    gains: int
    difference: float
    low: float
    high: float
    p_value: float
    detectable: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model before and after a change, or two models, on the same pictures of one data set.

    ``before`` and ``after`` are the models, ``before_run`` and ``after_run`` say where they were scored.
    ``refusals``: why the two cannot be compared; then nothing was. ``same``: the same predictions by key.
    ``changed``: what else differs, in words. ``only_before`` and ``only_after``: paths of pictures of one side alone.
    """

    dataset: str
    before: str
    after: str
    before_run: str
    after_run: str
    refusals: tuple[str, ...] = ()
    same: bool = False
    changed: tuple[str, ...] = ()
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    flips: tuple[Flip, ...] = ()


@dataclass(frozen=True, slots=True)
class Contrast:
    """Are two models of one run different in top-1? ``p_holm``: exact McNemar, by Holm over all pairs of the data set.

    ``difference``: ``second`` minus ``first``, a fraction. ``images_needed``: about how many pictures would show it in
    four of five sets, at 5 % over all pairs (where it is 0: a difference of 0.01); ``None`` where it is shown.
    """

    dataset: str
    first: str
    second: str
    images: int
    first_only: int
    second_only: int
    difference: float
    p_value: float
    p_holm: float
    real: bool
    images_needed: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run, without its predictions: those are read from the store one by one."""

    made_at: str
    complete: bool
    environment: Mapping[str, str]
    passes: tuple[Pass, ...]
    results: tuple[Result, ...]
    rejections: tuple[Rejection, ...]
    contrasts: tuple[Contrast, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    latencies: tuple[Latency, ...] = ()
    memories: tuple[Memory, ...] = ()
    profiles: tuple[Profile, ...] = ()


Progress = Callable[[str, int, int], None]
"""Told (data set, pictures done, pictures to do) while a pass runs."""
