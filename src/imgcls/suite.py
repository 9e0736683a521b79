"""The ready-made tests. A whole test file is ``from imgcls.suite import *``, which scores and holds goldens.

What takes time of its own is imported by name: ``from imgcls.suite import test_latency, test_memory``.

Each text is what one would write oneself, with the names of fixtures that nobody else has.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgcls.plugin.checks import Gates, GoldenPredictions
    from imgcls.records.evaluation import Scores
    from imgcls.records.performance import Latency, Memory, Scenario


__all__ = ["test_accuracy", "test_golden"]


@pytest.mark.accuracy
def test_accuracy(imgcls_scores: "Scores", imgcls_gates: "Gates") -> None:
    """Every model is as accurate on every dataset as its gate says."""
    imgcls_gates.check(imgcls_scores)


@pytest.mark.golden
def test_golden(imgcls_golden: "GoldenPredictions") -> None:
    """Every model's predictions are those of its golden record."""
    imgcls_golden.check()


@pytest.mark.latency
@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
def test_latency(imgcls_latency: "Callable[..., Latency]", imgcls_gates: "Gates", scenario: "Scenario") -> None:
    """Every model is as fast on every device as its limits say, one image at a time and many at once."""
    imgcls_gates.check(imgcls_latency(scenario))


@pytest.mark.memory
def test_memory(imgcls_memory: "Callable[..., Memory]", imgcls_gates: "Gates") -> None:
    """Every model needs no more memory than its limits say, and does not grow from call to call."""
    imgcls_gates.check(imgcls_memory())
