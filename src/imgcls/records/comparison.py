"""What comparisons read and find: predictions, saved runs, flips, differences; all frozen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from imgcls.records.config import Accuracy, Precision
from imgcls.records.evaluation import ClassProbability, Verdict

Change = Literal["right to wrong", "wrong to right", "wrong to otherwise wrong"]

RightChange = Literal["right to otherwise right"]
"""What only a comparison of an export with its reference counts as a flip."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The five best classes of one image by one model. ``group``: that of the image, where a manifest names groups.

    ``precision``: that of its logits, where the model scored in two.
    """

    model: str
    dataset: str
    path: str
    image_sha256: str
    label: str | None
    top: tuple[ClassProbability, ...]
    group: str | None = None
    precision: Precision | None = None


@dataclass(frozen=True, slots=True)
class RunSetup:
    """How a saved result was made; the keys are those of :class:`~imgcls.records.report.Result`.

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
    class_count: int | None = None
    verdicts: tuple[Verdict, ...] = ()


ImageKey = tuple[str, str | None]
"""What identifies an image in two runs: sha256 of the bytes, and label."""


@dataclass(frozen=True, slots=True)
class ScoredModel:
    """One model on one dataset in one run, as comparisons read it.

    ``run``: which, in words; ``environment``: the versions of its libraries.
    """

    run: str
    environment: Mapping[str, str]
    setup: RunSetup
    predictions: Mapping[ImageKey, Prediction]


@dataclass(frozen=True, slots=True)
class SavedRun:
    """What comparisons read of a run, by (model, dataset); ``name``: which run it is.

    ``left_out``: the pairs of its configuration that it is not about, where it is only a part.
    """

    name: str
    scored: Mapping[tuple[str, str], ScoredModel]
    left_out: Collection[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Flip:
    """An image whose best class changed between right and wrong, or from one wrong class to another.

    Of an export also from one right class to another, where several are right for a folder.

    ``before`` and ``after``: the best classes, as ``(index, name, probability)``.
    """

    change: Change | RightChange
    path: str
    image_sha256: str
    label: str | None
    before: tuple[int, str, float]
    after: tuple[int, str, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """One accuracy of two models on the same images; fractions, positive where the second is better.

    ``losses``: right before, wrong after; ``gains``: the other way round. ``low`` and ``high``: the exact
    95 % interval of ``difference``. ``p_value``: exact McNemar. ``detectable``: the smallest true difference
    that McNemar would find, at 5 %, in four of five such sets; ``None`` where the set is too small for any.
    ``of_images``: how many images of different bytes both have, where only one of each group counts; else ``None``.
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
    of_images: int | None = None


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """The top-1 of one folder's images before and after, on the images that both have.

    ``p_holm``: exact McNemar, by Holm over all folders; ``real``: whether more changed than chance explains.
    """

    label: str
    images: int
    before_count: int
    after_count: int
    losses: int
    gains: int
    p_value: float
    p_holm: float
    real: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model before and after a change, or two models, on the same images of one dataset.

    ``before`` and ``after`` are the models, ``before_run`` and ``after_run`` say where they were scored.
    ``refusals``: why the two cannot be compared; then nothing was. ``same``: the same predictions by key.
    ``changed``: what else differs, in words. ``only_before`` and ``only_after``: paths of images
    that only one side has. ``certain``: the accuracies that no network can miss here, so that they compare nothing.
    ``classes``: the folders of which an image became right or wrong.
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
    certain: tuple[Accuracy, ...] = ()
    classes: tuple[ClassDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class PairwiseTest:
    """Are two models of one run different in top-1? ``p_holm``: exact McNemar, by Holm over all pairs of the dataset.

    ``difference``: ``second`` minus ``first``, a fraction. ``images_needed``: about how many images would show it in
    four of five sets, at 5 % over all pairs (where it is 0: a difference of 0.01); ``None`` where it is shown.
    ``of_images``: as in :class:`Difference`; then images are groups, also those that are needed.
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
    of_images: int | None = None
