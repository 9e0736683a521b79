"""imgcls.models.channels: one number counts for every channel, and images have three or one."""

import pytest
from torch import nn

from imgcls.errors import ConfigError
from imgcls.models import channels
from imgcls.records.config import InputSpec, ModelSpec

SPEC = ModelSpec("net", "timm:resnet18")


def _input(mean: tuple[float, ...], std: tuple[float, ...]) -> InputSpec:
    return InputSpec(8, (8, 8), "center", "bilinear", mean, std)


@pytest.mark.parametrize(
    ("mean", "std", "count", "expected"),
    [
        ((0.5,), (0.2,), 3, ((0.5,) * 3, (0.2,) * 3)),
        ((0.1, 0.2, 0.3), (0.2,), 3, ((0.1, 0.2, 0.3), (0.2,) * 3)),
        ((0.1, 0.2, 0.3), (0.2,), None, ((0.1, 0.2, 0.3), (0.2,) * 3)),
        ((0.5,), (0.2,), 1, ((0.5,), (0.2,))),
        ((0.5,), (0.2,), None, ((0.5,), (0.2,))),
    ],
)
def test_one_number_is_for_every_channel(
    mean: tuple[float, ...], std: tuple[float, ...], count: int | None, expected: tuple[tuple[float, ...], ...]
) -> None:
    """A mean or a deviation of one number is spread over the network's channels."""
    fitted = channels.fitted(SPEC, _input(mean, std), count)
    assert (fitted.mean, fitted.std) == expected
    assert fitted.channels == len(expected[0])


def test_values_for_other_channels_are_refused() -> None:
    """Published values are for RGB; for grey images it is not known which were used, so they are required."""
    with pytest.raises(
        ConfigError,
        match=r"takes 1 channel \(grey\), and its mean and std are for 3 channels \(RGB\): give each as one number "
        r"in \[models\.net\.input\]",
    ):
        channels.fitted(SPEC, _input((0.5,) * 3, (0.2,) * 3), 1)


@pytest.mark.parametrize("count", [2, 4, 12])
def test_other_numbers_of_channels_are_refused(count: int) -> None:
    """An image has no other channels; a network's own function can make them."""
    with pytest.raises(ConfigError, match=rf"takes {count} channels, and images have 3 .*a function `preprocess`"):
        channels.fitted(SPEC, _input((0.5,), (0.2,)), count)


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3)), 1),
        (nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 3))), 3),
        (nn.Conv2d(6, 6, 3, groups=6), 6),
        (nn.LazyConv2d(8, 3), 3),
        (nn.Linear(12, 2), 3),
    ],
)
def test_the_first_convolution_shows_the_channels(network: nn.Module, count: int) -> None:
    """Without any it is taken to be RGB."""
    assert channels.of(network) == count
