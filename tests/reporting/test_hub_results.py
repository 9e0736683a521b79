"""Results as the Hugging Face Hub has them."""

from dataclasses import replace

import pytest
import yaml  # type: ignore[import-untyped]  # huggingface_hub has it
from huggingface_hub import parse_eval_result_entries
from huggingface_hub.repocard_data import EvalResult, model_index_to_eval_results

import run_parts
from imgcls.records.evaluation import Units
from imgcls.records.report import Result
from imgcls.reporting import hub_results

[RESULT] = run_parts.make_part(
    "run.json", {"cat/1.jpg": 0, "cat/2.jpg": 1, "dog/1.jpg": 1, "dog/2.jpg": 1}
).report.results
MANY = replace(RESULT, class_count=1000)
"""With so many classes, top-5 states something."""


def _results(result: Result, dataset_id: str | None = None) -> list[EvalResult]:
    """What a reader of the metadata finds."""
    data = hub_results.card_data([result], dataset_id)
    index = data.to_dict()["model-index"]  # type: ignore[no-untyped-call]  # huggingface_hub's
    name, read = model_index_to_eval_results(index)
    assert name == "net"
    return read


def test_values_are_fractions() -> None:
    """As those of accuracy and f1 are on the Hub; none is stated to be verified."""
    read = _results(MANY)
    assert [(r.metric_type, r.metric_name, r.metric_value, r.metric_args) for r in read] == [
        ("accuracy", "Top-1 accuracy", 0.75, {"top_k": 1}),
        ("accuracy", "Top-5 accuracy", 0.75, {"top_k": 5}),
        ("f1", "Macro F1", pytest.approx((2 / 3 + 4 / 5) / 2, abs=1e-6), {"average": "macro"}),
    ]
    assert {(r.task_type, r.dataset_type, r.dataset_name, r.verified) for r in read} == {
        ("image-classification", "photos", "photos", False)
    }


def test_what_no_network_can_miss_is_left_out() -> None:
    """Of three classes, any five contain the right one."""
    assert [metric.name for metric in hub_results.metrics(RESULT)] == ["Top-1 accuracy", "Macro F1"]


def test_copies_count_once() -> None:
    """The value is the one that has the interval."""
    units = replace(MANY, units=Units(2, 1, 2))
    assert [metric.value for metric in hub_results.metrics(units)][:2] == [0.5, 1.0]


def test_a_dataset_of_the_hub_is_its_type() -> None:
    """Its name stays that of the configuration."""
    assert {(r.dataset_type, r.dataset_name) for r in _results(MANY, "ILSVRC/imagenet-1k")} == {
        ("ILSVRC/imagenet-1k", "photos")
    }


def test_a_file_of_evaluation_results_is_read_back() -> None:
    """By huggingface_hub itself, with the interval in its note."""
    [entry] = hub_results.entries(MANY, "2026-01-02T03:04:05+00:00", "ILSVRC/imagenet-1k", "default")
    text = hub_results.as_yaml([entry])
    assert parse_eval_result_entries(yaml.safe_load(text)) == [entry]
    assert (entry.dataset_id, entry.task_id, entry.value) == ("ILSVRC/imagenet-1k", "default", 0.75)
    assert str(entry.notes).startswith("top-1 accuracy of 4 images, 95 % interval 0.3006 to 0.9544; input resize")
