"""imgcls.performance.flops: multiply-accumulates as the publishers of networks count them."""

import contextlib

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer, get_model_weights

from imgcls.errors import ModelError
from imgcls.models.sources import base as sources
from imgcls.performance import flops
from imgcls.records.config import ModelSpec

TORCHVISION = {"alexnet": 0.714, "googlenet": 1.498, "resnet50": 4.089, "regnet_y_3_2gf": 3.176, "vit_b_16": 17.564}

TIMM = {
    "vit_base_patch16_224.augreg_in21k": (224, 17.58, 102_595_923),
    "tf_efficientnetv2_m.in21k": (480, 24.76, 80_839_239),
    "resnetv2_50x1_bit.goog_in21k": (224, 4.23, 68_256_659),
}
"""Size and GMACs from timm's results/benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv, where each has 1000 classes and
not 21843; parameters: with 21843 classes, counted once and pinned."""


def _network(arch: str, device: str) -> nn.Module:
    with torch.device(device):
        network: nn.Module = sources.build(ModelSpec("net", arch))
    return network.eval()


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _small_vit(device: str = "cpu") -> nn.Module:
    with torch.device(device):
        network: nn.Module = VisionTransformer(32, 16, num_layers=8, num_heads=2, hidden_dim=64, mlp_dim=256)
    return network.eval()


@pytest.mark.parametrize(("name", "published"), TORCHVISION.items())
def test_torchvision_counts_the_same(name: str, published: float) -> None:
    """The count is that of the weights' own description, to three decimals, and so is the number of parameters."""
    described = get_model_weights(name).IMAGENET1K_V1.meta
    network = _network(f"torchvision:{name}", "cpu" if name.startswith("regnet") else "meta")
    counted = flops.gmacs(network, (3, 224, 224))
    assert counted is not None
    assert round(counted, 3) == published == described["_ops"]
    assert _parameters(network) == described["num_params"]


@pytest.mark.parametrize(("name", "size", "published", "parameters"), [(n, *rest) for n, rest in TIMM.items()])
def test_timm_counts_nearly_the_same(name: str, size: int, published: float, parameters: int) -> None:
    """The count is within 5 % of timm's table, at its size, and the number of parameters is exact."""
    network = _network(f"timm:{name}", "meta")
    assert flops.gmacs(network, (3, size, size)) == pytest.approx(published, rel=0.05)
    assert _parameters(network) == parameters


def test_fused_attention_would_hide_a_third(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: without taking attention apart, the count of a ViT that really computes lacks about a third."""
    network = _small_vit()
    counted = flops.gmacs(network, (3, 32, 32))
    assert counted == flops.gmacs(_small_vit("meta"), (3, 32, 32))
    assert counted is not None
    monkeypatch.setattr(flops, "_unfused_attention", contextlib.nullcontext)
    assert flops.gmacs(network, (3, 32, 32)) == pytest.approx(counted * 2 / 3, rel=0.1)


@pytest.mark.parametrize("fast", [True, False])
def test_torch_is_left_as_it_was(fast: bool) -> None:
    """Its settings come back, whether the network takes the image or not."""
    mha = torch.backends.mha
    before = mha.get_fastpath_enabled()
    try:
        mha.set_fastpath_enabled(fast)
        flops.gmacs(_small_vit(), (3, 32, 32))
        assert mha.get_fastpath_enabled() == fast
        with pytest.raises(ModelError, match="VisionTransformer refuses an image of 31 x 32: AssertionError: Wrong"):
            flops.gmacs(_small_vit(), (3, 31, 32))
        assert mha.get_fastpath_enabled() == fast
    finally:
        mha.set_fastpath_enabled(before)


def test_what_stops_the_process_stops_one_network() -> None:
    """A network that exits raises the same error as any other."""

    class Exiting(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            raise SystemExit(str(len(batch)))

    with pytest.raises(ModelError, match="Exiting refuses an image of 8 x 8: SystemExit: 1"):
        flops.gmacs(Exiting(), (3, 8, 8))


def test_the_image_has_the_networks_precision() -> None:
    """Half of the precision does not halve the work."""
    network = nn.Conv2d(3, 4, 3).to(torch.bfloat16)
    assert flops.gmacs(network, (3, 8, 6)) == 6 * 4 * 4 * 27 / 1e9


def test_a_network_with_nothing_to_count_has_no_number() -> None:
    """Without a matrix product or a convolution there is no number, rather than 0."""
    assert flops.gmacs(nn.Flatten(), (3, 8, 8)) is None
