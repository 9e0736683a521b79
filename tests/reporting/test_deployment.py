"""What ships against what was tested, for a terminal and in Markdown."""

import csv
import io
from dataclasses import replace

from builders import make_parity, make_report
from imgcls.records.evaluation import Verdict
from imgcls.records.parity import ContractCheck, Fault, ServingCheck
from imgcls.reporting import deployment, markdown
from imgcls.reporting.presentation import Presentation

VERDICT = Verdict("flips", 0.002, "flips <= 0.002", "fail", "net/onnx on photos: 2 of 50 flipped")
FAULT = Fault("decoding", "EXIF", "orientations are applied", 1.0)
SERVING = ServingCheck("net", "python:app:prepare", "fail", "9 of 20 images differ", (FAULT,), notes=("HWC",))
CONTRACT = ContractCheck("net", "finite", "pass", "finite in float32 and bfloat16")


def test_verdicts_come_with_their_culprits() -> None:
    """A line for each gate, serving and contract; what explains a serving stands below it."""
    lines = list(deployment.verdicts([make_parity(verdicts=(VERDICT,))], [SERVING], [CONTRACT]))
    assert lines == [
        "FAIL net/onnx on photos: 2 of 50 flipped",
        "FAIL serving of net: 9 of 20 images differ",
        "  decoding: EXIF: orientations are applied (explains 100 % of the difference)",
        "  HWC",
        "PASS contract finite of net: finite in float32 and bfloat16",
    ]


def test_a_terminal_shows_every_flip_with_both_predictions() -> None:
    """The table of exports first, then the images that flipped."""
    text = "\n".join(deployment.text([make_parity()], Presentation()))
    assert text.index("parity of net on photos") < text.index("a/2.jpg")
    assert "0 class 0" in text
    assert "5 class 5" in text


def test_a_spreadsheet_has_a_line_per_export() -> None:
    """With counts, accuracies and costs, and empty cells where nothing was measured."""
    [line] = csv.DictReader(io.StringIO(deployment.as_csv([make_parity()])))
    assert (line["export"], line["flips"], line["top1_before"], line["top1_after"]) == ("onnx", "2", "0.8", "0.78")
    assert (line["p95_ms"], line["failure"]) == ("", "")


def test_markdown_has_the_same_under_a_heading() -> None:
    """The section is there where something ships, and not where nothing does."""
    report = replace(make_report(), parities=(make_parity(verdicts=(VERDICT,)),), servings=(SERVING,))
    text = markdown.text(report)
    assert "### Deployment" in text
    assert "| onnx (onnx) | 50 | 2 | 78.0 | 0.4 | different |" in text
    assert "- FAIL net/onnx on photos: 2 of 50 flipped" in text
    assert "### Deployment" not in markdown.text(make_report())
