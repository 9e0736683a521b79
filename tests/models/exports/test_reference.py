"""imgcls.models.exports.reference: an export is a model that takes the reference's tensors and has its classes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export_parts import SPEC, made_spec
from imgcls.data import class_lists
from imgcls.errors import ConfigError
from imgcls.models.exports import reference
from imgcls.models.sources import registry
from imgcls.records.config import ExportSpec, ModelSpec
from imgcls.records.data import LabelList
from networks import HALF

FILE = Path("/build/net.onnx")
PUBLISHED = ModelSpec("squeezenet", "torchvision:squeezenet1_0", weights="random:0")


def test_it_has_all_of_the_references_input() -> None:
    """Key by key, so that whatever a file's own source would guess is not asked."""
    export = ExportSpec("onnx", "onnx", FILE, layout="NHWC", returns="probabilities", trust=True)
    spec = reference.model_spec(export, SPEC, FILE)
    assert (spec.name, spec.arch, spec.labels) == ("digits/onnx", "onnx:/build/net.onnx", "digits")
    assert spec.input == {
        "resize": 32, "crop": (32, 32), "crop_mode": "center", "interpolation": "bilinear", "mean": HALF, "std": HALF,
    }  # fmt: skip
    assert (spec.layout, spec.returns, spec.trust, spec.decode) == ("NHWC", "probabilities", True, "exact")
    assert (spec.runtime, spec.precision, spec.weights, dict(spec.options)) == ("auto", "float32", None, {})


def test_keys_of_the_export_go_first() -> None:
    """A file may be fed otherwise than the network that it was made from."""
    export = ExportSpec("onnx", "onnx", FILE, input={"mean": (0.0,) * 3, "std": (1 / 255,) * 3})
    assert dict(reference.model_spec(export, SPEC, FILE).input)["mean"] == (0.0, 0.0, 0.0)


def test_published_input_and_classes() -> None:
    """What the reference's source publishes becomes part of the export's own settings."""
    spec = reference.model_spec(ExportSpec("onnx", "onnx", FILE), PUBLISHED, FILE)
    assert spec.labels == "imagenet-1k"
    assert (spec.input["resize"], spec.input["crop"]) == (256, (224, 224))


@pytest.mark.parametrize("wnids", [None, ("n01440764", "n01443537")])
def test_classes_without_a_name_become_a_file(wnids: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that the weights hold are written down, and read the same."""
    labels = LabelList("best.safetensors", ("tench, Tinca", "2"), wnids)
    monkeypatch.setattr(registry, "label_list", lambda _spec: labels)
    spec = reference.model_spec(ExportSpec("onnx", "onnx", FILE), replace(PUBLISHED, labels=None), FILE)
    assert spec.labels is not None
    again = class_lists.stated(spec.labels)
    assert (again.names, again.wnids) == (labels.names, labels.wnids)


def test_what_imgcls_made_is_trusted() -> None:
    """A recording of its own may be loaded; of a configured file the user decides."""
    assert reference.model_spec(made_spec(format="torchscript"), SPEC, FILE).trust
    assert not reference.model_spec(ExportSpec("ts", "torchscript", FILE), SPEC, FILE).trust


def test_a_preprocessing_of_its_own_is_not_in_a_file(odd: Callable[[str], Any], tmp_path: Path) -> None:
    """Then the export needs the keys of its input."""
    assert callable(odd)
    (tmp_path / "odd_nets.py").write_text((tmp_path / "odd_nets.py").read_text() + OWN)
    spec = ModelSpec("own", "python:odd_nets:Own", labels="digits")
    with pytest.raises(ConfigError, match=r"^own/onnx: the network has a preprocessing of its own, .* give resize, "):
        reference.model_spec(ExportSpec("onnx", "onnx", FILE), spec, FILE)


OWN = """
from torchvision.transforms.functional import pil_to_tensor

class Own(Branch):
    def preprocess(self, image):
        return pil_to_tensor(image.resize((32, 32))).float()
"""
