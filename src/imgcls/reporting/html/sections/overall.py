"""The five classes that a model sees most of in a whole dataset."""

from __future__ import annotations

from typing import Any

from imgcls.reporting.html.view import View


def context(view: View) -> dict[str, Any] | None:
    results = [result for result in view.report.results if result.overall_top5]
    return {"results": results} if results else None
