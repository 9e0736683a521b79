"""The results of one model as the Hugging Face Hub has them: ``model-index`` of a card, and ``.eval_results`` files.

Values are fractions, as those of ``accuracy`` and ``f1`` are there (https://huggingface.co/metrics). Nothing is stated
to be verified, which only the Hub itself can do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imgcls.records.report import Result
from imgcls.reporting import notes
from imgcls.stats import units

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData

TASK = "image-classification"

DIGITS = 6  # docs/decisions.md#what-a-card-states
"""Of a fraction."""


class Metric(NamedTuple):
    """One figure of a result: ``kind`` and ``args`` as the Hub's, ``value`` and its 95 % interval as fractions."""

    kind: str
    name: str
    value: float
    args: dict[str, Any]
    low: float | None = None
    high: float | None = None


def metrics(result: Result) -> Iterator[Metric]:
    """Top-1, top-5 where it states something, and macro F1; accuracies are of what counts once."""
    for metric, name in (("top1", "Top-1 accuracy"), ("top5", "Top-5 accuracy")):
        value = result.unit_accuracy(metric)  # type: ignore[arg-type]  # one of the two accuracies
        if value is None or (metric == "top5" and notes.is_certain(result)):
            continue
        low, high = getattr(result, f"{metric}_low"), getattr(result, f"{metric}_high")
        bounds = (None, None) if low is None or high is None else (low / 100, high / 100)
        yield Metric("accuracy", name, value / 100, {"top_k": int(metric[-1])}, *bounds)
    if result.macro_f1 is not None:
        yield Metric("f1", "Macro F1", result.macro_f1 / 100, {"average": "macro"})


def card_data(results: Sequence[Result], dataset_id: str | None) -> ModelCardData:
    """The metadata of a card of one model; ``dataset_id``: that of the only dataset on the Hub.

    Raises ValueError where huggingface_hub finds something to be wrong with it.
    """
    from huggingface_hub import ModelCardData

    of_hub = [_eval_result(result, metric, dataset_id) for result in results for metric in metrics(result)]
    return ModelCardData(
        model_name=results[0].model,
        eval_results=of_hub,
        pipeline_tag=TASK,
        metrics=list(dict.fromkeys(result.metric_type for result in of_hub)),
    )


def _eval_result(result: Result, metric: Metric, dataset_id: str | None) -> EvalResult:
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type=TASK,
        task_name="Image Classification",
        dataset_type=dataset_id or result.dataset,
        dataset_name=result.dataset,
        metric_type=metric.kind,
        metric_name=metric.name,
        metric_value=round(metric.value, DIGITS),
        metric_args=metric.args,
        verified=False,
    )


def entries(result: Result, made_at: str, dataset_id: str, task_id: str) -> list[EvalResultEntry]:
    """What an ``.eval_results`` file states of a benchmark: the top-1 accuracy, and its interval as a note."""
    from huggingface_hub import EvalResultEntry

    top1 = next(metrics(result))
    bounds = "" if top1.low is None else f", 95 % interval {top1.low:.4f} to {top1.high:.4f}"
    note = f"top-1 accuracy of {units.total(result)} images{bounds}; input {result.input}"
    return [EvalResultEntry(dataset_id, task_id, round(top1.value, DIGITS), date=made_at, notes=note)]


def as_yaml(of_hub: Sequence[EvalResultEntry]) -> str:
    """A file for the folder ``.eval_results`` of a model's repository."""
    from huggingface_hub import eval_result_entries_to_yaml
    from huggingface_hub.utils import yaml_dump  # type: ignore[attr-defined]  # it is there, and not in __all__

    return yaml_dump(eval_result_entries_to_yaml(list(of_hub)), sort_keys=False)
