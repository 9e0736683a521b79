"""Small networks for the tests of contracts, each clean or with one fault, and what they are tried on."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from imgcls import hashing
from imgcls.contracts.check import check
from imgcls.models import loader
from imgcls.records.data import ImageRef
from imgcls.records.parity import ContractCheck
from networks import INPUT, filled


class Net(nn.Module):
    """A convolution, a batch norm, and a head of ten classes; ``fault`` lies between the two."""

    def __init__(self, fault: nn.Module | None = None) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.fault: nn.Module = nn.Identity()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
        filled(self)
        self.fault = fault or self.fault

    def forward(self, batch: torch.Tensor) -> Any:
        return self.head(self.fault(self.stem(batch)))


class DropoutLeftOn(nn.Dropout):
    """It does not hear of evaluation mode."""

    def train(self, mode: bool = True) -> "DropoutLeftOn":  # noqa: ARG002 - that is the fault
        super().train(True)
        return self


class FunctionalDropout(nn.Module):
    """``functional.dropout`` is in training mode unless it is stated."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return functional.dropout(values, 0.2)


class RareDropout(nn.Module):
    """Numbers are drawn, and nothing comes of them."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + 0 * torch.rand(1)


class BatchStatistics(nn.Module):
    """A batch norm in training mode, as a function."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return functional.batch_norm(values, None, None, training=True)


class OverTheBatch(nn.Module):
    """A normalisation over the wrong axis."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values / values.abs().amax(dim=0, keepdim=True).clamp(min=1e-3)


class Counter(nn.Module):
    """It counts the images that it was given."""

    count: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.count += len(values)
        return values


class Drifting(nn.Module):
    """Its weight is another after each run, by less than float32 shows in an output of this size."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.weight.data += 1
        return values


class Running(nn.BatchNorm2d):
    """Its running statistics are those of what it sees."""

    def __init__(self) -> None:
        super().__init__(8)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        functional.batch_norm(values, self.running_mean, self.running_var, training=True)
        return values


class Remembering(nn.Module):
    """What it saw before shows in what it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.before = 0.0

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        output = values + self.before
        self.before = float(values.mean())
        return output


class Even(nn.Module):
    """It takes batches of pairs."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        first, second = values.chunk(2)
        if len(first) != len(second):
            raise ValueError("images come in pairs")
        return torch.cat([first, second])


class NotNone(nn.Module):
    """It refuses a batch without images."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not len(values):
            raise ValueError("no images")
        return values


class OneAtLeast(nn.Module):
    """A batch without images has a row nevertheless."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values if len(values) else values.new_zeros(1, *values.shape[1:])


class Large(nn.Module):
    """Its values lie beyond ``limit``, and the next layer brings them back."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.up, self.down = nn.Conv2d(8, 8, 1, bias=False), nn.Conv2d(8, 8, 1, bias=False)
        self.up.weight.data = torch.eye(8)[:, :, None, None] * limit
        self.down.weight.data = torch.eye(8)[:, :, None, None] / limit

    def forward(self, values: torch.Tensor) -> Any:
        return self.down(self.up(values))


class Broken(nn.Module):
    """It divides by what is nothing."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values / (values - values)


class Choosing(nn.Module):
    """Its code depends on the values that it is given."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * 2 if values.sum() > 1e9 else values


class Noisy(nn.Module):
    """Noise is added."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + 0.1 * torch.randn_like(values)


class ElseWhere(nn.Module):
    """It computes something else where it is exported or compiled."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * 1.5 if torch.compiler.is_compiling() else values


def tried(name: str, fault: nn.Module | None = None, *images: ImageRef, **keys: Any) -> ContractCheck:
    """A contract tried on the network with this fault."""
    model = loader.from_module(Net(fault), "net", INPUT, "digits", "cpu")
    return check(name, model, images, **keys)


def image_file(folder: Path, name: str = "image.jpg", seed: int = 0, **options: Any) -> ImageRef:
    """A file of a smooth image, as Pillow writes it with these options."""
    kind = Path(name).suffix[1:].replace("jpg", "jpeg")
    drawn = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(drawn).resize((61, 45), Image.Resampling.BICUBIC).save(buffer, kind, **options)
    (folder / name).write_bytes(buffer.getvalue())
    return ImageRef(name, folder / name, hashing.file_sha256(folder / name), "class")
