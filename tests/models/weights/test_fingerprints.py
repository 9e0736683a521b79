"""imgcls.models.weights.fingerprints: what tells architectures apart, and the shipped table of them."""

import gzip
from importlib import resources

import pytest

import architecture_table
from imgcls.models.weights import fingerprints
from imgcls.models.weights.fingerprints import Dimension, Table

SHAPES = {"conv.weight": (8, 3, 7, 7), "bn.weight": (8,), "fc.weight": (10, 8), "fc.bias": (10,)}
HEAD = frozenset({Dimension("fc.weight", 0), Dimension("fc.bias", 0)})
STEM = Dimension("conv.weight", 1)

QUICK = (
    "torchvision:alexnet",
    "torchvision:googlenet",
    "torchvision:resnet18",
    "torchvision:squeezenet1_0",
    "torchvision:shufflenet_v2_x0_5",
    "timm:levit_128s",
    "timm:lcnet_035",
    "timm:mobilenetv2_100",
    "timm:mobilenetv3_small_050",
    "timm:resnet18",
    "timm:test_efficientnet",
    "timm:test_vit",
)
SHOWN = (
    "torchvision:resnet50",
    "torchvision:regnet_y_3_2gf",
    "timm:vit_base_patch16_224",
    "timm:tf_efficientnetv2_m",
    "timm:resnetv2_50x1_bit",
)
"""With two of the quick ones, those of examples/pretrained."""


def _with_classes(classes: int) -> dict[str, tuple[int, ...]]:
    return {**SHAPES, "fc.weight": (classes, 8), "fc.bias": (classes,)}


def test_classes_and_channels_make_no_difference() -> None:
    """A fingerprint leaves out the dimensions that are free, and holds all others."""
    free = {*HEAD, STEM}
    key = fingerprints.fingerprint(SHAPES, free)
    assert key == fingerprints.fingerprint({**_with_classes(37), "conv.weight": (8, 1, 7, 7)}, free)
    assert key != fingerprints.fingerprint({**SHAPES, "bn.weight": (9,)}, free)
    assert key != fingerprints.fingerprint({**SHAPES, "bn.bias": (8,)}, free)
    assert key != fingerprints.fingerprint(SHAPES, HEAD)


def test_the_order_of_a_file_makes_no_difference() -> None:
    """Safetensors are in alphabetical order, state dicts in that of the layers."""
    alphabetical = dict(sorted(SHAPES.items()))
    assert fingerprints.fingerprint(alphabetical, HEAD) == fingerprints.fingerprint(SHAPES, HEAD)


def test_the_head_is_what_differs_with_the_number_of_classes() -> None:
    """Its dimensions are found without its name."""
    assert fingerprints.differing(_with_classes(7), _with_classes(11)) == HEAD


def test_networks_of_other_tensors_are_not_compared() -> None:
    """A number of classes that changes the layers is an error, and not a head."""
    with pytest.raises(ValueError, match="another number of classes makes other tensors"):
        fingerprints.differing(SHAPES, {"fc.weight": (11, 8)})


@pytest.mark.parametrize(
    "name",
    ["bn.num_batches_tracked", "aux1.fc.weight", "AuxLogits.fc.weight", "attn.relative_position_index", "loss.weight"],
)
def test_what_files_have_or_lack_is_not_of_an_architecture(name: str) -> None:
    """Counts, heads for training and buffers that follow from a size are left out."""
    assert fingerprints.relevant({**SHAPES, name: (3,)}) == SHAPES


def test_the_stem_is_the_first_convolution_of_three_channels() -> None:
    """A network whose first convolution reads something else has none."""
    assert fingerprints.stem(SHAPES) == STEM
    assert fingerprints.stem({"conv.weight": (8, 12, 7, 7), "other.weight": (8, 3, 1, 1)}) is None
    assert fingerprints.stem({"fc.weight": (8, 3)}) is None


def test_tensors_in_order_have_their_place_for_a_name() -> None:
    """Counted from the last, so that a head has the same places in every network; counts are not counted."""
    ordered = fingerprints.in_order({"a.weight": (2, 3), "a.num_batches_tracked": (), "b.scale": (4,)})
    assert ordered == {"-2.weight": (2, 3), "-1.tensor": (4,)}


def test_a_table_is_written_and_read() -> None:
    """The file has everything that the table has."""
    table = Table({"torch": "2.0"}, frozenset({HEAD}), frozenset({STEM}), {"0123": ("timm:a", "timm:b")})
    assert fingerprints.parse(gzip.decompress(fingerprints.text(table)).decode().splitlines()) == table


def test_the_shipped_table() -> None:
    """It is small, it states the versions that it is of, and it has the classifiers of both libraries."""
    file = resources.files("imgcls") / "builtin" / fingerprints.FILE
    table = fingerprints.shipped()
    names = {name for names in table.architectures.values() for name in names}
    assert len(file.read_bytes()) < 150_000
    assert set(table.versions) == {"torch", "torchvision", "timm"}
    assert sum(name.startswith("torchvision:") for name in names) >= 80
    assert sum(name.startswith("timm:") for name in names) >= 1200


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SHOWN)])
def test_installed_architectures_have_their_fingerprints(name: str) -> None:
    """The table is of the rule as it is: where this fails, scripts/architecture_table.py makes a new one."""
    entry, table = architecture_table.entry(name), fingerprints.shipped()
    assert all(name in table.architectures.get(key, ()) for key in entry.fingerprints)
    assert set(entry.heads) <= table.heads
    assert entry.stem in table.stems


def test_a_network_is_built_without_its_values() -> None:
    """Also one that computes its widths with tensors, and afterwards networks have values again."""
    from torch import nn

    with architecture_table.without_memory():
        assert architecture_table.OF_LIBRARY["torchvision"]("regnet_y_400mf", 7).fc.weight.is_meta
    assert not nn.Linear(2, 3).weight.is_meta
