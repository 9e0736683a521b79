"""What is found when that which ships is held against that which was tested; all frozen.

The reference is the network as PyTorch runs it, eager and in float32, from exact pixels. Shares are fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from imgcls.records.comparison import Comparison
from imgcls.records.config import ExportFormat
from imgcls.records.evaluation import Failure, Status, Verdict

FaultStage = Literal["decoding", "preprocessing", "weights", "layer", "precision", "output", "labels"]
"""Where something differs, in the order in which a prediction is computed.

``layer``: the computation of one step of the network. ``precision``: numbers that a narrow type cannot hold, or too few
of them, as by a poor calibration. ``output``: what is made of the logits.
"""

Agreement = Literal["identical", "within tolerance", "different"]
"""``identical``: all logits to the last bit. ``within tolerance``: as far apart as rounding explains, and every flip is
one of a tie."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why something that ships differs, which was tried or looked up.

    ``name``: what kind of fault, in two or three words, as ``channel order`` or ``batch norm epsilon``. ``what``: a
    sentence with names and values. ``explained``: how much of the difference goes where it is undone, from 0 to 1; None
    where undoing it was not tried. ``top1_lost``: how many images more are predicted wrong because of it, None where
    that is not known.
    """

    stage: FaultStage
    name: str
    what: str
    explained: float | None = None
    top1_lost: int | None = None


@dataclass(frozen=True, slots=True)
class LogitDistance:
    """How far the logits of a sample are apart, in standard deviations of the reference's (``std``), after each image's
    mean was taken away.

    ``largest`` and ``median``: of the largest distance of each image. ``sensitivity``: how far relative noise of 1e-6
    in the input moves a logit; ``tolerance``: what rounding in another order explains.
    """

    images: int
    std: float
    largest: float
    median: float
    sensitivity: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class StepError:
    """One step of a network, and how much of the export's error appears there.

    ``name``: of the module or operation of the reference. ``operation``: its kind. ``error``: the distance of its
    output in standard deviations of the reference's. ``share``: of the final distance of the logits that is there when
    everything after this step is computed as the reference does, less what was there before it.
    """

    name: str
    operation: str
    error: float
    share: float


@dataclass(frozen=True, slots=True)
class ExportCost:
    """What an export, or its reference, costs: one image at a time, in ns; peaks and files in bytes.

    None where it was not measured.
    """

    file_bytes: int | None = None
    p50_ns: int | None = None
    p95_ns: int | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Parity:
    """One export held against its reference on one dataset.

    ``comparison``: flips, differences and exact tests on all images; None where there was nothing to compare, because
    of ``failure``. ``images``: with predictions of both. ``same_top1`` and ``same_top5``: of them, with the same best
    class and the same five best classes. ``agreement``: the word for all of it. ``faults``: the reasons that were
    found, the one that explains most first. ``steps``: where ``localize`` was requested, the steps that add most to the
    distance, the first that leaves what rounding explains first of all. ``notes``: what was detected in the file,
    converted or left out, a sentence each. ``verdicts``: of its gate.
    """

    model: str
    export: str
    dataset: str
    format: ExportFormat
    file: str
    runtime: str | None = None
    precision: str | None = None
    images: int = 0
    same_top1: int = 0
    same_top5: int = 0
    agreement: Agreement | None = None
    comparison: Comparison | None = None
    logits: LogitDistance | None = None
    faults: tuple[Fault, ...] = ()
    steps: tuple[StepError, ...] = ()
    cost: ExportCost | None = None
    reference_cost: ExportCost | None = None
    versions: Mapping[str, str] | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def flips(self) -> int:
        """The number of images whose best class is another."""
        return self.images - self.same_top1


@dataclass(frozen=True, slots=True)
class ServingImage:
    """One image that tells preprocessings apart, as a service or a function responded to it.

    ``kind``: what is particular about it. ``distance``: of the tensors, mean absolute difference in standard deviations
    of the reference's; for a service the largest difference of a probability. None where there was no response, for
    which ``error`` is the reason.
    """

    path: str
    kind: str
    distance: float | None
    same_top1: bool | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ServingCheck:
    """A model's own preprocessing or running service held against the reference.

    ``status``: whether it is the same. ``message``: the verdict in one or two sentences. ``faults``: the culprits, the
    one that explains most first. ``images``: each image that was tried.
    """

    model: str
    what: str
    status: Status
    message: str
    faults: tuple[Fault, ...] = ()
    images: tuple[ServingImage, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContractCheck:
    """One contract that every model should keep, tried on one model.

    ``contract``: its name. ``status``: ``skipped`` where this machine cannot try it. ``message``: what was seen, with
    names and figures.
    """

    model: str
    contract: str
    status: Status
    message: str
