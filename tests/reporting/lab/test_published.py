"""imgcls.reporting.lab.published: what changes with published weights."""

from dataclasses import replace

import pytest

from imgcls.records.config import ModelSpec
from imgcls.reporting.lab import published
from imgcls.reporting.lab.contents import Contents
from lab_parts import make_contents

STATED = "as published, top-1 {} % and top-5 {} % on the validation images of ImageNet-1k"


def _untrained(*, labelled: bool = True) -> Contents:
    """``bad`` is a ResNet50 of torchvision with random weights."""
    contents = make_contents(labelled=labelled)
    results = [replace(result, untrained=result.model == "bad") for result in contents.report.results]
    specs = {**contents.specs, "bad": ModelSpec("bad", "torchvision:resnet50", weights="random:0")}
    return replace(contents, report=replace(contents.report, results=tuple(results)), specs=specs)


def test_random_weights_come_with_what_published_ones_change() -> None:
    """The line to take away, what depends on the values of weights and what does not, and where published ones are."""
    text, items = published.blocks(_untrained())
    assert 'has no line weights = "random:0" has its published weights' in text
    assert "What changes then: every accuracy, which model is better, the five best classes" in text
    assert "What does not change, but for the noise of measurements: time, memory and operators" in text
    assert items.replace("\\", "") == (
        f"- bad: IMAGENET1K_V2 of torchvision, 102.5 MB; {STATED.format('80.9', '95.4')}\n"
    )


def test_without_labels_no_accuracy_is_promised() -> None:
    """Only the predictions change."""
    text, _ = published.blocks(_untrained(labelled=False))
    assert "accuracy" not in text


def test_trained_models_have_no_such_section() -> None:
    """Nothing would change."""
    assert list(published.blocks(make_contents())) == []


@pytest.mark.parametrize(
    ("arch", "text"),
    [
        (
            "timm:vit_base_patch16_224.augreg_in21k",
            "timm/vit_base_patch16_224.augreg_in21k on the Hugging Face hub, licence apache-2.0",
        ),
        ("timm:test_resnet", "timm/test_resnet.r160_in1k on the Hugging Face hub, licence apache-2.0"),
        ("reference:efficientnet_b0", f"IMAGENET1K_V1 of torchvision, 21.4 MB; {STATED.format('77.7', '93.5')}"),
        ("transformers:google/vit", "those that google/vit has at transformers"),
        (
            "python:nets:net",
            'none are published of this architecture; name a file, as in weights = "best.safetensors"',
        ),
    ],
)
def test_where_published_weights_are(arch: str, text: str) -> None:
    """As far as the libraries state it without network."""
    assert published.weights(ModelSpec("x", arch, weights="random:0")) == text
