"""The evaluation of one model as a section of its card: figures, what they can tell, and how they came about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from imgcls import messages
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.messages import one_line
from imgcls.records.evaluation import Units
from imgcls.records.report import Report, Result
from imgcls.reporting import hub_results, markdown_text
from imgcls.stats import proportions, units

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

BEGIN, END = "<!-- imgcls:begin -->", "<!-- imgcls:end -->"
"""Around the section, so that another run replaces it and nothing else."""

POINT = 0.01  # docs/decisions.md#what-a-card-states
"""The difference for which a card states how many images would show it."""

COLUMNS = ("dataset", "images", "metric", "value", "95 % interval")


def section(part: Part, results: Sequence[Result]) -> str:
    """The section in Markdown, between :data:`BEGIN` and :data:`END`."""
    blocks = (
        "## Evaluation\n",
        markdown_text.rows(COLUMNS, ("dataset", "metric"), _rows(results)),
        f"Measured by imgcls on {part.report.made_at[:10]}, and not verified by the Hugging Face Hub.\n",
        "### What these figures can tell\n",
        markdown_text.items(line for result in results for line in _limits(part.report, result)),
        "### How they were measured\n",
        markdown_text.items(_conditions(part.report, results)),
    )
    return "\n".join((BEGIN, *blocks)) + f"{END}\n"


def _rows(results: Sequence[Result]) -> Iterator[Sequence[str]]:
    for result in results:
        for metric in hub_results.metrics(result):
            bounds = "-" if metric.low is None else f"{metric.low:.4f} to {metric.high:.4f}"
            yield result.dataset, units.total(result), metric.name, f"{metric.value:.4f}", bounds


def _limits(report: Report, result: Result) -> Iterator[str]:
    """What a reader must not take the figures for."""
    counted = result.counted
    if result.untrained:
        yield "the weights are random, and so are the figures"
    yield f"{result.dataset}: {_resolution(counted, units.kind(result))}"
    yield f"{result.dataset}: {_classes(counted, result)}"
    if counted.scored != result.scored:
        yield f"{result.dataset}: of {units.total(result)} images; copies and images of one group count once"
    if lost := result.rejected + result.unscored:
        yield f"{result.dataset}: {lost} of {messages.counted(result.listed - result.ignored, 'file')} were not scored"
    if not report.complete:
        yield "the run was cut short, or another model failed in it"


def _resolution(counted: Units, kind: str) -> str:
    observed, n = counted.top1, counted.scored
    needed = proportions.images_needed(observed, observed + (POINT if observed < 0.5 else -POINT))
    interval = proportions.wilson(counted.top1_count, n)
    return (
        f"{counted.top1_count} right of {n} are compatible with a top-1 accuracy from {interval.low:.3f} to "
        f"{interval.high:.3f}; to tell a difference of {POINT} from {observed:.3f} takes about {needed or n:,} {kind}s"
    )


def _classes(counted: Units, result: Result) -> str:
    scored = [score.scored for score in counted.classes.values() if score.scored]
    of_model = f", and the model has {result.class_count} classes" if result.class_count else ""
    return (
        f"{messages.counted(len(scored), 'folder')} with images{of_model}; "
        f"the smallest has {min(scored, default=0)}, and nothing is stated of classes without images"
    )


def _conditions(report: Report, results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        precision = f"{result.screened.precision} and float32" if result.screened else result.precision
        yield f"{result.dataset}: input {result.input}, {result.runtime} in {precision} on {result.device}"
    for name in ("weights_file_sha256", "state_sha256"):
        for value in dict.fromkeys(getattr(result, name) for result in results):
            if value:
                yield f"{name.replace('_', ' ')}: {value}"
    yield ", ".join(f"{name} {version}" for name, version in report.environment.items())
    for latency in report.latencies:
        of = latency.conditions
        if of.model == results[0].model:
            yield (
                f"latency on {of.device}, batch {of.batch}: p50 {latency.p50_ns / 1e6:.1f} ms, p95 "
                f"{latency.p95_ns / 1e6:.1f} ms ({of.machine.cpu}, {messages.counted(of.threads, 'thread')})"
            )
    for memory in report.memories:
        of, peak = memory.conditions, memory.inference.model_bytes
        if of.model == results[0].model:
            yield f"memory of a call on {of.device}, batch {of.batch}: {peak / 1e6:.0f} MB at its peak"


def whole(existing: str, data: ModelCardData, written: str) -> str:
    """A card with this metadata and section: a new one, or the existing one in which they replace earlier ones.

    Raises ConfigError where the existing card cannot be read, or huggingface_hub refuses the result.
    """
    from huggingface_hub import ModelCard

    try:
        card = ModelCard(existing if existing.lstrip().startswith("---") else f"---\n{{}}\n---\n\n{existing}")
        _merge(cast("ModelCardData", card.data), data)
        card.text = _with_section(card.text, written)
        again = ModelCard(str(card))
    except Exception as error:  # what huggingface_hub and yaml raise has no common class
        raise ConfigError(f"the card cannot be written: {one_line(error)}; write a new one with -o FILE") from error
    if again.data.to_dict() != card.data.to_dict():  # type: ignore[no-untyped-call]  # huggingface_hub's
        raise ConfigError("the card cannot be written: its metadata are others when huggingface_hub reads them again")
    return str(card)


def _merge(existing: ModelCardData, data: ModelCardData) -> None:
    """Results of the same task, dataset and metric are replaced, all others stay."""
    new = data.eval_results or []
    kept = [old for old in existing.eval_results or [] if not any(old.is_equal_except_value(result) for result in new)]
    existing.eval_results = [*kept, *new]
    existing.model_name = existing.model_name or data.model_name
    existing.pipeline_tag = existing.pipeline_tag or data.pipeline_tag
    existing.metrics = list(dict.fromkeys([*(existing.metrics or []), *(data.metrics or [])]))


def _with_section(text: str, written: str) -> str:
    earlier = re.compile(f"^{re.escape(BEGIN)}$.*?^{re.escape(END)}$\n?", re.DOTALL | re.MULTILINE)
    if earlier.search(text):
        return earlier.sub(lambda _: written, text, count=1)
    return f"{text.rstrip()}\n\n{written}" if text.strip() else f"\n{written}"
