"""imgcls.models.sources.torchvision: every published classifier resolves, and features are named for what they are."""

import pytest
from torchvision import models

from imgcls.errors import ConfigError
from imgcls.models import loader
from imgcls.models.sources import registry
from imgcls.records.config import ModelSpec


def test_every_published_network_is_recognised() -> None:
    """Of all tags that torchvision publishes, weights without a head are refused; the rest has an input and classes."""
    refused, count = [], 0
    for name in models.list_models(module=models):
        for tag, entry in models.get_model_weights(name).__members__.items():
            spec = ModelSpec("net", f"torchvision:{name}", tag)
            assert registry.input_spec(spec).channels == 3
            try:
                assert len(registry.label_list(spec).names) == len(entry.meta["categories"])
                count += 1
            except ConfigError:
                refused.append((tag, entry.meta["categories"]))
    assert set(refused) == {("IMAGENET1K_FEATURES", None)}
    assert count >= 110


@pytest.mark.parametrize("labels", [None, "digits"])
def test_features_are_no_classifier(labels: str | None) -> None:
    """With classes of the user's or without, what they are is named, and the tag that has a head."""
    with pytest.raises(ConfigError) as error:
        loader.load(ModelSpec("net", "torchvision:vgg16", "IMAGENET1K_FEATURES", labels=labels), "cpu")
    assert str(error.value) == (
        "[models.net] weights: IMAGENET1K_FEATURES of torchvision:vgg16 are a feature extractor's: their head has no "
        'values, and so no classes; set weights = "IMAGENET1K_V1"'
    )
