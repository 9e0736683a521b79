"""Steps of ONNX files, and faults in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, load, numpy_helper, save

import planted
from imgcls.models.files.port import Port
from imgcls.models.model import Model
from imgcls.parity.diagnosis import alignment, diagnose, localize, tracers
from imgcls.parity.diagnosis.trace_onnx import OnnxTracer
from imgcls.parity.diagnosis.trace_torch import TorchTracer


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as the exporter writes it."""
    return planted.write_onnx(planted.net(), tmp_path_factory.mktemp("onnx") / "net.onnx")


def _found(file: Path) -> tuple[Model, Model, Any]:
    ours, theirs = planted.reference(), planted.loaded(file, "onnx")
    return ours, theirs, planted.sample(ours, theirs)


@pytest.mark.slow
def test_fused_steps_have_no_counterpart(file: Path) -> None:
    """Batch norms are in the convolutions: those have no output, and all other steps have their own."""
    tracer = tracers.of(planted.loaded(file, "onnx"))
    assert tracer
    found = alignment.matches(
        TorchTracer(planted.net()).operations(planted.BATCH.numpy()), tracer.operations(planted.BATCH.numpy())
    )
    assert {match.reference.kind for match in found if match.export is None} == {"conv2d"}
    assert max(match.error for match in found if match.export) < 1e-4
    assert tracer.precision == "float32"


@pytest.mark.slow
def test_clean_files_have_no_fault(file: Path) -> None:
    """Neither as they are, nor step by step."""
    found = _found(file)
    assert diagnose.faults(*found) == ()
    assert localize.steps(*found) == ()


@pytest.mark.slow
def test_a_bias_and_a_factor(file: Path) -> None:
    """Tensors of the file by the names that their layers have in the network."""
    (fault,) = diagnose.faults(*_found(planted.edited(file, "first.conv.weight_bias", lambda bias: bias * 0)))
    assert fault.what == "the bias of first.conv is not in the file"
    (fault,) = diagnose.faults(*_found(planted.edited(file, "second.conv.weight", lambda weight: weight * 1.05)))
    assert fault.what == "the weight of second.conv is 1.05 times the reference's"


@pytest.mark.slow
def test_the_share_of_a_step(file: Path) -> None:
    """All of the error is there after the step that makes it."""
    (step, *others) = localize.steps(*_found(planted.edited(file, "first.conv.weight", lambda weight: weight * 1.05)))
    assert (step.name, step.operation) == ("first.bn", "batch_norm")
    assert step.share == pytest.approx(1, abs=0.05)
    assert sum(other.share for other in others) < 0.2


@pytest.mark.slow
def test_integers(file: Path) -> None:
    """A scale that is off by 5 % in one of the layers is named; their rounding is not."""
    assert diagnose.faults(*_found(_in_integers(file, 1.0))) == ()
    off = diagnose.faults(*_found(_in_integers(file, 1.05)))
    assert off[0].what == "the weight of first.conv is 1.05 times the reference's: the scale of its integers is off"


def _in_integers(file: Path, factor: float) -> Path:
    """The file with its weights in int8, with a scale for each channel; that of the second layer is off."""
    model = load(file)
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Conv"]:
        name = node.input[1]
        weight = numpy_helper.to_array(stored[name])
        scale = (np.abs(weight).max(axis=(1, 2, 3)) / 127).astype(np.float32)
        integers = np.round(weight / scale[:, None, None, None]).astype(np.int8)
        off = scale * np.float32(factor if name.startswith("first") else 1)
        values = {f"{name}_int8": integers, f"{name}_scale": off, f"{name}_zero": np.zeros(len(scale), np.int8)}
        graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in values.items())
        graph.node.insert(0, helper.make_node("DequantizeLinear", list(values), [f"{name}_float"], axis=0))
        graph.initializer.remove(stored[name])
        node.input[1] = f"{name}_float"
    target = file.with_name(f"int8_{factor}.onnx")
    save(model, target)
    return target


def test_activations_out_of_range(tmp_path: Path) -> None:
    """The share that a quantisation of activations cuts off, at the step that has floating-point values again."""
    constants = {"scale": np.float32(0.01), "zero": np.int8(0)}
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["images"], ["activations"]),
            helper.make_node("QuantizeLinear", ["activations", "scale", "zero"], ["integers"]),
            helper.make_node("DequantizeLinear", ["integers", "scale", "zero"], ["logits"]),
        ],
        "net",
        [helper.make_tensor_value_info("images", 1, ["n", 3, 4, 4])],
        [helper.make_tensor_value_info("logits", 1, ["n", 3, 4, 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "net.onnx")
    values = np.zeros((1, 3, 4, 4), np.float32)
    values[0, 0] = 2
    steps = OnnxTracer(tmp_path / "net.onnx", Port()).operations(values)
    assert [(step.kind, step.clipped) for step in steps] == [("Relu", None), ("DequantizeLinear", pytest.approx(1 / 3))]
