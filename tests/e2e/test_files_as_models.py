"""A network in a file is scored, measured, stored and gated as every other model."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Command, Project
from imgcls import api
from imgcls.performance import memory
from imgcls.records.config import ModelSpec
from imgcls.system import versions
from network_files import HALF, write_onnx

if not versions.has_library("onnx"):
    pytest.skip("onnxruntime: not installed", allow_module_level=True)

CONFIGURATION = """
[datasets.colours]
path = "colours"

[models.net]
arch = "onnx:net.onnx"
input = { mean = [0.0, 0.0, 0.0], std = [1.0, 1.0, 1.0] }
%s
[gates.net]
colours = { top1 = 1.0, min_images = 12 }
"""


@pytest.fixture
def shipped(project: Project) -> Project:
    """The project of three colours, whose network is a file that names its classes."""
    names = {"names": "{0: 'red', 1: 'green', 2: 'blue'}"}
    write_onnx(project.folder / "net.onnx", weights=np.eye(3, dtype=np.float32), metadata=names)
    project.configure(CONFIGURATION % "")
    return project


def test_it_is_scored_and_stored(shipped: Project, imgcls: Command) -> None:
    """All images are right by the names in the file, and the next run serves what is stored until the file changes."""
    first = imgcls("score")
    assert first.ret == 0
    assert "12 of 12" in first.stdout.str()
    assert "colours: 0 of 12 images" in first.stderr.str()
    again = imgcls("score")
    assert "12 of 12" in again.stdout.str()
    assert "colours: 0 of 12 images" not in again.stderr.str()
    write_onnx(shipped.folder / "net.onnx", weights=np.roll(np.eye(3, dtype=np.float32), 1, 1))
    assert imgcls("score").ret != 0


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ('runtime = "eager"', "'eager' is not available: onnx:… runs on its own runtime, in the types of the file"),
        ('precision = "bfloat16"', "'bfloat16' is not available: onnx:… runs on its own runtime"),
        ('layout = "CHW"', "[models.net] layout: 'CHW' is not one of NCHW, NHWC"),
        ('returns = "scores"', "[models.net] returns: 'scores' is not one of logits, probabilities"),
        ('trust = "yes"', "[models.net] trust: must be true or false"),
    ],
)
def test_wrong_keys(shipped: Project, imgcls: Command, key: str, message: str) -> None:
    """Each is refused with what is possible."""
    shipped.configure(CONFIGURATION % key)
    result = imgcls("score")
    assert result.ret != 0
    assert message in result.stderr.str()


def test_its_own_runtime_may_be_named(shipped: Project, imgcls: Command) -> None:
    """``runtime = "onnx"`` says what is the case."""
    shipped.configure(CONFIGURATION % 'runtime = "onnx"')
    assert imgcls("score").ret == 0


def test_keys_of_files_are_for_files(shipped: Project, imgcls: Command) -> None:
    """``layout`` of a network of PyTorch is refused."""
    shipped.configure('[models.net]\narch = "timm:test_resnet"\nlayout = "NHWC"\n')
    assert 'layout: is about a network in a file, as in arch = "onnx:FILE"' in imgcls("score").stderr.str()


@pytest.mark.slow
def test_its_memory_is_measured_in_a_process_of_its_own(shipped: Project) -> None:
    """The process loads the file from the spec."""
    spec = ModelSpec("net", "onnx:net.onnx", folder=shipped.folder)
    result = memory.measure(spec, "cpu")
    assert result.loading.heap_bytes > 0


@pytest.mark.slow
@pytest.mark.shared
def test_a_float32_export_of_real_weights(tmp_path: Path, shared_data: Path) -> None:
    """timm's MobileNetV2 as an ONNX file has the counts of the network itself: 47 and 49 of 50."""
    import timm
    import torch
    from safetensors.torch import load_file

    network = timm.create_model("mobilenetv2_100", pad_type="same", num_classes=1000).eval()
    network.load_state_dict(load_file(shared_data / "weights" / "mobilenetv2_100.tf2_ptq_in1k.safetensors"))
    images: Any = (torch.zeros(2, 3, 224, 224),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sizes = ({0: torch.export.Dim("n")},)
        torch.onnx.export(
            network, images, str(tmp_path / "net.onnx"), dynamic_shapes=sizes, external_data=False, verbose=False
        )
    settings = {"resize": 256, "interpolation": "bilinear", "mean": HALF, "std": HALF}
    spec = ModelSpec("net", "onnx:net.onnx", labels="imagenet-1k", input=settings, folder=tmp_path)
    scores = api.score(spec, shared_data / "photos10", folders=str(shared_data / "photos10-classes.csv"), store=None)
    assert (round(scores.top1 * 50), round(scores.top5 * 50)) == (47, 49)
