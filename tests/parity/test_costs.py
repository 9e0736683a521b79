"""imgcls.parity.costs: what is measured of an export and of its reference."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from builders import make_latency, make_memory
from conftest import Project
from imgcls.errors import MachineError
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.parity import costs
from imgcls.performance import latency, memory
from imgcls.records.config import ModelSpec
from imgcls.records.parity import ExportCost
from imgcls.records.performance import Latency
from shipped import INPUT, colour_spec, write_onnx


@pytest.fixture
def figures(importable: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Latency and memory as if they had been measured."""
    assert importable
    monkeypatch.setattr(latency, "measure", lambda *_: make_latency(p50_ns=3, p95_ns=5))
    monkeypatch.setattr(memory, "measure", lambda *_: make_memory(loading=11, inference=7))


def _onnx(file: Path, **keys: Any) -> ModelSpec:
    return ModelSpec("colour", f"onnx:{file}", labels=Path("names.txt"), input=INPUT, **keys)


@pytest.mark.usefixtures("figures")
def test_all_figures_of_an_export() -> None:
    """Percentiles of one image at a time, the higher peak, and the bytes of its file."""
    file = write_onnx(Path("ship.onnx"))
    cost, notes = costs.measured(loader.load(_onnx(file), "cpu"))
    assert cost == ExportCost(file_bytes=file.stat().st_size, p50_ns=3, p95_ns=5, peak_bytes=11)
    assert notes == ()


@pytest.mark.usefixtures("figures")
def test_a_network_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the second dataset its cost is known; another file of another content is measured anew."""
    file, measured, known = write_onnx(Path("ship.onnx")), list[Model](), costs.Costs()

    def measure(model: Model, _: str) -> Latency:
        measured.append(model)
        return make_latency()

    monkeypatch.setattr(latency, "measure", measure)
    assert known.of(loader.load(_onnx(file), "cpu")) == known.of(loader.load(_onnx(file), "cpu"))
    assert len(measured) == 1
    write_onnx(file, np.zeros((3, 3)))
    known.of(loader.load(_onnx(file), "cpu"))
    assert len(measured) == 2


@pytest.mark.usefixtures("figures")
def test_weights_in_a_second_file_count() -> None:
    """ONNX may keep its values next to the file that names them."""
    import onnx

    file = write_onnx(Path("ship.onnx"))
    network = onnx.load(file)
    onnx.save(network, file, save_as_external_data=True, location="values.bin", size_threshold=0)
    cost, _ = costs.measured(loader.load(_onnx(file), "cpu"))
    assert cost.file_bytes == file.stat().st_size + Path("values.bin").stat().st_size


@pytest.mark.usefixtures("figures")
def test_a_network_without_a_file_has_no_size() -> None:
    """Published weights and those of a factory are nobody's file that ships."""
    cost, _ = costs.measured(loader.load(colour_spec(), "cpu"))
    assert cost.file_bytes is None


@pytest.mark.usefixtures("figures")
def test_the_weights_of_a_reference_are_its_size() -> None:
    """Where its configuration names a file of weights."""
    torch.save({"gain": torch.tensor(2.0)}, "gain.pth")
    cost, _ = costs.measured(loader.load(colour_spec(weights=Path("gain.pth")), "cpu"))
    assert cost.file_bytes == Path("gain.pth").stat().st_size


@pytest.mark.usefixtures("figures")
def test_what_cannot_be_measured_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without memray there is no peak, and the other figures stay."""

    def missing(*_: object) -> None:
        raise MachineError("memory is measured with memray, which is not installed here")

    monkeypatch.setattr(memory, "measure", missing)
    cost, notes = costs.measured(loader.load(colour_spec(), "cpu"))
    assert (cost.p50_ns, cost.peak_bytes) == (3, None)
    assert notes == ("not measured: memory is measured with memray, which is not installed here",)
