"""What others report of the planted faults of deployment, and of clean exports.

    pip install pytest-torch
    python bench/peers/parity_peers.py [--faults "X;Y"]

pytest-torch's ``assert_matches_reference``, with the tolerances of its ``assert_onnx_parity`` (which makes the file
that it compares itself, and takes none that ships); its ``localize_divergence`` on the PyTorch network that was
exported; and ``assert_allclose`` with rtol 1e-3 and atol 1e-5, as PyTorch's tutorial of ONNX exports has it: each on
one random tensor, as their documentation shows, ``assert_allclose`` also on one photograph.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest_torch  # type: ignore[import-not-found] # not among our own requirements
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

import parity_integers as integers
from imgcls.models.model import Model
from parity_exports import copied, loaded, photographs, reference_of, written
from parity_faults import exported, rows
from parity_networks import Wrapped, specs
from parity_planted import PLANTED

ONNX_PARITY = {"rtol": 1e-3, "atol": 1e-4}
CLEAN = ("squeezenet", "mobilenet_qat")
CLEAN_FILES = {"float32": ("onnx", "openvino", "exported"), "float16": ("onnx",), "int8": ("onnx",)}


class AsModule(torch.nn.Module):
    """A file as a module, which pytest-torch compares."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(np.asarray(self.model.classifier.logits(batch)))


def is_reported(check: Callable[[], object]) -> bool:
    """Whether a check fails."""
    try:
        check()
    except (AssertionError, RuntimeError, ValueError):
        return True
    return False


def allclose(reference: Model, export: Model, batch: torch.Tensor, own: torch.Tensor) -> None:
    logits = [np.asarray(model.classifier.logits(x)) for model, x in ((reference, batch), (export, own))]
    np.testing.assert_allclose(logits[1], logits[0], rtol=1e-3, atol=1e-5)


def reported(reference: Model, export: Model) -> dict[str, bool]:
    """Which checks report a difference."""
    noise = torch.rand(1, *reference.input.shape, generator=torch.Generator().manual_seed(0))
    photograph = Image.open(photographs(4)[1])
    batch, own = (model.transform(photograph)[None] for model in (reference, export))
    module = reference.classifier.module
    matches: Any = pytest_torch.assert_matches_reference
    return {
        "pytest-torch": is_reported(lambda: matches(AsModule(export), module, noise, **ONNX_PARITY)),
        "allclose": is_reported(lambda: allclose(reference, export, noise, noise)),
        "allclose, photograph": is_reported(lambda: allclose(reference, export, batch, own)),
    }


def located(reference: Model, network: torch.nn.Module) -> str:
    """The first layer that diverges in the PyTorch network that was exported, if any."""
    noise = torch.rand(1, *reference.input.shape, generator=torch.Generator().manual_seed(0))
    module = reference.classifier.module
    prefix = "network." if isinstance(network, Wrapped) and not isinstance(module, Wrapped) else ""
    names = {name: f"{prefix}{name}" for name, _ in module.named_modules()}
    try:
        first = pytest_torch.localize_divergence(module, network.eval(), noise, module_map=names).first
    except (RuntimeError, ValueError) as error:
        return f"fails: {str(error)[:40]}"
    if first is None:
        return ""
    return f"{first.name}{', whose input differs' if first.inputs_diverged else ''} {first.note}".strip()


def planted(faults: list[str]) -> None:
    """A row for each fault, in one network and format."""
    totals: Counter[str] = Counter()
    for fault, name, runtime in rows(faults, 1):
        kind = PLANTED[fault]
        reference = reference_of(specs()[name], kind.reference)
        with TemporaryDirectory() as folder:
            seen = reported(reference, exported(kind, reference, runtime, Path(folder)))
        layer = "" if kind.integers else located(reference, kind.change(copied(reference), reference))
        totals.update(check for check, is_seen in seen.items() if is_seen)
        totals["faults"] += 1
        cells = (fault, name, runtime, *("yes" if is_seen else "no" for is_seen in seen.values()), layer)
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"reported: {dict(totals)}")


def clean() -> None:
    """How many clean exports are reported."""
    for precision, runtimes in CLEAN_FILES.items():
        totals: Counter[str] = Counter()
        for name in CLEAN:
            reference = reference_of(specs()[name])
            for runtime in runtimes:
                with TemporaryDirectory() as folder:
                    export = loaded(reference, _file(reference, precision, runtime, Path(folder)), runtime)
                    seen = reported(reference, export)
                totals.update(check for check, is_seen in seen.items() if is_seen)
                totals["exports"] += 1
        print(f"clean {precision}: {dict(totals)}", flush=True)


def _file(reference: Model, precision: str, runtime: str, folder: Path) -> Path:
    if precision == "int8":
        return integers.clean(folder, reference, runtime)
    network = copied(reference).to(getattr(torch, precision))
    return written(network, torch.rand(2, *reference.input.shape), runtime, folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", default=";".join(PLANTED))
    planted(parser.parse_args().faults.split(";"))
    clean()
    return 0


if __name__ == "__main__":
    sys.exit(main())
