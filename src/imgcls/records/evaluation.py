"""What an evaluation counts and decides: outputs, scores, verdicts, outcomes; all frozen.

Paths of images are relative to their dataset, with ``/``. Accuracies are fractions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, NamedTuple

from imgcls.records.config import Decode, InputSpec, Precision
from imgcls.records.data import Rejection
from imgcls.records.runtime import Form, RuntimeChoice, Screened

Status = Literal["pass", "fail", "inconclusive", "error", "skipped"]


Stage = Literal["files", "decoding", "preprocessing", "model", "scoring", "labels"]
"""The stages of a prediction, in this order."""


@dataclass(frozen=True, slots=True)
class Output:
    """The output of one network for one image, as it is stored.

    ``top``: the ten best ``(class index, logit)``, best first, ties by the lower index;
    ``logsumexp``: of all logits, so that a probability is ``exp(logit - logsumexp)``;
    ``fingerprint``: means of the preprocessed tensor, three channels by four quarters; ``form``: None where there is
    only one.
    """

    top: tuple[tuple[int, float], ...]
    logsumexp: float
    fingerprint: tuple[float, ...]
    form: Form | None = None


class ClassProbability(NamedTuple):
    """One of the best classes of an image: class number, name, probability in [0, 1]. In JSON it is a list of three."""

    index: int  # type: ignore[assignment]  # instead of tuple's method
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Counts of one folder. ``answered``: images of any folder whose best class is right for this one."""

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
class Units:
    """Counts of what is independent: images of different bytes, or groups of them, once each.

    ``scored``: units. Of a group one image counts, which its bytes draw. ``classes``: per folder, where of each group
    one image of this folder counts.
    """

    scored: int
    top1_count: int
    top5_count: int
    classes: Mapping[str, ClassScore] = field(default_factory=dict)

    @property
    def top1(self) -> float:
        """Top-1 accuracy over the units, a fraction; NaN where there is none."""
        return self.top1_count / self.scored if self.scored else float("nan")

    @property
    def top5(self) -> float:
        """Top-5 accuracy over the units, a fraction; NaN where there is none."""
        return self.top5_count / self.scored if self.scored else float("nan")


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of one model on one dataset. They add: the sum over batches is the total.

    ``distinct``: scored images whose bytes differ. ``classes``: per folder. ``mass``: for each class
    index, the sum of its probability over the images where it is among the ten best. ``class_count``: of the model,
    ``None`` where it is not known. ``units``: what intervals and gates count, ``None`` where that is every scored
    image; a sum has none, because two batches may have copies of each other.
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
    class_count: int | None = None
    units: Units | None = None

    @property
    def counted(self) -> Units:
        """The units, also where they are all scored images."""
        return self.units or Units(self.scored, self.top1_count, self.top5_count, self.classes)

    @property
    def top1(self) -> float:
        """Top-1 accuracy over the scored images, a fraction; NaN where none was scored."""
        return self.top1_count / self.scored if self.scored else float("nan")

    @property
    def top5(self) -> float:
        """Top-5 accuracy over the scored images, a fraction; NaN where none was scored."""
        return self.top5_count / self.scored if self.scored else float("nan")

    def __add__(self, other: Scores) -> Scores:
        if (self.model, self.dataset) != (other.model, other.dataset):
            message = f"scores of {self.model} on {self.dataset} and {other.model} on {other.dataset} do not add"
            raise ValueError(message)
        counts = {
            name: getattr(self, name) + getattr(other, name)
            for name in (f.name for f in fields(Scores))
            if name not in {"model", "dataset", "classes", "mass", "class_count", "units"}
        }
        classes, mass = dict(self.classes), dict(self.mass)
        for label, score in other.classes.items():
            classes[label] = classes.get(label, ClassScore()) + score
        for index, probability in other.mass.items():
            mass[index] = mass.get(index, 0.0) + probability
        class_count = other.class_count if self.class_count is None else self.class_count
        return Scores(self.model, self.dataset, **counts, classes=classes, mass=mass, class_count=class_count)


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval of a proportion, as fractions."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one gate: data for programs, and two sentences for people.

    ``metric``: what was measured, as in ``top1``, ``p95_ms``, ``host_bytes`` or ``golden``. ``threshold``: what it was
    held against, in the metric's unit (accuracies are fractions); ``None`` where the gate has no number.
    ``check``: the condition in words, ``top1 >= 0.76``; ``message``: the measured values and what to know about them.
    """

    metric: str
    threshold: float | None
    check: str
    status: Status
    message: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model is, beyond its configuration. ``parameters`` and ``weight_bytes`` are exact counts.

    ``input_sources``: where each part of the input comes from, by the part's name: ``configuration``, the name of a
    file, ``timm``, ``torchvision``, or ``guessed: …``. ``notes``: what was taken, converted or left out while it was
    loaded, a sentence each. ``untrained``: whether its weights are random.
    """

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
    input_sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    untrained: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a model has no scores on a dataset; ``exit_code`` as in :mod:`imgcls.errors`; ``stage`` where known."""

    exit_code: int
    message: str
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over a dataset with one or more models; times in seconds of wall clock.

    ``seconds``: from the first file to the last prediction, without imports, loading and compilation.
    ``decode_seconds`` is summed over the threads; ``model_seconds`` are too, divided by the number of
    threads that ran the model at once.
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
    """One model on one dataset: its counts, what it is, or why it failed.

    ``set_seconds``: how long scoring the dataset with only this model takes on this machine, from the passes that
    computed its predictions, whenever that was; None where none was made here.
    """

    scores: Scores
    facts: ModelInfo | None = None
    failure: Failure | None = None
    prediction_key: str | None = None
    labels: str | None = None
    accepted: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    overall: tuple[ClassProbability, ...] = ()
    from_store: int = 0
    ids_ignored: int = 0
    choice: RuntimeChoice | None = None
    set_seconds: float | None = None
    screened: Screened | None = None


@dataclass(frozen=True, slots=True)
class DatasetOutcome:
    """Everything that one run found on one dataset except predictions, which are in the store.

    ``ignored_suffixes``, ``empty_classes`` and ``notes``: as in :class:`imgcls.records.data.Listing`, with what was
    noticed on the way. ``remarks``: the number of scored images for which a decoder's remark holds, by remark.
    ``groups``: the group of each image that belongs to one, by sha256; groups that share an image are one.
    ``all_paths``: as in the listing.
    """

    dataset: str
    exif: str
    complete: bool
    passes: tuple[Pass, ...]
    pairs: tuple[PairOutcome, ...]
    rejections: tuple[Rejection, ...]
    ignored_suffixes: Mapping[str, int] = field(default_factory=dict)
    empty_classes: tuple[str, ...] = ()
    remarks: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    all_paths: str | None = None

    def pair(self, model: str) -> PairOutcome:
        """What was learnt of one of its models."""
        return next(pair for pair in self.pairs if pair.scores.model == model)


Progress = Callable[[str, int, int], None]
"""Called with (dataset, images done, images to do) while a pass runs."""
