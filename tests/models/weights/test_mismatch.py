"""imgcls.models.weights.mismatch: what differs between a file and a network in one line, and the key that helps."""

from imgcls.models.weights import fit, mismatch
from imgcls.models.weights.fit import Shapes

OWN = {f"layer{number}.conv.weight": (8, number, 3, 3) for number in range(1, 8)} | {
    "fc.weight": (5, 8),
    "fc.bias": (5,),
}


def _difference(given: Shapes, own: Shapes = OWN) -> str:
    return mismatch.difference(fit.by_name(given, own, {}), given, own, {}, ordered=fit.by_order(given, own))


def test_the_first_of_either_side() -> None:
    """How many tensors fit, three names of either side, and the number of the others."""
    given = {f"block{number}.kernel": (number,) for number in range(5)} | {"fc.weight": (5, 8), "fc.bias": (5,)}
    assert _difference(given) == (
        "2 of 9 tensors fit; not in the file: layer1.conv.weight, layer2.conv.weight, layer3.conv.weight and 4 more; "
        "not in the network: block0.kernel, block1.kernel, block2.kernel and 2 more"
    )


def test_nothing_fits() -> None:
    """A file of which nothing fits is most likely that of another network."""
    line = _difference({"a.weight": (1,)})
    assert line.startswith("0 of 9 tensors fit; ")
    assert line.endswith("; not in the network: a.weight; is it the file of another architecture?")


def test_other_shapes() -> None:
    """Both shapes stand next to the name."""
    given = {**OWN, "fc.weight": (5, 9), "layer1.conv.weight": (8, 1, 5, 5)}
    assert _difference(given) == (
        "7 of 9 tensors fit; of another shape: layer1.conv.weight (8 x 1 x 5 x 5 in the file, 8 x 1 x 3 x 3 in the "
        "network), fc.weight (5 x 9 in the file, 5 x 8 in the network)"
    )


def test_the_prefix_that_would_help() -> None:
    """Another beginning of names, with which more fit, is offered as the key to write."""
    given = {name.replace("layer", "trunk.stage"): shape for name, shape in reversed(OWN.items())}
    assert _difference(given).endswith('; 9 fit with rename = { "trunk.stage" = "layer" }')
    given = {name.replace("conv", "kernel").replace("layer", "a.layer"): shape for name, shape in reversed(OWN.items())}
    assert "rename" not in _difference(given)


def test_the_order_that_would_help() -> None:
    """Where all shapes are the same in order, that key is offered."""
    given = {f"_{name.replace('conv', '_convolution')}": shape for name, shape in OWN.items()}
    assert _difference(given).endswith('; all 9 shapes are the same in this order: write match = "order"')


def test_a_single_resemblance_is_no_help() -> None:
    """A rename with which hardly more would fit is not offered."""
    own = {**OWN, **{f"layer{number}.bn.weight": (number,) for number in range(20)}}
    given = {"a.fc.weight": (5, 8), **{f"x{number}.y": (number,) for number in range(9)}}
    assert "rename" not in _difference(given, own)


def test_more_than_the_network_has() -> None:
    """Where all fits and something is left, predictions may depend on it."""
    assert _difference({**OWN, "normalizer.mean": (3,)}) == (
        "9 of 9 tensors fit; not in the network: normalizer.mean; "
        "save the file again without these only if no prediction depends on them"
    )


def test_a_larger_architecture() -> None:
    """Layers that are left are most likely those of another network of the family."""
    assert _difference({**OWN, "layer8.conv.weight": (8, 8, 3, 3)}) == (
        "9 of 9 tensors fit; not in the network: layer8.conv.weight; is it the file of a larger architecture? "
        "save the file again without these only if no prediction depends on them"
    )
