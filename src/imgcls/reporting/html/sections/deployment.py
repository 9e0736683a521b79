"""What ships against what was tested: exports, serving, contracts."""

from __future__ import annotations

from typing import Any

from imgcls.reporting.html.view import View

FLIPS = 50  # docs/decisions.md#images-in-a-report
"""The most flips of an export that have a line."""


def context(view: View) -> dict[str, Any] | None:
    report = view.report
    if not (report.parities or report.servings or report.contracts):
        return None
    from imgcls.reporting import parity_table

    return {
        "groups": parity_table.by_table(report.parities),
        "servings": report.servings,
        "contracts": report.contracts,
        "flips_shown": FLIPS,
        "fault_text": parity_table.fault_text,
    }
