"""Steps of OpenVINO's files."""

from pathlib import Path

import pytest

import planted
from imgcls.parity.diagnosis import alignment, diagnose, localize, tracers
from imgcls.parity.diagnosis.trace_torch import TorchTracer


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as the exporter writes it, which is converted."""
    return planted.write_onnx(planted.net(), tmp_path_factory.mktemp("openvino") / "net.onnx")


@pytest.mark.slow
def test_steps_and_their_weights(onnx_file: Path) -> None:
    """Every step that is not fused has a counterpart; layers have the weights and the biases that are added later."""
    model = planted.loaded(planted.as_openvino(onnx_file), "openvino")
    tracer = tracers.of(model)
    assert tracer
    theirs = tracer.operations(planted.BATCH.numpy())
    found = alignment.matches(TorchTracer(planted.net()).operations(planted.BATCH.numpy()), theirs)
    assert {match.reference.kind for match in found if match.export is None} == {"conv2d"}
    assert max(match.error for match in found if match.export) < 1e-4
    linear = [step for step in theirs if step.weight is not None]
    assert [step.kind for step in linear] == ["conv2d"] * 3 + ["linear"]
    assert all(step.bias is not None for step in linear)


@pytest.mark.slow
def test_a_bias_and_an_epsilon(onnx_file: Path) -> None:
    """A clean file has no fault, and one with a bias less has that."""
    ours = planted.reference()
    clean = planted.loaded(planted.as_openvino(onnx_file), "openvino")
    assert diagnose.faults(ours, clean, planted.sample(ours, clean)) == ()
    edited = planted.edited(onnx_file, "first.conv.weight_bias", lambda bias: bias * 0)
    theirs = planted.loaded(planted.as_openvino(edited), "openvino")
    sample = planted.sample(ours, theirs)
    (fault,) = diagnose.faults(ours, theirs, sample)
    assert fault.what == "the bias of first.conv is not in the file"
    assert localize.steps(ours, theirs, sample)[0].name == "first.bn"
