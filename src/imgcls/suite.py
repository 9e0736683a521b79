"""The ready-made tests. A whole test file is ``from imgcls.suite import *``, which scores and holds goldens.

What takes time of its own is imported by name: ``from imgcls.suite import test_latency, test_memory``.

Each text is what one would write oneself: the fixtures come from the plugin.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgcls.plugin.fixtures import Gates, GoldenPredictions
    from imgcls.records.evaluation import Scores
    from imgcls.records.performance import Latency, Memory, Scenario


__all__ = ["test_accuracy", "test_golden"]


@pytest.mark.accuracy
def test_accuracy(scores: "Scores", gates: "Gates") -> None:
    """Every model is as accurate on every dataset as its gate says."""
    gates.check(scores)


@pytest.mark.golden
def test_golden(golden: "GoldenPredictions") -> None:
    """Every model's predictions are those of its golden record."""
    golden.check()


@pytest.mark.latency
@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
def test_latency(latency: "Callable[..., Latency]", gates: "Gates", scenario: "Scenario") -> None:
    """Every model is as fast on every device as its limits say, one image at a time and many at once."""
    gates.check(latency(scenario))


@pytest.mark.memory
def test_memory(memory: "Callable[..., Memory]", gates: "Gates") -> None:
    """Every model needs no more memory than its limits say, and does not grow from call to call."""
    gates.check(memory())
