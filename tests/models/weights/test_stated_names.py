"""imgcls.models.weights.stated_names: the architecture that a training script saved next to the weights."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from imgcls.models.weights import reader, stated_names

NAMES = ("torchvision:resnet50", "timm:resnet50", "timm:resnet50_clip_gap")
STATE = {"fc.weight": torch.ones(2, 3)}


def _narrowed(tmp_path: Path, **around: Any) -> tuple[str, ...]:
    """What is left of the names for a checkpoint with these values next to its weights."""
    file = tmp_path / "a.pth"
    torch.save({"state_dict": STATE, **around}, file)
    return stated_names.narrowed(NAMES, reader.content(file), file)


def test_where_nothing_is_stated_all_stay(tmp_path: Path) -> None:
    """Nothing is preferred, and what is stated of something else does not count."""
    assert _narrowed(tmp_path) == NAMES
    assert _narrowed(tmp_path, arch="my_net", epoch=3) == NAMES


@pytest.mark.parametrize(
    "around",
    [
        {"arch": "resnet50"},
        {"args": argparse.Namespace(model="resnet50", lr=0.1)},
        {"hyper_parameters": {"backbone": "resnet50"}},
        {"meta": {"model_name": "resnet50.a1_in1k"}},
    ],
)
def test_a_name_without_its_library_may_be_that_of_two(tmp_path: Path, around: dict[str, Any]) -> None:
    """Scripts save it as a value, among arguments or among hyperparameters, with or without a tag."""
    assert _narrowed(tmp_path, **around) == NAMES[:2]


def test_a_checkpoint_of_timm_states_networks_of_timm(tmp_path: Path) -> None:
    """``CheckpointSaver`` writes a version next to the name."""
    assert _narrowed(tmp_path, arch="resnet50", version=2) == ("timm:resnet50",)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"format": "imgcls-train-1", "arch": "timm:test_vit", "classes": '["a", "b"]'}, ("timm:test_vit", 2)),
        ({"format": "imgcls-train-1", "arch": "timm:test_vit", "classes": "["}, None),
        ({"format": "imgcls-train-1"}, None),
        ({"format": "pt", "arch": "timm:test_vit", "classes": "[]"}, None),
    ],
)
def test_the_header_of_our_own_trainings(
    tmp_path: Path, header: dict[str, str], expected: tuple[str, int] | None
) -> None:
    """It is whole, or the file is taken for any other."""
    save_file(STATE, tmp_path / "best.safetensors", metadata=header)
    assert stated_names.of_training(tmp_path / "best.safetensors") == expected


@pytest.mark.parametrize(
    ("stated", "name"),
    [("timm:resnet50.a1_in1k", "timm:resnet50"), ("reference:resnet50", "torchvision:resnet50")],
)
def test_a_header_states_the_full_name(tmp_path: Path, stated: str, name: str) -> None:
    """Networks of the reference are torchvision's."""
    file = tmp_path / "best.safetensors"
    save_file(STATE, file, metadata={"format": "pt", "arch": stated})
    assert stated_names.narrowed(NAMES, reader.content(file), file) == (name,)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (json.dumps({"architecture": "resnet50"}), ("timm:resnet50",)),
        (json.dumps({"architectures": ["ResNetForImageClassification"]}), NAMES),
        ("[]", NAMES),
        ("{", NAMES),
    ],
)
def test_a_config_of_timm_next_to_the_file(tmp_path: Path, config: str, expected: tuple[str, ...]) -> None:
    """``config.json`` of Hugging Face's layout counts where it is timm's and can be read."""
    file = tmp_path / "model.safetensors"
    save_file(STATE, file)
    (tmp_path / "config.json").write_text(config)
    assert stated_names.narrowed(NAMES, reader.content(file), file) == expected
