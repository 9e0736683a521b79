"""Names in a configuration."""

import pytest

from imgcls.config.table import NAME
from imgcls.scaffold import names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("photos", "photos"),
        ("my photos (2)", "my-photos-2"),
        ("vit.augreg_in21k", "vit-augreg_in21k"),
        ("модель", "model"),
        ('a"\n\\b', "a-b"),
        ("", "model"),
    ],
)
def test_a_name_keeps_what_a_configuration_allows(text: str, expected: str) -> None:
    """Runs of everything else are one hyphen, and what is left is a name."""
    assert names.cleaned(text, "model") == expected
    assert NAME.fullmatch(expected)


def test_the_first_free_name_is_taken() -> None:
    """Longer names come before numbers."""
    candidates = ["resnet50", "timm-resnet50"]
    assert names.free(candidates, set()) == "resnet50"
    assert names.free(candidates, {"resnet50"}) == "timm-resnet50"
    assert names.free(candidates, {"resnet50", "timm-resnet50", "timm-resnet50-2"}) == "timm-resnet50-3"
