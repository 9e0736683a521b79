"""OpenVINO's files, as the runtime of that name converts a network; the extra ``imgcls[openvino]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imgcls.config.recipe import ExportRecipe
from imgcls.errors import Doubt, ImgclsError
from imgcls.models.exports import failures
from imgcls.models.exports.network import Network
from imgcls.models.exports.quiet import quiet
from imgcls.models.runtimes import openvino as runtime
from imgcls.models.runtimes.base import Request


def write(network: Network, recipe: ExportRecipe, file: Path) -> tuple[str, ...]:
    """Write the network with weights in float32 or float16: FILE.xml, and FILE.bin next to it. Raises ModelError."""
    converted, notes = convert(network, recipe)
    save(converted, file, half=recipe.precision == "float16")
    return notes


def save(converted: Any, file: Path, *, half: bool = False) -> None:
    """Write an OpenVINO model; ``half``: with its weights in float16."""
    runtime.library().save_model(converted, file, compress_to_fp16=half)


def convert(network: Network, recipe: ExportRecipe) -> tuple[Any, tuple[str, ...]]:
    """The network as an OpenVINO model, with a note where its recording fixes what its code decides.

    Raises ModelError.
    """
    request = _request(network, strict=not network.traceable)
    notes: tuple[str, ...] = ()
    try:
        with quiet():
            try:
                converted = runtime.converted(request)
            except Doubt as doubt:
                converted = runtime.converted(_request(network, strict=False))
                notes = (f"{str(doubt).partition('; ')[0]}; {failures.KEPT}",)
            _set_batch(network, recipe, converted)
    except ImgclsError:
        raise
    except Exception as error:  # the network's own code runs, and OpenVINO's converter
        raise failures.failure(network.model.spec.name, recipe, error) from error
    return converted, notes


def _request(network: Network, *, strict: bool) -> Request:
    model = network.model
    return Request(
        name=model.spec.name,
        module=lambda: model.classifier.module,
        precision="float32",
        device="cpu",
        size=model.input.crop,
        channels=model.input.channels,
        output=model.spec.output,
        cores=1,
        workers=1,
        strict=strict,
    )


def _set_batch(network: Network, recipe: ExportRecipe, converted: Any) -> None:
    """Any number of images, or one. Raises ModelError where the network's code fixed another number."""
    if not recipe.dynamic_batch:
        converted.reshape([1, *network.model.input.shape])
    elif converted.outputs[0].get_partial_shape()[0].is_static:
        raise failures.fixed_batch(network.model.spec.name, recipe)
