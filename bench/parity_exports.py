"""The networks as files of each runtime, and photographs as both sides of a comparison have them."""

from __future__ import annotations

import copy
import warnings
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from imgcls.models import inference, loader
from imgcls.models.model import Model
from imgcls.parity.sample import Sample
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import ImageRef
from parity_networks import DATA, Change, Network


def written(network: Network, batch: torch.Tensor, runtime: str, folder: Path) -> Path:
    """The network as a file of a runtime, for any number of images of the size of those of a batch."""
    network = network.eval()
    given = batch.to(next(network.parameters()).dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own deprecations
        if runtime == "torchscript":
            torch.jit.trace(network, given).save(folder / "net.pt")  # type: ignore[no-untyped-call]  # torch's
            return folder / "net.pt"
        program = torch.export.export(network, (given,), dynamic_shapes=({0: torch.export.Dim("n", min=1, max=64)},))
        if runtime == "exported":
            torch.export.save(program, folder / "net.pt2")
            return folder / "net.pt2"
        if runtime == "openvino":
            import openvino

            model = openvino.convert_model(program, input=[(-1, *batch.shape[1:])])
            openvino.save_model(model, folder / "net.xml", compress_to_fp16=False)
            return folder / "net.xml"
        exported = torch.onnx.export(program, (), dynamo=True, verbose=False)
        assert exported is not None
        exported.save(str(folder / "net.onnx"))
        return folder / "net.onnx"


def settings_of(model: Model) -> dict[str, Any]:
    """The keys of a model's input."""
    return {field.name: getattr(model.input, field.name) for field in fields(InputSpec) if field.name != "function"}


def loaded(model: Model, file: Path, runtime: str, settings: Any = None) -> Model:
    """A file as an export of a model."""
    given = {**settings_of(model), **(settings or {})}
    spec = ModelSpec("export", f"{runtime}:{file}", input=given, labels="imagenet-1k", trust=True)
    return loader.load(spec, "cpu")


def drawn(reference: Model, export: Model, files: list[Path]) -> Sample:
    """The images as both have them."""
    images = [Image.open(file) for file in files]
    batch, own = (torch.stack([model.transform(image) for image in images]) for model in (reference, export))
    own = batch if torch.equal(batch, own) else own
    refs = tuple(ImageRef(file.name, file, "", file.parent.name) for file in files)
    logits = (inference.logits(model.classifier, model.info, x) for model, x in ((reference, batch), (export, own)))
    return Sample(refs, (frozenset(),) * len(files), batch, own, *logits)


def copied(model: Model) -> Network:
    """The network of a model, which may be changed."""
    return copy.deepcopy(model.classifier.module).to(memory_format=torch.contiguous_format)


def reference_of(spec: ModelSpec, change: Change = lambda network, _: network) -> Model:
    """The model that was tested; ``change``: what a fault needs in both."""
    model = loader.load(spec, "cpu")
    network = change(copied(model), model)
    own = loader.from_module(network.eval(), spec.name, settings_of(model), "imagenet-1k", "cpu")
    return replace(own, spec=replace(own.spec, name=spec.name))


def photographs(count: int) -> list[Path]:
    """One photograph of each of so many classes."""
    folders = sorted(folder for folder in (DATA / "photos").iterdir() if folder.is_dir())
    return [min(folder.iterdir()) for folder in folders[:: len(folders) // count][:count]]
