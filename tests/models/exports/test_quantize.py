"""imgcls.models.exports.quantize: int8 files agree with the network, and are a quarter of its size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from export_parts import agreement
from imgcls.config.recipe import ExportRecipe
from imgcls.models.exports import quantize
from imgcls.models.exports.calibration import Batches
from imgcls.models.exports.network import Network


@pytest.mark.slow
def test_onnx(
    odd: Callable[[str], Network], training_images: Batches, images: torch.Tensor, tmp_path: Path, capfd: Any
) -> None:
    """Weights and activations are pairs of QuantizeLinear and DequantizeLinear, a scale for each output channel."""
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    (tmp_path / "made").mkdir()
    file, small = tmp_path / "made" / "net.onnx", odd("Small")
    quantized = quantize.write(small, ExportRecipe("onnx", "int8"), training_images, file)
    assert capfd.readouterr() == ("", "")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    logits = small.model.classifier.logits(images)
    assert agreement(logits, session.run(None, {"images": images.numpy()})[0]) >= 0.9
    assert quantized.notes == ()
    assert quantized.float32_bytes > 12_000  # 3002 weights
    graph = onnx.load(file).graph
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in graph.node}
    assert 16 in {weight.dims[0] for weight in graph.initializer if weight.name.endswith("_scale") and weight.dims}
    assert [place.name for place in file.parent.iterdir()] == ["net.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize("per_channel", [True, False])
def test_openvino(
    per_channel: bool, reference: Network, training_images: Batches, images: torch.Tensor,
    logits: NDArray[np.float32], tmp_path: Path, capfd: Any,
) -> None:  # fmt: skip
    """NNCF's ranges have as many scales as a weight has output channels, or one."""
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    file = tmp_path / "net.xml"
    recipe = ExportRecipe("openvino", "int8", per_channel=per_channel)
    quantized = quantize.write(reference, recipe, training_images, file)
    assert capfd.readouterr() == ("", "")
    compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert agreement(logits, np.array(compiled(images.numpy())[0])) >= 0.95
    assert 2 < quantized.float32_bytes / quantize.file_bytes(file) < 4
    assert (max(_weight_scales(openvino.Core().read_model(file))) > 1) == per_channel


@pytest.mark.slow
def test_no_usage_statistics_are_sent(python: Any) -> None:
    """Where NNCF would send them, a stub takes their place; OpenVINO's own stays as it was."""
    pytest.importorskip("nncf")
    result = python(
        "import sys; from imgcls.models.exports import quantize; quantize._nncf(per_channel=True); "
        "from nncf.telemetry import wrapper; print(type(wrapper.telemetry).__name__, "
        "'openvino_telemetry' in sys.modules)"
    )
    assert result.outlines == ["MagicMock False"]


def _weight_scales(model: Any) -> list[int]:
    """How many scales each weight has, which multiply what is stored in int8."""
    return [
        int(np.prod(node.input(1).get_shape()))
        for node in model.get_ops()
        if node.get_type_name() == "Multiply" and node.get_friendly_name().split("/")[-1].startswith("fq_weights")
    ]


def test_the_size_of_a_file_is_that_of_all_its_parts(tmp_path: Path) -> None:
    """Weights may lie in a file of their own."""
    for name, size in (("net.xml", 3), ("net.bin", 40), ("net.onnx", 5), ("net.onnx.data", 600)):
        (tmp_path / name).write_bytes(bytes(size))
    assert quantize.file_bytes(tmp_path / "net.xml") == 43
    assert quantize.file_bytes(tmp_path / "net.onnx") == 605
