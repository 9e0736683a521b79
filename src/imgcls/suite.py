"""The ready-made tests. A whole test file is ``from imgcls.suite import *``, which scores, holds goldens, and
compares exports and serving where a model has them.

What takes time of its own is imported by name: ``from imgcls.suite import test_latency, test_memory, test_contract``.

Each text is what one would write oneself, with the names of fixtures that nobody else has.
"""

from typing import TYPE_CHECKING

import pytest

from imgcls.contracts.check import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgcls.plugin.checks import Gates, GoldenPredictions
    from imgcls.plugin.deployment import Contracts, ExportParity, ModelServing
    from imgcls.records.evaluation import Scores
    from imgcls.records.performance import Latency, Memory, Scenario


__all__ = ["test_accuracy", "test_golden", "test_parity", "test_serving"]


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


@pytest.mark.parity
def test_parity(imgcls_parity: "ExportParity") -> None:
    """Every export of every model predicts on every dataset what the model predicts."""
    imgcls_parity.check()


@pytest.mark.parity
def test_serving(imgcls_serving: "ModelServing") -> None:
    """Images become in serving what they were in testing."""
    imgcls_serving.check()


@pytest.mark.contract
@pytest.mark.parametrize("contract", NAMES)
def test_contract(imgcls_contracts: "Contracts", contract: str) -> None:
    """Every model keeps what every model should keep."""
    imgcls_contracts.check(contract)
