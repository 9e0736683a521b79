"""imgcls.models.weights.fit: every tensor of a file finds its place in the network, or is named as one without."""

from collections import OrderedDict

import pytest
import torch
import torchvision

from imgcls.models.weights import fit
from imgcls.models.weights.fit import Assignment
from imgcls.models.weights.unwrap import StateDict

OWN = {
    "conv.weight": (8, 3, 3, 3),
    "bn.weight": (8,),
    "bn.running_var": (8,),
    "bn.num_batches_tracked": (),
    "fc.weight": (5, 8),
    "fc.bias": (5,),
}
BODY = [name for name in OWN if not name.startswith("fc")]


def _given(body: str = "", head: str = "fc.") -> dict[str, tuple[int, ...]]:
    """The network's own tensors with a prefix, and the head under another name."""
    return {(body + name if name in BODY else head + name.removeprefix("fc.")): shape for name, shape in OWN.items()}


def _by_name(given: dict[str, tuple[int, ...]], **rename: str) -> Assignment:
    return fit.by_name(given, OWN, rename)


# By name.


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "a.b.c."])
def test_a_common_prefix_is_removed(prefix: str) -> None:
    """Whatever stands before all names, once or several times, is removed, with a line that says so."""
    assignment = _by_name({prefix + name: shape for name, shape in OWN.items()})
    assert assignment.is_whole
    assert assignment.names == {name: prefix + name for name in OWN}
    assert assignment.notes == (f"the prefix {prefix} is removed from 6 names",)


def test_names_that_fit_stay() -> None:
    """A network whose own layer is called ``module`` keeps it."""
    own = {"module.weight": (1,), "fc.weight": (1,)}
    assert fit.by_name(own, own, {}) == Assignment({name: name for name in own})


def test_a_backbone_and_a_head() -> None:
    """Two prefixes, one before the body and one before the head, are both removed."""
    assignment = _by_name(_given("backbone.", "head.fc."))
    assert assignment.is_whole
    assert assignment.notes == (
        "the prefix backbone. is removed from 4 names",
        "the prefix head. is removed from 2 names",
    )


@pytest.mark.parametrize("body", ["", "backbone."])
def test_a_head_of_another_name(body: str) -> None:
    """The only layer that is left is the only one that is missing, where the shapes are the same."""
    assignment = _by_name(_given(body, "head.out."))
    assert assignment.is_whole
    assert assignment.names["fc.bias"] == "head.out.bias"
    assert assignment.notes[-1] == "head.out.weight is loaded as fc.weight; head.out.bias is loaded as fc.bias"


def test_a_head_of_another_name_and_size() -> None:
    """Also where it has another number of outputs, which is then that of the file."""
    given = _given(head="out.") | {"out.weight": (37, 8), "out.bias": (37,)}
    assignment = _by_name(given)
    assert (assignment.missing, assignment.unexpected) == ((), ())
    assert assignment.reshaped == ("fc.weight", "fc.bias")
    assert fit.head_outputs(assignment, given, OWN, ("fc",)) == 37


def test_a_head_of_other_shapes_is_another() -> None:
    """A layer with another number of inputs is not taken for the head."""
    given = {**_given(head="out."), "out.weight": (5, 9)}
    assignment = _by_name(given)
    assert (assignment.missing, assignment.unexpected) == (("fc.weight", "fc.bias"), ("out.weight", "out.bias"))


def test_names_are_changed_as_stated() -> None:
    """``rename`` states how names in the file begin, and what that becomes."""
    assignment = fit.by_name(_given("encoder.", "decoder."), OWN, {"encoder.": "", "decoder.": "fc."})
    assert assignment.is_whole
    assert assignment.names["fc.bias"] == "decoder.bias"


def test_a_rename_of_nothing_is_named() -> None:
    """Where no name of the file begins so, most likely it is not the key that was meant."""
    assert _by_name(dict(OWN), **{"encoder.": "conv."}).notes == ("rename: no name begins with encoder.",)


def test_two_names_never_become_one() -> None:
    """Where a rename gives two tensors one name, neither is lost without a word."""
    assignment = fit.by_name({**OWN, "old.fc.bias": (5,)}, OWN, {"old.": ""})
    assert assignment.unexpected == ("fc.bias",)
    assert not assignment.is_whole


