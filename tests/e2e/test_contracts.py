"""Files that users keep: their keys are a contract, whatever the classes behind them are called."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from builders import extra_info
from imgcls.golden.records import Golden
from imgcls.records.comparison import Prediction
from imgcls.records.evaluation import DatasetOutcome
from imgcls.records.performance import ProfileDiff
from imgcls.records.report import Report
from imgcls.records.runtime import RuntimeChoice

ROOT = Path(__file__).parents[2]

INPUT = "resize crop crop_mode interpolation mean std function"
CONDITIONS = (
    "model arch device batch precision runtime threads input state_sha256 weights_file_sha256 parameters gmacs machine "
    "versions untrained"
)
MACHINE = "cpu cores system gpu quota"
PEAK = (
    "phase heap_bytes rss_bytes weights activations_bytes workspace_bytes rest_bytes sites cuda_allocated_bytes "
    "cuda_reserved_bytes"
)
SITES = "where bytes"
PASS = "dataset models seconds decode_seconds model_seconds load_seconds compile_seconds peak_rss_bytes device"  # noqa: S105 - of images
CLASSES = "scored top1_count top5_count answered"
UNITS = "scored top1_count top5_count classes"
DRIFTS = "images top1 top5"
FAILURE = "exit_code message stage"
REJECTIONS = "dataset path reason detail models"
VERDICTS = "metric threshold check status message"
COMPARISON = (
    "dataset before after before_run after_run refusals same changed only_before only_after differences flips certain "
    "classes"
)
COMPARISON_CLASSES = "label images before_count after_count losses gains p_value p_holm real"
DIFFERENCES = "accuracy images before_count after_count losses gains difference low high p_value detectable of_images"
FLIPS = "change path image_sha256 label before after"
SCREEN = "precision bound images again largest median"
SCREENED = "precision bound reduced again audited changed most_changed"
FAULTS = "stage name what explained top1_lost"
COST = "file_bytes p50_ns p95_ns peak_bytes"
MOVER = "name before_ns after_ns before_calls after_calls real"

KEYS: dict[type, dict[str, str]] = {
    Report: {  # the result document, in addition to its format and its predictions
        "": (
            "made_at complete environment passes results rejections contrasts comparisons latencies memories profiles "
            "datasets selection parities servings contracts limits shard"
        ),
        "selection": "complete left_out",
        "shard": "number count",
        "passes": PASS,
        "results": (
            "model dataset runtime precision decode device input weights_file_sha256 state_sha256 param_count listed "
            "scored rejected ignored unscored distinct top1_count top5_count top1 top1_err top1_low top1_high top5 "
            "top5_err top5_low top5_high macro_f1 overall_top5 img_size crop_pct interpolation images_per_second "
            "from_store ids_ignored runtime_note drifts prediction_key exif labels_sha256 accepted classes failure "
            "verdicts input_sources notes untrained class_count set_seconds units screened"
        ),
        "datasets": "dataset listed scored rejected ignored ignored_suffixes empty_classes remarks notes all_paths",
        "results.drifts": DRIFTS,
        "results.screened": SCREENED,
        "results.classes": CLASSES,
        "results.units": UNITS,
        "results.units.classes": CLASSES,
        "results.failure": FAILURE,
        "results.verdicts": VERDICTS,
        "rejections": REJECTIONS,
        "contrasts": (
            "dataset first second images first_only second_only difference p_value p_holm real images_needed of_images"
        ),
        "comparisons": COMPARISON,
        "comparisons.classes": COMPARISON_CLASSES,
        "comparisons.differences": DIFFERENCES,
        "comparisons.flips": FLIPS,
        "latencies": (
            "conditions scenario rounds_ns p50_ns p90_ns p95_ns p99_ns images_per_second steady preprocess_ns copy_ns "
            "model_ns device_p50_ns cut_short blocks_ns"
        ),
        "latencies.conditions": CONDITIONS,
        "latencies.conditions.machine": MACHINE,
        "memories": "conditions libraries_rss_bytes loading inference growth profiler_bytes",
        "memories.conditions": CONDITIONS,
        "memories.conditions.machine": MACHINE,
        "memories.loading": PEAK,
        "memories.loading.sites": SITES,
        "memories.inference": PEAK,
        "memories.inference.sites": SITES,
        "memories.growth": "calls bytes_per_call low high",
        "parities": (
            "model export dataset format file runtime precision images same_top1 same_top5 agreement comparison logits "
            "faults steps cost reference_cost versions failure notes verdicts"
        ),
        "parities.comparison": COMPARISON,
        "parities.comparison.classes": COMPARISON_CLASSES,
        "parities.comparison.differences": DIFFERENCES,
        "parities.comparison.flips": FLIPS,
        "parities.logits": "images std largest median sensitivity tolerance",
        "parities.faults": FAULTS,
        "parities.steps": "name operation error share",
        "parities.cost": COST,
        "parities.reference_cost": COST,
        "parities.failure": FAILURE,
        "parities.verdicts": VERDICTS,
        "servings": "model what status message faults images notes",
        "servings.faults": FAULTS,
        "servings.images": "path kind distance same_top1 error",
        "contracts": "model contract status message",
        "limits": "model verdict",
        "limits.verdict": VERDICTS,
        "profiles": "conditions repeats_cpu_ns operators repeats_cuda_ns",
        "profiles.conditions": CONDITIONS,
        "profiles.conditions.machine": MACHINE,
        "profiles.operators": (
            "name calls self_cpu_ns cpu_total_ns cpu_memory_bytes self_cpu_memory_bytes self_cpu_low_ns "
            "self_cpu_high_ns self_cuda_ns cuda_total_ns cuda_memory_bytes self_cuda_memory_bytes self_cuda_low_ns "
            "self_cuda_high_ns"
        ),
    },
    Prediction: {"": "model dataset path image_sha256 label top group precision"},
    ProfileDiff: {"": "model clock changed by_chance movers total", "movers": MOVER, "total": MOVER},
    Golden: {
        "": (
            "arch options weights_file_sha256 state_sha256 input exif precision runtime device decoder versions "
            "labels_sha256 folders format model dataset logit_std sensitivity images"
        ),
        "input": INPUT,
        "images": "path sha256 label pixels tensor tensor_sha256 top probability",
    },
    DatasetOutcome: {  # JSON in the store, where a lost key with a default would be no error
        "": "dataset exif complete passes pairs rejections ignored_suffixes empty_classes remarks notes groups "
        "all_paths",
        "passes": PASS,
        "pairs": "scores facts failure prediction_key labels accepted overall from_store ids_ignored choice "
        "set_seconds screened",
        "pairs.scores": (
            "model dataset listed scored rejected ignored unscored distinct top1_count top5_count classes mass "
            "class_count units"
        ),
        "pairs.scores.classes": CLASSES,
        "pairs.scores.units": UNITS,
        "pairs.scores.units.classes": CLASSES,
        "pairs.facts": (
            "runtime precision device input weights_file_sha256 state_sha256 parameters crop_pct weight_bytes decode "
            "input_sources notes untrained"
        ),
        "pairs.facts.input": INPUT,
        "pairs.failure": FAILURE,
        "pairs.choice": "runtime listed why drifts screen smallest",
        "pairs.choice.drifts": DRIFTS,
        "pairs.choice.screen": SCREEN,
        "pairs.screened": SCREENED,
        "rejections": REJECTIONS,
    },
    RuntimeChoice: {"": "runtime listed why drifts screen smallest", "drifts": DRIFTS, "screen": SCREEN},
}
"""By the path of each object in its document; new keys may be added here, and none may go or be renamed."""


def _keys(kind: object, path: str = "") -> Iterator[tuple[str, str]]:
    """The keys of every object in the JSON of a type, by the object's path."""
    if isinstance(kind, type) and is_dataclass(kind):
        types = get_type_hints(kind)
        yield path, " ".join(field.name for field in fields(kind))
        for field in fields(kind):
            yield from _keys(types[field.name], f"{path}.{field.name}".removeprefix("."))
    for argument in get_args(kind):
        yield from _keys(argument, path)


@pytest.mark.parametrize("kind", KEYS, ids=lambda kind: kind.__name__)
def test_no_key_of_a_document_is_renamed(kind: type) -> None:
    """Every object has exactly the keys that are written down here, in their order."""
    assert dict(_keys(kind)) == KEYS[kind]


@pytest.mark.parametrize("file", sorted((ROOT / "golden").glob("*/*.json")), ids=lambda file: file.stem)
def test_golden_files_have_these_keys(file: Path) -> None:
    """The golden records of this repository were written with the keys above."""
    document = msgspec.json.decode(file.read_bytes())
    assert sorted(document) == sorted(KEYS[Golden][""].split())
    assert [*document["input"], "function"] == KEYS[Golden]["input"].split()  # only of a network's own preprocessing
    assert {tuple(image) for image in document["images"]} == {tuple(KEYS[Golden]["images"].split())}


def test_benchmarks_are_saved_with_these_keys() -> None:
    """pytest-benchmark's ``extra_info`` is a latency and its conditions, side by side."""
    figures = KEYS[Report]["latencies"].split()[1:]
    assert list(extra_info(0)) == [*CONDITIONS.split(), *figures]
