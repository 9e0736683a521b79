"""ONNX files, written by torch's exporter on ``torch.export``; the extra ``imgcls[onnx]``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ImgclsError, ModelError
from imgcls.models.exports import failures
from imgcls.models.exports.network import Network
from imgcls.models.exports.quiet import quiet

INPUT, OUTPUT = "images", "logits"


def write(network: Network, recipe: ExportRecipe, file: Path) -> tuple[str, ...]:
    """Write the network in float32 or float16; its inputs and logits stay float32. Raises ModelError."""
    import onnx

    try:
        with torch.no_grad(), quiet():
            _exported(network, recipe).save(file)
            if recipe.precision == "float16":
                onnx.save(_halved(onnx.load(file)), file)
    except ImgclsError:
        raise
    except Exception as error:  # the network's own code runs, and three libraries
        raise failures.failure(network.model.spec.name, recipe, error) from error
    check(network, recipe, file)
    return ()


def check(network: Network, recipe: ExportRecipe, file: Path) -> None:
    """Raise ModelError where a file is not valid, not of the opset of its recipe, or not for any number of images."""
    import onnx

    name, model = network.model.spec.name, onnx.load(file, load_external_data=False)
    _check_opset(name, recipe, model)
    _check_batch(name, recipe, model)
    try:
        onnx.checker.check_model(file, full_check=True)
    except Exception as error:  # a converter's mistake, of several kinds
        raise failures.failure(name, recipe, error) from error


def _exported(network: Network, recipe: ExportRecipe) -> Any:
    batch = {0: torch.export.Dim("batch")} if recipe.dynamic_batch else {}
    return torch.onnx.export(
        network.module(),
        (network.example(dynamic_batch=recipe.dynamic_batch),),
        dynamo=True,
        opset_version=recipe.opset,
        dynamic_shapes=(batch,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        verbose=False,
    )


def _check_opset(name: str, recipe: ExportRecipe, model: Any) -> None:
    """Raise ModelError where torch left ONNX's own operators at another version than the requested one."""
    written = next(entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"})
    if written != recipe.opset:
        raise ModelError(
            f"{name} cannot be made an onnx file of opset {recipe.opset}: torch {torch.__version__} writes opset "
            f"{written} and does not convert that: use opset = {written}"
        )


def _check_batch(name: str, recipe: ExportRecipe, model: Any) -> None:
    """Raise ModelError where torch silently fixed the number of images."""
    batches = [value.type.tensor_type.shape.dim[0] for value in (*model.graph.input, *model.graph.output)]
    if recipe.dynamic_batch and any(batch.HasField("dim_value") for batch in batches):
        raise failures.fixed_batch(name, recipe)


def _halved(model: Any) -> Any:
    """The same model computing in float16, its nodes in an order in which each comes after what it needs."""
    halved = _converter()(model, keep_io_types=True)
    _sort(halved.graph)
    return halved


def _converter() -> Callable[..., Any]:
    """ONNX Runtime's own."""
    with importing_onnxruntime():
        from onnxruntime.transformers.float16 import convert_float_to_float16

    converter: Callable[..., Any] = convert_float_to_float16
    return converter


@contextmanager
def importing_onnxruntime() -> Iterator[None]:
    """Its tools import each other as if their folder were on the path: it is meanwhile, and not afterwards."""
    before = list(sys.path)
    [folder] = find_spec("onnxruntime.transformers").submodule_search_locations  # type: ignore[union-attr, misc]
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path[:] = before


def _sort(graph: Any) -> None:
    """Order the nodes of a graph by what they need; those that may come in any order keep theirs."""
    produced = {name for node in graph.node for name in node.output}
    waiting, ordered = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if not produced.intersection(node.input)]
        if not ready:
            raise ModelError('the float16 graph of ONNX Runtime has a circle: use precision = "float32"')
        ordered += ready
        produced.difference_update(name for node in ready for name in node.output)
        waiting = [node for node in waiting if produced.intersection(node.output)]
    del graph.node[:]
    graph.node.extend(ordered)