def test_counts_of_batches_may_be_absent() -> None:
    """Files from before torch 0.4.1 have none, and predictions do not depend on them."""
    assignment = _by_name({name: shape for name, shape in OWN.items() if not fit.is_count(name)})
    assert assignment.is_whole
    assert "bn.num_batches_tracked" not in assignment.names


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize(
    "name",
    ["total_ops", "conv.total_params", "n_averaged", "criterion.weight", "loss_fn.centres", "conv.num_batches_tracked"],
)
def test_what_is_provably_not_the_networks_is_left(name: str, prefix: str) -> None:
    """Counters of tools and the parts of a loss are left out and named."""
    given = {prefix + own: shape for own, shape in OWN.items()} | {prefix + name: (1,)}
    assignment = _by_name(given)
    assert assignment.is_whole
    assert assignment.left == (prefix + name,)


def test_anything_else_is_unexpected() -> None:
    """A tensor that predictions may depend on, such as a mean, is never left out."""
    assert _by_name({**OWN, "normalizer.mean": (3,)}).unexpected == ("normalizer.mean",)


def test_auxiliary_heads_are_ignored() -> None:
    """What a source states that its files may have is left out without a word."""
    given = {f"module.{name}": shape for name, shape in {**OWN, "aux1.fc.weight": (5, 8)}.items()}
    assignment = fit.by_name(given, OWN, {}, ("aux1.",))
    assert assignment.is_whole
    assert assignment.left == ()


# By order.


def test_tensors_are_matched_by_order() -> None:
    """Where shapes are the same one after the other, names do not matter; counts of batches need not be there."""
    files = ["a.weight", "b.weight", "b.running_var", "c.weight", "c.bias"]
    assignment = fit.by_order(dict(zip(files, [s for n, s in OWN.items() if not fit.is_count(n)], strict=True)), OWN)
    assert isinstance(assignment, Assignment)
    assert list(assignment.names.items())[-1] == ("fc.bias", "c.bias")
    assert assignment.notes == ('5 tensors are matched by their order, as match = "order" states',)


def test_counts_of_batches_are_matched_too() -> None:
    """Where the file has as many counts of batches as the network, they are loaded."""
    assignment = fit.by_order({f"x.{name}": shape for name, shape in OWN.items()}, OWN)
    assert isinstance(assignment, Assignment)
    assert assignment.names["bn.num_batches_tracked"] == "x.bn.num_batches_tracked"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"conv.weight": (8, 3, 5, 5)}, "tensor 1 is conv.weight (8 x 3 x 5 x 5) in the file and conv.weight (8 x 3"),
        ({"extra.weight": (1,)}, "there are 6 tensors in the file and 5 in the network"),
    ],
)  # fmt: skip
def test_where_the_orders_part(changes: dict[str, tuple[int, ...]], why: str) -> None:
    """The first tensor of another shape is named, or the two numbers of tensors."""
    assert str(fit.by_order({**OWN, **changes}, OWN)).startswith(why)


def test_equal_shapes_of_another_kind_are_not_the_same() -> None:
    """A variance in the place of a weight has its shape and not its meaning."""
    given = {("bn.running_var" if n == "bn.weight" else "bn.weight" if n == "bn.running_var" else n): s
             for n, s in OWN.items()}  # fmt: skip
    why = "tensor 2 is bn.running_var (8) in the file and bn.weight (8) in the network"
    assert fit.by_order(given, OWN) == why


def test_alphabetical_order_is_not_the_networks() -> None:
    """Blocks of equal shapes that were sorted by name would change places: block 10 stands before block 2."""
    own = {f"blocks.{number}.weight": (8,) for number in range(12)}
    given = {f"layers.{number}.weight": (8,) for number in range(12)}
    assert isinstance(fit.by_order(given, own), Assignment)
    why = "the file has them in alphabetical order: layers.11.weight stands before layers.2.weight"
    assert fit.by_order(dict(sorted(given.items())), own) == why


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_networks_own_names_decide(prefix: str) -> None:
    """Layers that change places, all of them with names of the network, are never loaded by their places."""
    own = {f"blocks.{number}.weight": (8,) for number in range(3)}
    given = {f"{prefix}blocks.{number}.weight": (8,) for number in (0, 2, 1)}
    why = f"the names fit in another one: {prefix}blocks.2.weight is loaded by its name without `match`"
    assert fit.by_order(given, own) == why


# Heads.


