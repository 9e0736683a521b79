"""imgcls.models.weights.pickled: names in a file become stand-ins, so that its data is read and its code never run."""

import argparse
import collections
import dataclasses
import datetime as dt
import enum
import os
import pathlib
import pickle
import subprocess
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models.weights import pickled
from imgcls.models.weights.pickled import StandIn

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3)}


def _saved(content: Any, file: Path, *, zipped: bool = True) -> Path:
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file


class Colour(enum.Enum):
    """Members are pickled as calls of the class."""

    RED = "red"


class Items(dict[str, int]):
    """A dict that a library extends."""


class Names(list[str]):
    """A list that a library extends."""


@dataclasses.dataclass
class Options:
    """A class of a training script."""

    depth: int = 3


VALUES = [
    argparse.Namespace(lr=0.1),
    types.SimpleNamespace(lr=0.1),
    Options(),
    Colour.RED,
    np.float32(1.5),
    np.bool_(True),
    np.arange(3),
    np.array(["a"], dtype=object),
    np.dtype("float16"),
    pathlib.PurePosixPath("/runs/1"),
    pathlib.PureWindowsPath("C:/runs"),
    dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    dt.timedelta(seconds=3),
    frozenset({1}),
    range(3),
    slice(1, 2),
]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_that_hold_data_are_held(value: object, zipped: bool, tmp_path: Path) -> None:
    """Next to tensors a value that only holds data loads, as a stand-in, whether its class exists here or not."""
    content = pickled.load(_saved({"state": STATE, "value": value}, tmp_path / "a.pth", zipped=zipped))
    assert torch.equal(content["state"]["fc.weight"], STATE["fc.weight"])
    assert isinstance(content["value"], StandIn)


def test_a_stand_in_has_the_state(tmp_path: Path) -> None:
    """What a file states of an object is there to be read: its class, its arguments and its state."""
    content = pickled.load(_saved([Options(7), Colour.RED], tmp_path / "a.pth"))
    options, colour = (value.path.removeprefix(f"{__name__}.") for value in content)
    assert (options, content[0].args, content[0].state) == ("Options", (), {"depth": 7})
    assert (colour, content[1].args, content[1].state) == ("Colour", ("red",), None)


@pytest.mark.parametrize("zipped", [True, False])
def test_containers_become_plain_ones(zipped: bool, tmp_path: Path) -> None:
    """Dicts and lists that a library extends are read as dicts and lists, with all that is in them."""
    counts = collections.defaultdict(list, {"loss": [1.0]})
    content = {"items": Items(a=1), "names": Names(["b"]), "counts": counts, "last": collections.deque([4, 5], 3)}
    read = pickled.load(_saved(content, tmp_path / "a.pth", zipped=zipped))
    assert read == {"items": {"a": 1}, "names": ["b"], "counts": {"loss": [1.0]}, "last": [4, 5]}


def test_plain_values_are_themselves(tmp_path: Path) -> None:
    """Numbers, texts, sets and torch's own values need no stand-in."""
    content = {"epoch": 3, "name": "a", "set": {1}, "dtype": torch.float16, "size": torch.Size([1]), "none": None}
    assert pickled.load(_saved(content, tmp_path / "a.pth")) == content


