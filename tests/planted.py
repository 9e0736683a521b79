"""A small network with batch norms, in which faults are planted, and its exports."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from imgcls.models import inference, loader
from imgcls.models.model import Model
from imgcls.parity.diagnosis import diagnose
from imgcls.parity.sample import Sample
from imgcls.records.config import ModelSpec
from imgcls.records.data import ImageRef
from imgcls.records.parity import Fault

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SETTINGS = {"resize": 36, "crop": 32, "interpolation": "bilinear", "mean": MEAN, "std": STD}
NAMES = ("kiwi", "fig", "date", "lime", "plum", "pear", "nut", "apple", "mango", "beet")
BATCH = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))

Function = Callable[[torch.Tensor], torch.Tensor]


class Block(nn.Module):
    """A convolution, a batch norm and an activation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn, self.act = nn.BatchNorm2d(outputs), nn.SiLU(inplace=True)

    def forward(self, images: torch.Tensor) -> Any:
        return self.act(self.bn(self.conv(images)))


class Net(nn.Module):
    """Three blocks with a residual connection; ``enlarge``, where it is given, comes first of all."""

    def __init__(self, enlarge: nn.Module | None = None) -> None:
        super().__init__()
        self.enlarge = enlarge or nn.Identity()
        self.stem, self.pool = Block(3, 8), nn.MaxPool2d(3, 2, 1)
        self.first, self.second = Block(8, 8), Block(8, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> Any:
        pooled = self.pool(self.stem(self.enlarge(images)))
        return self.head(self.second(pooled + self.first(pooled)).mean((2, 3)))


class Wrapped(nn.Module):
    """A network with a function before and after it."""

    def __init__(self, network: nn.Module, before: Function | None = None, after: Function | None = None) -> None:
        super().__init__()
        self.network, self.before, self.after = network, before, after

    def forward(self, images: torch.Tensor) -> Any:
        logits = self.network(self.before(images) if self.before else images)
        return self.after(logits) if self.after else logits


class Own(nn.Module):
    """A layer that is a function."""

    def __init__(self, function: Function, layer: nn.Module | None = None) -> None:
        super().__init__()
        self.function, self.layer = function, layer

    def forward(self, images: torch.Tensor) -> Any:
        return self.function(images)


def net(enlarge: nn.Module | None = None) -> Any:
    """The network with weights of seed 0 and batch norms that change what goes through them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Net(enlarge)
        for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
            nn.init.uniform_(norm.running_var, 0.05, 0.5)  # type: ignore[arg-type]
            nn.init.normal_(norm.running_mean, 0, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, 0, 0.3)
    return network.eval()


def reference(network: nn.Module | None = None) -> Model:
    """The network as it was tested."""
    return loader.from_module(network or net(), "net", SETTINGS, NAMES, "cpu")


def loaded(file: Path, source: str, **keys: Any) -> Model:
    """A file as an export of the network."""
    given = {"input": SETTINGS, "trust": True, **keys}
    return loader.load(ModelSpec("net.exports.file", f"{source}:{file}", **given), "cpu")


def exported(network: nn.Module, folder: Path, **keys: Any) -> Model:
    """The network as a program of torch.export."""
    file = folder / "net.pt2"
    given = BATCH[:2].to(next(network.parameters()).dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own deprecations
        shapes = ({0: torch.export.Dim("n", min=1, max=64)},)
        torch.export.save(torch.export.export(network.eval(), (given,), dynamic_shapes=shapes), file)
    return loaded(file, "exported", **keys)


def write_onnx(network: nn.Module, file: Path) -> Path:
    """The network as an ONNX file, with its batch norms folded into the convolutions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own deprecations
        shapes = ({0: torch.export.Dim("n", min=1, max=64)},)
        program = torch.onnx.export(network, (BATCH[:2],), dynamo=True, dynamic_shapes=shapes, verbose=False)
    assert program is not None
    program.save(str(file))
    return file


def as_openvino(file: Path) -> Path:
    """An ONNX file converted."""
    import openvino

    target = file.with_suffix(".xml")
    openvino.save_model(openvino.convert_model(file), target, compress_to_fp16=False)
    return target


def sample(ours: Model, theirs: Model, export_batch: torch.Tensor = BATCH) -> Sample:
    """Eight random images; what the reference predicts is right."""
    logits = inference.logits(ours.classifier, ours.info, BATCH)
    refs = tuple(ImageRef(f"{at}.png", Path(f"{at}.png"), str(at), None) for at in range(len(BATCH)))
    accepted = tuple(frozenset({int(best)}) for best in logits.argmax(axis=1))
    own = inference.logits(theirs.classifier, theirs.info, export_batch)
    return Sample(refs, accepted, BATCH, export_batch, logits, own)


def faults(network: nn.Module, folder: Path, tested: nn.Module | None = None, **keys: Any) -> tuple[Fault, ...]:
    """What is found in a program of this network, against the one that was tested."""
    ours, theirs = reference(tested), exported(network, folder, **keys)
    return diagnose.faults(ours, theirs, sample(ours, theirs))


def pixels(batch: torch.Tensor) -> torch.Tensor:
    """In [0, 1], of a normalised batch."""
    return batch * torch.tensor(STD).view(1, 3, 1, 1) + torch.tensor(MEAN).view(1, 3, 1, 1)


def normalised(batch: torch.Tensor, mean: Any = MEAN, std: Any = STD) -> torch.Tensor:
    """Pixels in [0, 1] with a mean and a standard deviation."""
    return (batch - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)


def edited(file: Path, name: str, change: Callable[[Any], Any]) -> Path:
    """An ONNX file with one stored tensor changed, next to it."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(file)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = np.asarray(change(np.array(numpy_helper.to_array(tensor))))
    tensor.CopyFrom(numpy_helper.from_array(values, name))
    target = file.with_name("edited.onnx")
    onnx.save(model, target)
    return target
