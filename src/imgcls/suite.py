"""The ready-made tests. A whole test file is ``from imgcls.suite import *``, which scores and holds goldens.

What takes its own time is asked for by name: ``from imgcls.suite import test_latency, test_memory``.

Each text is what one would write oneself: the fixtures come from the plugin.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgcls.harness import Gates, PinnedAnswers
    from imgcls.measures import Latency, Memory, Scenario
    from imgcls.records import Scores

__all__ = ["test_accuracy", "test_golden"]


@pytest.mark.accuracy
def test_accuracy(scores: "Scores", gates: "Gates") -> None:
    """Every model is as accurate on every data set as its gate says."""
    gates.check(scores)


@pytest.mark.golden
def test_golden(golden: "PinnedAnswers") -> None:
    """Every model answers every picture as its golden says."""
    golden.check()


@pytest.mark.latency
@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
def test_latency(latency: "Callable[..., Latency]", gates: "Gates", scenario: "Scenario") -> None:
    """Every model is as fast on every device as its limits say, one picture at a time and many at once."""
    gates.check(latency(scenario))


@pytest.mark.memory
def test_memory(memory: "Callable[..., Memory]", gates: "Gates") -> None:
    """Every model needs no more memory than its limits say, and does not grow from call to call."""
    gates.check(memory())
