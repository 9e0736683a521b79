"""Time, memory and operators have their tables and charts."""

import pytest

from builders import CONDITIONS, make_gpu_memory, make_latency, make_memory
from imgcls.records.performance import Operator, Profile
from imgcls.reporting.html.sections import costs
from report_pages import elements, make_document, make_view, rendered, section

OPERATORS = tuple(Operator(f"op{number}", 1, 10**6, 10**6, 0, 0, 1, 2) for number in range(3))


def test_every_kind_of_cost_is_shown() -> None:
    """With a chart of the latencies and of the memory."""
    html = rendered(
        make_document(
            latencies=(make_latency(cut_short=True, steady=False), make_latency("Offline")),
            memories=(make_memory(),),
            profiles=(Profile(CONDITIONS, (10, 11), OPERATORS),),
        )
    )
    read = section(html, "costs")
    assert "few rounds, not steady" in read
    assert "inference" in read
    assert "op2" in read
    titles = [of.get("aria-labelledby") or of.get("aria-label") for tag, of in elements(html) if tag == "svg"]
    assert len(titles) > 3


def test_memory_on_a_gpu_is_the_gpus() -> None:
    """Weights, and all else that torch allocated there."""
    bar = costs._bar(make_gpu_memory())
    assert (bar.model, bar.weights_bytes, bar.rest_bytes) == ("net (cuda)", 102_000_000, 158_000_000)
    assert bar.activations_bytes == bar.workspace_bytes == 0


def test_operators_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that take most come first in the document."""
    monkeypatch.setattr(costs, "OPERATORS", 2)
    html = rendered(make_document(profiles=(Profile(CONDITIONS, (10, 11), OPERATORS),)))
    assert "the 2 of 3 operators that take most" in section(html, "costs")


def test_without_a_measurement_there_is_no_section() -> None:
    """Nothing is empty."""
    assert costs.context(make_view(make_document())) is None
