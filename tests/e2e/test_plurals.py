"""One image is not ``1 images``, in whatever is printed of a run, and in the source of every message."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import imgcls
from builders import INFO, make_latency, make_memory, make_pair, make_parity, make_report, make_scores
from imgcls import messages
from imgcls.gates import accuracy, cost, parity, regression
from imgcls.records.comparison import Comparison, Difference, Flip, PairwiseTest
from imgcls.records.data import Rejection
from imgcls.records.evaluation import ClassScore
from imgcls.records.performance import Growth, Profile
from imgcls.records.report import DatasetFiles, Report
from imgcls.records.runtime import PredictionChange, Screened, SpeedOption
from imgcls.records.thresholds import Gate, LatencyGate, MemoryGate, ParityGate, ProvenThreshold
from imgcls.reporting import markdown, operator_table, terminal
from imgcls.reporting.presentation import Presentation

NOUNS = (
    "images files folders classes rounds calls repeats groups pairs rows keys predictions cores threads gates outputs"
)
PLURAL = rf"(?:{'|'.join([*NOUNS.split(), 'operators', 'models', 'exports', 'flips', 'tensors', 'ids', 'epochs'])})\b"
ONE_OF_MANY = re.compile(rf"(?<![\d.,/])1 (?:[a-z]+ )?{PLURAL}(?!/)")
SINGULAR = "|".join("class" if noun == "classes" else noun[:-1] for noun in NOUNS.split())
MANY_OF_ONE = re.compile(rf"(?<![\d.,])(?:0|2) (?:{SINGULAR})\b")

FOLDERS = ("gates", "comparison", "cli", "session", "reporting")


@pytest.mark.parametrize(
    ("count", "kind", "text"),
    [(0, "image", "0 images"), (1, "image", "1 image"), (2, "image", "2 images"), (1, "class", "1 class"),
     (2, "class", "2 classes"), (2, "category", "2 categories"), (0, "more gate", "0 more gates")],
)  # fmt: skip
def test_a_number_is_followed_by_its_noun(count: int, kind: str, text: str) -> None:
    """Singular for one only."""
    assert messages.counted(count, kind) == text


def _report(n: int) -> Report:
    """A run of which everything is there ``n`` times."""
    scores = make_scores(listed=n + 2, scored=n, distinct=n, top1_count=0, top5_count=0, class_count=n, rejected=n,
                         classes={f"class {each}": ClassScore(1, 0, 0) for each in range(n)})  # fmt: skip
    drifts: dict[SpeedOption, PredictionChange] = {"decode": PredictionChange(n, 0, 0)}
    pair = make_pair(scores=scores, facts=INFO)
    flips = tuple(
        Flip("right to wrong", f"{each}.jpg", "ab", "cat", (0, "cat", 0.9), (1, "dog", 0.8)) for each in range(n)
    )
    paths = tuple(f"{each}.jpg" for each in range(n))
    differences = (Difference("top1", n, 0, 0, 0, 0, 0.0, -1.0, 1.0, 1.0, None),) if n else ()
    report = make_report(
        pair,
        rejections=tuple(Rejection("photos", path, "corrupt", "bad") for path in paths),
        datasets=(DatasetFiles("photos", n + 2, n, n, n, {".txt": n}, paths, {"carry a mark": n}, ()),),
        comparisons=(
            Comparison("photos", "net", "net", "a", "b", only_before=paths, differences=differences, flips=flips),
        ),
        contrasts=(PairwiseTest("photos", "a", "b", n, 0, 0, 0.0, 1.0, 1.0, real=False, images_needed=n + 1),)
        if n
        else (),
        latencies=(make_latency(rounds=max(n, 1)),),
        memories=(make_memory(growth=Growth(n, 0.0, -1.0, 1.0)),),
    )
    screened = Screened("bfloat16", 0.5, n, n, n, n, 1.0) if n else None
    return replace(report, results=tuple(replace(r, drifts=drifts, screened=screened) for r in report.results))


def _verdicts(n: int) -> Iterator[str]:
    classes = {f"class {each}": ClassScore(1, 0, 0) for each in range(n)}
    counts: dict[str, Any] = {
        "listed": n,
        "scored": n,
        "distinct": n,
        "top1_count": 0,
        "top5_count": 0,
        "class_count": 9,
    }
    pair = make_pair(scores=make_scores(**counts, classes=classes))
    proven = ProvenThreshold(0.5, 0.95)
    for gate in (Gate(top1=0.5, macro_f1=0.5, min_images=9, worst_class=0.5), Gate(top1=proven, class_top1=proven)):
        yield from (verdict.message for verdict in accuracy.evaluate(gate, pair))
    cut = replace(pair, scores=replace(pair.scores, unscored=n, scored=max(n, 1)))
    yield from (verdict.message for verdict in accuracy.evaluate(Gate(top1=0.5), cut))
    measured = make_latency(rounds=max(n, 1), cut_short=True)
    yield from (verdict.message for verdict in cost.latency(LatencyGate(p95_ms=1), measured))
    memory = make_memory(growth=Growth(n, 0.0, -1.0, 1.0))
    yield from (verdict.message for verdict in cost.memory(MemoryGate(host_bytes=1), memory))
    if n:
        export = make_parity(images=n, same_top1=n)
        for threshold in (ParityGate(flips=0.1, confidence=0.95), ParityGate(flips=0.1, logits=0.1)):
            yield from (verdict.message for verdict in parity.evaluate(threshold, export))
    compared = _report(n).comparisons[0]
    yield from (verdict.message for verdict in regression.compared(compared, {}, common=False))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_whatever_is_printed_has_the_right_number(count: int) -> None:
    """Tables, notes and verdicts of a run in which everything is there once, twice or not at all."""
    report = _report(count)
    printed = [*terminal.lines(report, Presentation(1000, verbosity=1)), markdown.text(report), *_verdicts(count)]
    profile = Profile(make_latency().conditions, (1,) * count, ())
    printed += operator_table.text(profile, Presentation(1000))
    text = "\n".join(printed)
    assert len(text) > 1000
    assert ONE_OF_MANY.findall(text) == []
    assert MANY_OF_ONE.findall(text) == []


def _numbers(file: Path) -> Iterator[str]:
    """Every number of an f-string that a plural follows, whatever the number is."""
    for node in ast.walk(ast.parse(file.read_text())):
        values = node.values if isinstance(node, ast.JoinedStr) else []
        for value, text in pairwise(values):
            if not (isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant)):
                continue
            words = str(text.value)
            if re.match(rf" {PLURAL}(?!/)", words) and not value.format_spec:
                yield f"{file.name}: {ast.unparse(value.value)}{words}"


ALWAYS_MANY = (
    "result.class_count",
    "units.total(",
    "metrics.STORED_CLASSES",
    "class_lines.py: scored classes",
    "card.py",
)
"""Numbers that are never one, or that are more than a number."""


def test_no_message_has_a_plural_of_its_own() -> None:
    """What is counted goes through one function, which knows what one is."""
    root = Path(imgcls.__file__).parent
    files = [file for folder in FOLDERS for file in (root / folder).glob("*.py")]
    assert len(files) > 60
    plurals = [text for file in files for text in _numbers(file) if not any(known in text for known in ALWAYS_MANY)]
    assert plurals == []