class Harmful:
    """Its pickle makes a folder when it is loaded by an unpickler that runs code."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@dataclasses.dataclass
class Pair:
    """Two values."""

    a: int
    b: int


class Script:
    """A class outside of Python whose call takes more than one value."""

    def __reduce__(self) -> Any:
        return Pair, (1, 2)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.mkdir, "posix.mkdir"),
        (os.system, "posix.system"),
        (eval, "builtins.eval"),
        (subprocess.Popen, "subprocess.Popen"),
        (torch.optim.SGD, "torch.optim.sgd.SGD"),
        (np.fromfile, "numpy.fromfile"),
    ],
)
def test_code_is_never_run(function: Callable[..., object], name: str, zipped: bool, tmp_path: Path) -> None:
    """A file that would call anything else is refused by name, with advice that is safe, and nothing is run."""
    witness = tmp_path / "witness"
    _saved({"fc": Harmful(function, str(witness))}, tmp_path / "a.pth", zipped=zipped)
    advice = r'save only the tensors, in the program that made it: torch\.save\(model\.state_dict\(\), "a-state\.pth"\)'
    with pytest.raises(ModelError, match=rf"a\.pth is refused: loading it would run {name}, .*{advice}\Z") as caught:
        pickled.load(tmp_path / "a.pth")
    assert not witness.exists()
    assert "weights_only" not in str(caught.value)


def test_only_one_plain_value_makes_a_member(tmp_path: Path) -> None:
    """A call of a class of one's own with more than one value is no enum's, and is refused."""
    _saved({"a": Script()}, tmp_path / "a.pth")
    with pytest.raises(ModelError, match=r"would run .*test_pickled\.Pair"):
        pickled.load(tmp_path / "a.pth")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_protocols_of_pickle(protocol: int, zipped: bool, tmp_path: Path) -> None:
    """Up to protocol 3 a file is read; a later one is named as the reason, and not taken for damage."""
    file = tmp_path / "a.pth"
    torch.save(STATE, file, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    if protocol < 4:
        assert pickled.load(file).keys() == STATE.keys()
        return
    with pytest.raises(ModelError, match=r"was saved with a pickle protocol above 3, .*: torch\.save\(model\.state_di"):
        pickled.load(file)


POISONED = {
    "protocol 0": (pickle.dumps({"fc": Harmful(os.mkdir, "witness")}, 0), "it is a pickle that names posix.mkdir, "),
    "INST": (b"(S'witness'\nios\nmkdir\n.", "it is a pickle that names os.mkdir, "),
    "NEWOBJ": (b"\x80\x02csubprocess\nPopen\n(X\2\0\0\0ls\x85\x81.", "it is a pickle that names subprocess.Popen, "),
    "EXT": (b"\x80\x02\x82\x01)R.", "it is a pickle, whole and not of torch.save"),
}


@pytest.mark.parametrize("case", POISONED)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_poisoned_pickle_is_not_called_cut_off(case: str, zipped: bool, tmp_path: Path) -> None:
    """It is refused for what it names, whichever instructions it has."""
    data, why = POISONED[case]
    file = tmp_path / "a.pth"
    if zipped:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a/data.pkl", data)
            archive.writestr("a/version", "3")
    else:
        file.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        pickled.load(file)
    assert f"a.pth is refused: {why}" in str(caught.value)
    assert not {"cut off", "weights_only"} & {text for text in ("cut off", "weights_only") if text in str(caught.value)}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_later_protocol_does_not_hide_what_is_named(zipped: bool, tmp_path: Path) -> None:
    """Who saves it again has to know what it would run."""
    content = {"fc": Harmful(os.mkdir, "witness")}
    torch.save(content, tmp_path / "a.pth", pickle_protocol=4, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"pickle protocol above 3, .* and names posix\.mkdir; save it again"):
        pickled.load(tmp_path / "a.pth")


def test_the_harmful_pickle_does_harm(tmp_path: Path) -> None:
    """The pickle that the tests above refuse does run code where an unpickler lets it."""
    pickle.loads(pickle.dumps(Harmful(os.mkdir, str(tmp_path / "witness"))))  # noqa: S301 - the point of it
    assert (tmp_path / "witness").exists()


def test_the_allow_list_of_the_process_stays(tmp_path: Path) -> None:
    """Reading a file leaves torch's own list of safe names as it was."""
    before = set(torch.serialization.get_safe_globals())
    pickled.load(_saved({"value": Options()}, tmp_path / "a.pth"))
    assert set(torch.serialization.get_safe_globals()) == before


def test_no_call_of_the_list_reaches_its_function() -> None:
    """Every name on the list stands for data: calling its stand-in returns what was given to it."""
    stand_ins: dict[str, type[Any]] = {}
    for name in pickled.DATA_CALLS:
        pickled._stand_in(stand_ins, name)
    held = {name: stand_in("x") for name, stand_in in stand_ins.items()}
    assert all(getattr(value, "args", ("x",)) == ("x",) for value in held.values())
