"""imgcls.models.weights.unwrap: the state dict that a training script saved is found, or the question is asked."""

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models.weights import pickled, unwrap
from imgcls.models.weights.unwrap import StateDict

FILE = Path("a.pth")
STATE = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.ones(2)}
OTHER = {name: torch.zeros_like(tensor) for name, tensor in STATE.items()}
OPTIMIZER = {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}


def _read(content: Any, choice: str | None = None) -> StateDict:
    return unwrap.state_dict(content, FILE, choice, STATE)


def _held(name: str) -> Any:
    """What stands for an object of this name in a file."""
    stand_ins: dict[str, type[Any]] = {}
    pickled._stand_in(stand_ins, name)
    return stand_ins[name]()


def _is_state(read: StateDict) -> bool:
    return read.tensors.keys() == STATE.keys() and all(bool(tensor.all()) for tensor in read.tensors.values())


@pytest.mark.parametrize(
    "key", ["state_dict", "model", "model_state_dict", "net", "network", "module", "weights", "ema", "anything"]
)
def test_training_checkpoints_are_unwrapped(key: str) -> None:
    """What training scripts save around a state dict, arguments and a stray tensor included, is left aside."""
    around = {"epoch": 3, "optimizer": OPTIMIZER, "args": argparse.Namespace(lr=0.1), "best_acc1": torch.tensor(0.7)}
    read = _read({key: STATE, **around})
    assert _is_state(read)
    kind = "averaged weights" if key == "ema" else "weights"
    assert read.notes == (f"the {kind} under {key} are loaded",)


def test_a_bare_state_dict_needs_no_note() -> None:
    """Where nothing stands around the tensors, nothing was done."""
    assert _read(STATE).notes == ()


def test_wrappers_in_wrappers() -> None:
    """The key is the way to the innermost mapping of tensors."""
    read = _read({"checkpoint": {"model": STATE, "optimizer": OPTIMIZER}})
    assert _is_state(read)
    assert read.notes == ("the weights under checkpoint.model are loaded",)


def test_values_next_to_tensors_are_named() -> None:
    """What is in a state dict and is not a tensor is left out by name."""
    assert _read({**STATE, "epoch": 3}).others == ("epoch",)


# Averaged weights.


@pytest.mark.parametrize(
    "average", ["state_dict_ema", "model_ema", "ema", "ema_state_dict", "swa_model", "model_EMA", "model-ema", "ema9"]
)
@pytest.mark.parametrize("raw", ["state_dict", "model"])
def test_averaged_weights_go_first(raw: str, average: str) -> None:
    """As in timm, averaged weights are loaded where there are some, which is said with the way to the others."""
    read = _read({raw: OTHER, average: STATE})
    assert _is_state(read)
    why = f'under {average} are loaded, as timm does; checkpoint = "raw" loads those under {raw} instead'
    assert read.notes == (f"the averaged weights {why}",)


def test_timms_order_of_averages() -> None:
    """Of two kinds of averages timm takes the one that it writes itself."""
    assert _is_state(_read({"model_ema": OTHER, "state_dict_ema": STATE, "state_dict": OTHER}))


@pytest.mark.parametrize(
    ("choice", "key"),
    [("ema", "state_dict_ema"), ("raw", "model.inner"), ("state_dict_ema", "state_dict_ema"), ("inner", "model.inner"),
     ("model", "model.inner"), ("model.inner", "model.inner")],
)  # fmt: skip
def test_the_choice_decides(choice: str, key: str) -> None:
    """Which weights are loaded can be stated: averaged or raw ones, or a key, whole or its beginning or end."""
    content = {"state_dict_ema": STATE, "model": {"inner": STATE}}
    what = "averaged weights" if "ema" in key else "weights"
    assert _read(content, choice).notes == (f'the {what} under {key} are loaded, as checkpoint = "{choice}" states',)


def test_a_whole_key_goes_before_the_end_of_another() -> None:
    """``model`` is what is under ``model``, and not the averaged weights under ``ema.model``."""
    read = _read({"ema": {"model": OTHER}, "model": STATE}, "model")
    assert _is_state(read)
    assert read.notes == ('the weights under model are loaded, as checkpoint = "model" states',)


