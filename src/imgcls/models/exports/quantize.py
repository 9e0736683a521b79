"""Networks in int8: ONNX by ONNX Runtime, OpenVINO by NNCF (extra ``imgcls[quantize]``), both calibrated on images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ImgclsError
from imgcls.models.exports import failures, onnx, openvino
from imgcls.models.exports.calibration import Batches
from imgcls.models.exports.network import Network
from imgcls.models.exports.quiet import quiet
from imgcls.models.runtimes.openvino import without_statistics


class Quantized(NamedTuple):
    """What became of writing an int8 file; ``float32_bytes``: the size of the same file in float32."""

    float32_bytes: int
    notes: tuple[str, ...]


def write(network: Network, recipe: ExportRecipe, images: Batches, file: Path) -> Quantized:
    """Write the network with int8 weights and activations, whose ranges are those that the images cause.

    Raises ModelError.
    """
    writer = {"onnx": _write_onnx, "openvino": _write_openvino}[recipe.format]
    with TemporaryDirectory(prefix="imgcls-int8-") as scratch:
        try:
            return writer(network, recipe, images, file, Path(scratch))
        except ImgclsError:
            raise
        except Exception as error:  # what quantises is a large library each
            raise failures.failure(network.model.spec.name, recipe, error) from error


def file_bytes(file: Path) -> int:
    """The size of a file in bytes, with that of its weights where they are in a file next to it."""
    parts = (file, file.with_name(f"{file.name}.data"), *([file.with_suffix(".bin")] if file.suffix == ".xml" else ()))
    return sum(part.stat().st_size for part in parts if part.exists())


def _write_onnx(network: Network, recipe: ExportRecipe, images: Batches, file: Path, scratch: Path) -> Quantized:
    """As ONNX's pairs of QuantizeLinear and DequantizeLinear, which every runtime computes."""
    with onnx.importing_onnxruntime():
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process

    whole, prepared = scratch / "float32.onnx", scratch / "prepared.onnx"
    notes = onnx.write(network, replace(recipe, precision="float32"), whole)
    with quiet(), onnx.importing_onnxruntime():
        quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            file,
            _reader(images),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=recipe.per_channel,
        )
    onnx.check(network, recipe, file)
    return Quantized(file_bytes(whole), notes)


def _reader(images: Batches) -> Any:
    """The images as ONNX Runtime takes them: a dictionary each, and then None."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc] # ships no types
        def __init__(self) -> None:
            self._batches: Iterator[Any] = iter(images)

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self._batches, None)
            return None if batch is None else {onnx.INPUT: batch}

    return Reader()


def _write_openvino(network: Network, recipe: ExportRecipe, images: Batches, file: Path, scratch: Path) -> Quantized:
    converted, notes = openvino.convert(network, recipe)
    openvino.save(converted, scratch / "float32.xml")
    quantize = _nncf(per_channel=recipe.per_channel)
    with quiet():
        openvino.save(quantize(converted, images), file)
    return Quantized(file_bytes(scratch / "float32.xml"), notes)


def _nncf(*, per_channel: bool) -> Callable[[Any, Batches], Any]:
    """NNCF's post-training quantisation, symmetric, of an OpenVINO model and its images."""
    with warnings.catch_warnings(), without_statistics():
        warnings.simplefilter("ignore")  # of what NNCF itself imports; in `quiet` its log would keep a false stdout
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, QuantizationParameters

    advanced = AdvancedQuantizationParameters(
        weights_quantization_params=QuantizationParameters(per_channel=per_channel)
    )

    def quantize(converted: Any, images: Batches) -> Any:
        return nncf.quantize(converted, nncf.Dataset(images), subset_size=len(images), advanced_parameters=advanced)

    return quantize