def test_a_head_of_another_size() -> None:
    """Where only the first side of the head differs, its number of outputs is that of the file."""
    given = {**OWN, "fc.weight": (37, 8), "fc.bias": (37,)}
    assignment = _by_name(given)
    assert assignment.reshaped == ("fc.weight", "fc.bias")
    assert fit.head_outputs(assignment, given, OWN, ("fc",)) == 37
    assert fit.head_outputs(assignment, given, OWN, ("conv",)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"fc.weight": (37, 9), "fc.bias": (37,)},
        {"fc.weight": (37, 8), "fc.bias": (36,)},
        {"fc.weight": (37, 8, 1), "fc.bias": (37,)},
        {"fc.weight": (37, 8), "fc.bias": (37,), "bn.weight": (9,)},
        {"fc.weight": (37, 8), "fc.bias": (37,), "extra": (1,)},
    ],
)
def test_other_differences_are_no_other_head(changes: dict[str, tuple[int, ...]]) -> None:
    """Another number of inputs, two numbers of outputs, or anything outside of the head is a misfit."""
    given = {**OWN, **changes}
    assert fit.head_outputs(_by_name(given), given, OWN, ("fc",)) is None


def test_the_head_of_a_network() -> None:
    """torchvision's networks have it last; one without parameters has none."""
    assert fit.head_layers(torchvision.models.squeezenet1_0()) == ("classifier.1",)
    assert fit.head_layers(torch.nn.ReLU()) == ("",)


# Remarks.


def test_remarks() -> None:
    """What is converted, absent or left out of a file that fits is said, and nothing else."""
    own = OrderedDict(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)).state_dict())
    given = {name: tensor.half() for name, tensor in own.items() if not fit.is_count(name)}
    given["total_ops"] = torch.zeros(1)
    assignment = fit.by_name(fit.shapes(given), fit.shapes(own), {})
    assert fit.remarks(assignment, StateDict(given, ("epoch",)), own) == [
        "its values of type float16 are converted to the network's types",
        "1 counts of batches (num_batches_tracked) are not in it; no prediction depends on them",
        "left out, as not of the network: total_ops, epoch",
    ]
    assert fit.remarks(fit.by_name(fit.shapes(own), fit.shapes(own), {}), StateDict(own), own) == []


def test_quantized_weights_are_not_weights() -> None:
    """Whole numbers in the place of real ones would need their scale; counts are whole numbers on both sides."""
    own = torch.nn.BatchNorm1d(2).state_dict()
    assignment = fit.by_name(fit.shapes(own), fit.shapes(own), {})
    assert fit.of_another_kind(assignment, StateDict(dict(own)), own) is None
    given = {**own, "weight": torch.ones(2, dtype=torch.int8)}
    why = "weight holds values of type int8, as quantized weights do, and the network float32; save them as float32"
    assert fit.of_another_kind(assignment, StateDict(given), own) == why


@pytest.mark.parametrize(
    ("found", "wanted", "is_loaded"),
    [
        ("complex64", "float32", False),
        ("float32", "complex64", False),
        ("int64", "float32", False),
        ("float32", "int64", False),
        ("bool", "float32", False),
        ("int64", "bool", False),
        ("float64", "float16", True),
        ("int32", "int64", True),
        ("uint8", "int64", True),
    ],
)
def test_values_stay_of_their_kind(found: str, wanted: str, is_loaded: bool) -> None:
    """No part of a number is dropped, and no number is made of a position; counts of batches may be anything."""
    names = ("index", "num_batches_tracked")
    own = {name: torch.ones(2, dtype=getattr(torch, wanted)) for name in names}
    given = {name: torch.ones(2, dtype=getattr(torch, found)) for name in names}
    why = fit.of_another_kind(fit.by_name(fit.shapes(given), fit.shapes(own), {}), StateDict(given), own)
    assert (why is None) == is_loaded
    if why:
        assert why.startswith(f"index holds values of type {found}")
        assert why.endswith(f"and the network {wanted}; save them as {wanted}")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_wrappers_of_torch(prefix: str) -> None:
    """Where no network is known yet, the prefixes that torch itself writes are removed, if all names have them."""
    state = {"fc.weight": torch.ones(1), "fc.bias": torch.zeros(1)}
    assert fit.without_wrappers({prefix + name: tensor for name, tensor in state.items()}) == state
    mixed = {"module.weight": torch.zeros(1), "fc.weight": torch.ones(1)}
    assert fit.without_wrappers(mixed) == mixed
