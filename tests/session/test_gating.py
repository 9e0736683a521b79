"""imgcls.session.gating: which gates there are, and which were evaluated."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from conftest import CONFIGURATION, Project
from imgcls.config import loader as configuration
from imgcls.records.evaluation import Status, Verdict
from imgcls.session.events import GoldenChecked
from imgcls.session.gating import GateResults
from imgcls.session.options import PYTEST_PREFIX, RunOptions
from imgcls.session.required import Target
from imgcls.session.session import Session
from imgcls.system import machine

LIMITS = '[memory.colour]\nhost = "1 GB"\ngpu = "1 GB"\n[latency.colour]\np95_ms = 40\nimages_per_second = 1\n'

Made = Callable[..., GateResults]


@pytest.fixture
def made(project: Project, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Results of a pytest session, on a machine without a GPU."""
    project.configure(CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true') + LIMITS)
    monkeypatch.setattr(machine, "has_gpu", lambda: False)

    def make(device: str | None = None) -> GateResults:
        options = RunOptions(working=Path(), store=None, device=device, prefix=PYTEST_PREFIX)
        settings = configuration.load([Path("imgcls.toml")])
        return GateResults(Session(options, settings, show_progress=lambda: nullcontext(lambda *_: None)))

    return make


def test_a_limit_for_a_device_that_is_not_there_does_not_apply(made: Made) -> None:
    """It is named and not counted, and counts where the device was requested."""
    without, with_gpu = made(), made("cuda")
    assert (without.total_gates, with_gpu.total_gates) == (4, 5)
    way = "(not measured on a GPU here; --imgcls-device cuda requires it)"
    assert without.not_applicable() == [f"memory of colour, gpu_bytes {way}"]
    assert f"  not applicable: memory of colour, gpu_bytes {way}" in list(without.not_evaluated())
    assert with_gpu.not_applicable() == []
    assert any(gate.words.startswith("memory of colour, gpu_bytes") for gate in with_gpu.unevaluated())


def test_each_limit_is_of_a_device_and_a_scenario(made: Made) -> None:
    """As tests are selected: throughput is of the scenario Offline."""
    assert [gate.target for gate in made().unevaluated()] == [
        Target("accuracy", "colour", "colours"),
        Target("latency", "colour", "cpu, SingleStream"),
        Target("latency", "colour", "cpu, Offline"),
        Target("memory", "colour", "cpu"),
    ]


@pytest.mark.parametrize(("status", "unchecked"), [("pass", 0), ("fail", 0), ("error", 1)])
def test_a_record_that_cannot_be_read_was_not_compared(made: Made, status: Status, unchecked: int) -> None:
    """Nor was a missing one; one that does not hold was."""
    results = made()
    results.add(GoldenChecked("colour", "colours", "golden/x.json", Verdict("golden", None, "golden", status, "words")))
    assert len(results.unchecked_goldens()) == unchecked


def test_what_must_be_evaluated_is_an_error_with_the_way_out(made: Made) -> None:
    """Once each, and the kinds that are left in one line at the end."""
    results = made()
    assert results.tests is not None
    scored = Target("accuracy", "colour", "colours")
    results.tests.selected |= {scored, Target("memory", "colour", "cpu")}
    results.tests.unmeasured[scored] = "it was skipped"
    assert list(results.required_errors()) == [
        "FAILED gate not evaluated: colour on colours (it was skipped)",
        "FAILED gate not evaluated: memory of colour, host_bytes (its test did not check it)",
        "  where this run is not to evaluate them: --imgcls-require-gates=none",
    ]
