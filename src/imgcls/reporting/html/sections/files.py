"""Which files were scored, rejected and ignored, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

from imgcls.reporting.html.view import View

SHOWN = 1000  # docs/decisions.md#images-in-a-report
"""The most rejected files that have a line."""


def context(view: View) -> dict[str, Any] | None:
    report = view.report
    if not (report.datasets or report.rejections):
        return None
    reasons = Counter((rejection.dataset, rejection.reason) for rejection in report.rejections)
    return {
        "datasets": report.datasets,
        "reasons": sorted(reasons.items(), key=lambda item: (-item[1], item[0])),
        "rejections": report.rejections[:SHOWN],
        "left_out": max(0, len(report.rejections) - SHOWN),
    }
