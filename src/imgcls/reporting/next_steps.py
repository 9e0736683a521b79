"""What to do about each gate that did not hold: the last lines of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imgcls import messages
from imgcls.records.evaluation import Verdict
from imgcls.records.report import Report
from imgcls.reporting import parity_table

RUN = "RUN.json"
"""A document of a run, where it is not known which."""

SHOWN = 10  # docs/decisions.md#names-in-a-message

STEPS: Mapping[str, str] = {
    **dict.fromkeys(("top1", "top5", "macro_f1"), "the wrong images: imgcls show {run} --mistakes"),
    **dict.fromkeys(("class_top1", "worst_class"), "class by class: imgcls show {run} --classes"),
    **dict.fromkeys(
        ("not worse top1", "not worse top5"), "the images that flipped: imgcls show {run} --flips {before}"
    ),
    "images": "add images, or lower min_images",
    "rejected": "mend or remove the rejected files, or raise max_rejected",
    "same images": "score the images of the baseline, or leave others aside with {prefix}compare-common",
    **dict.fromkeys(
        ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "images_per_second"), "where the time goes: imgcls profile {model}"
    ),
    **dict.fromkeys(
        ("host_bytes", "gpu_bytes", "growth"), "where memory is allocated: imgcls profile {model} --sort memory"
    ),
    "golden": "where the change is intended: pytest -m golden --imgcls-update-golden",
    **dict.fromkeys(("flips", "logits"), "where it differs: imgcls parity {model} --localize"),
}
"""By metric, what to do where its gate fails."""

INCONCLUSIVE = "add images, or let it pass with {prefix}inconclusive warn"
UNSTEADY = "run it again on a quiet machine, or let it pass with {prefix}inconclusive warn"
ERROR = "mend what its line above names, and run again"
NOT_COMPARABLE = "undo what its line above names; where it is intended, a run with {prefix}save makes a new baseline"


@dataclass(frozen=True, slots=True)
class Places:
    """What commands name. ``prefix``: of options; ``before``: the baseline.

    ``run``: the document of this run, None where none is written.
    """

    prefix: str = "--"
    run: str | None = None
    before: str = "BASELINE.json"


def lines(failing: Sequence[tuple[str, str, Verdict]], places: Places) -> Iterator[str]:
    """A line for each gate that does not hold, up to :data:`SHOWN`: which it is, and the next step.

    ``failing``: what each verdict is about, its model, and the verdict.
    """
    if failing:
        yield "what to do:"
    for title, model, verdict in failing[:SHOWN]:
        yield f"  {title}, {verdict.check}: {step(verdict, model, places)}"
    if len(failing) > SHOWN:
        yield f"  and for {messages.counted(len(failing) - SHOWN, 'more gate')}, all of which are above"


def of_report(report: Report, limits: Sequence[tuple[str, Verdict]]) -> Iterator[tuple[str, str, Verdict]]:
    """Every verdict of a run with what it is about and its model; ``limits``: those on time and memory by model."""
    yield from ((f"{r.model} on {r.dataset}", r.model, v) for r in report.results for v in r.verdicts)
    yield from ((model, model, verdict) for model, verdict in limits)
    yield from ((parity_table.name(p), p.model, v) for p in report.parities for v in p.verdicts)


def step(verdict: Verdict, model: str, places: Places) -> str:
    """What to do about a verdict that does not hold, in words."""
    words = STEPS.get(verdict.metric, ERROR)
    if verdict.status == "error":
        words = NOT_COMPARABLE if verdict.metric == "comparable" else ERROR
    if verdict.status == "inconclusive" and verdict.metric.endswith(("_ms", "_per_second")):
        words = UNSTEADY
    way = f" (a run with {places.prefix}json {RUN} writes it)" if "{run}" in words and not places.run else ""
    if verdict.status == "inconclusive" and words != UNSTEADY:
        way += f"; or {INCONCLUSIVE}"
    names = {"prefix": places.prefix, "run": places.run or RUN, "before": places.before, "model": model}
    return f"{words}{way}".format(**names)