@pytest.mark.parametrize("key", ["exp_avg", "avgpool", "schema", "emaciated", "cinema"])
def test_other_keys_are_no_averages(key: str) -> None:
    """What only sounds like an average, such as the moments of an optimizer, is never preferred."""
    with pytest.raises(ModelError, match=rf"holds several state dicts: model, {key};"):
        _read({"model": STATE, key: OTHER})


@pytest.mark.parametrize(
    ("content", "choice", "holds"),
    [
        ({"model": STATE}, "ema", '"model"'),
        ({"ema": STATE}, "raw", '"ema"'),
        ({"a": STATE, "b": OTHER}, "c", '"a" or "b"'),
        (STATE, "model", "one state dict, without a key"),
    ],
)
def test_a_choice_that_is_not_there(content: Any, choice: str, holds: str) -> None:
    """A choice of which the file has nothing is refused with what it has."""
    with pytest.raises(ModelError, match=rf'\Aa\.pth holds no weights for checkpoint = "{choice}"; it holds {holds}\Z'):
        _read(content, choice)


def test_averages_of_something_else_are_not_taken() -> None:
    """Averaged tensors of which the network has hardly any are no weights of it."""
    read = _read({"model": STATE, "ema_of_losses": {"train": torch.ones(1)}})
    assert _is_state(read)
    assert read.notes == ("the weights under model are loaded, and not the tensors under ema_of_losses",)


# Several state dicts.


def test_two_copies_in_one_mapping() -> None:
    """Copies that stand side by side under prefixes are as good as two mappings."""
    both = {f"model.{name}": OTHER[name] for name in OTHER} | {f"ema_model.{name}": STATE[name] for name in STATE}
    read = _read(both)
    assert _is_state(read)
    why = 'under ema_model are loaded, as timm does; checkpoint = "raw" loads those under model instead'
    assert read.notes == (f"the averaged weights {why}",)


@pytest.mark.parametrize("content", [{"teacher": STATE, "student": OTHER}, {"state_dict": STATE, "model": OTHER}])
def test_where_no_rule_decides(content: dict[str, Any]) -> None:
    """Two state dicts that fit equally are a question, with the line that answers it."""
    first, second = content
    with pytest.raises(ModelError, match=rf'several state dicts: {first}, {second}; .*: checkpoint = "{first}"\Z'):
        _read(content)


def test_the_network_decides() -> None:
    """Of two state dicts the one with the network's names is taken."""
    assert _is_state(_read({"criterion": {"centres": torch.ones(3)}, "net": STATE}))


def test_arrays_of_numpy_are_named() -> None:
    """Arrays in the place of tensors are no objects of a program, and are easily saved as tensors."""
    with pytest.raises(ModelError, match=r"a\.pth holds arrays of NumPy under 'fc\.weight', .*torch\.from_numpy"):
        _read({"fc.weight": _held("numpy._core.multiarray._reconstruct")})


# What is refused.


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"epoch": 1}, "its 'epoch' is not a dense tensor but a int"),
        ({**STATE, "sparse": torch.eye(2).to_sparse()}, "its 'sparse' is not a dense tensor but a Tensor"),
        ({0: torch.zeros(1)}, "its 0 is not a dense tensor"),
        ({"optimizer": OPTIMIZER}, "its 'optimizer' is not a dense tensor but a dict"),
        ([torch.zeros(1)], "it holds a list"),
        (torch.zeros(1), "it holds a Tensor"),
        ({}, "it is empty"),
    ],
)
def test_other_contents_are_refused(content: Any, why: str) -> None:
    """Something that is not a state dict is refused with what it is."""
    with pytest.raises(ModelError, match=rf"\Aa\.pth holds no state dict to load: {why}.*re-save .* as safetensors\Z"):
        _read(content)


def test_endless_wrappers_are_refused() -> None:
    """A mapping that holds itself, as no script writes, ends in the same error."""
    content: dict[str, Any] = {}
    content["model"] = content
    with pytest.raises(ModelError, match=r"holds no state dict to load: its 'model' is not a dense tensor but a dict"):
        _read(content)
