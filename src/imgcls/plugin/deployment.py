"""What the fixtures ``parity``, ``serving`` and ``contracts`` give: each fails a test unless what ships was tested."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import pytest

from imgcls import messages
from imgcls.errors import ImgclsError
from imgcls.gates import accuracy
from imgcls.plugin import properties
from imgcls.plugin.items import ExportHandle, once
from imgcls.plugin.projects import Project
from imgcls.records.config import DatasetSpec
from imgcls.records.evaluation import Status
from imgcls.records.parity import ContractCheck, Parity, ServingCheck
from imgcls.reporting import parity_table
from imgcls.reporting.ci import junit
from imgcls.session.events import ContractChecked, ParityChecked, ServingChecked

T = TypeVar("T")


class ExportParity:
    """One export of a model on one dataset."""

    def __init__(self, project: Project, item: pytest.Item, export: ExportHandle, dataset: DatasetSpec) -> None:
        self._project, self._item, self._export, self._dataset = project, item, export, dataset

    @cached_property
    def result(self) -> Parity:
        """What was seen; all exports of a model are compared at once, whichever is requested first."""
        pair = self._export.model, self._export.spec.name, self._dataset.name
        return _or_fail(self._item, lambda: self._project.deployment.parity(*pair))

    def check(self) -> None:
        """Fail the test where the export has no predictions, and unless every threshold of its gate is shown to hold.

        Without a gate the test is skipped with what was seen, as that of scores without one.
        """
        parity = self.result
        properties.report(self._item, ParityChecked(parity), junit.of_parity(parity))
        if parity.failure:
            message = parity.failure.message
            pytest.fail(f"{parity_table.name(parity)}: {once(self._item, message, message)}", pytrace=False)
        inconclusive = self._project.session.options.inconclusive
        if failed := [v.message for v in parity.verdicts if not accuracy.holds(v, inconclusive)]:
            pytest.fail("\n".join(failed), pytrace=False)
        if not parity.verdicts:
            pytest.skip(f"no gate for {parity_table.name(parity)}: {_seen(parity)}")


class ModelServing:
    """The preprocessing or the service with which a model is served."""

    def __init__(self, project: Project, item: pytest.Item, model: str) -> None:
        self._project, self._item, self._model = project, item, model

    @cached_property
    def result(self) -> ServingCheck:
        """What was seen."""
        return _or_fail(self._item, lambda: self._project.deployment.serving(self._model))

    def check(self) -> None:
        """Fail the test unless images become what the reference makes of them; the message names the culprits."""
        properties.report(self._item, ServingChecked(self.result), junit.of_serving(self.result))
        faults = [f"  {parity_table.fault_text(fault)}" for fault in self.result.faults]
        _settle(self.result.status, "\n".join([f"serving of {self._model}: {self.result.message}", *faults]))


class Contracts:
    """What every model should keep, tried on one model."""

    def __init__(self, project: Project, item: pytest.Item, model: str) -> None:
        self._project, self._item, self._model = project, item, model

    def check(self, name: str) -> ContractCheck:
        """Fail the test where the model does not keep the contract of this name; skip it where that cannot be tried."""
        check = _or_fail(self._item, lambda: self._project.deployment.contract(self._model, name))
        properties.report(self._item, ContractChecked(check), junit.of_contract(check))
        _settle(check.status, f"contract {name} of {self._model}: {check.message}")
        return check


def _or_fail(item: pytest.Item, compute: Callable[[], T]) -> T:
    """What is computed; an error fails the test in one line, without a second one for where it was caught."""
    try:
        return compute()
    except ImgclsError as error:
        message = once(item, str(error), str(error))
    pytest.fail(message, pytrace=False)


def _settle(status: Status, message: str) -> None:
    if status == "skipped":
        pytest.skip(message)
    if status != "pass":
        pytest.fail(message, pytrace=False)


def _seen(parity: Parity) -> str:
    return f"{parity.agreement}, {messages.counted(parity.flips, 'flip')} on {messages.counted(parity.images, 'image')}"
