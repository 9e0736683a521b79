"""Reads what ``torch.save`` wrote. Names in a file become stand-ins that hold data, so that no code of a file is run.

``torch.load(weights_only=True)`` does the reading; docs/decisions.md#stand-ins states why stand-ins are safe.
"""

from __future__ import annotations

import pickle
import re
import struct
import sys
import warnings
from _compat_pickle import (
    IMPORT_MAPPING,  # as the pickle module itself does: names of Python 2, which torch.save writes
)
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from imgcls import messages
from imgcls.errors import ModelError
from imgcls.models.weights import archive, pickle_names

_NUMPY = ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
_PATHS = ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
_PLAIN_TYPES = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "range", "slice", "str", "tuple")

# docs/decisions.md#stand-ins
DATA_CALLS = frozenset({
    *(f"numpy.{core}.{name}" for core in ("core", "_core") for name in _NUMPY),
    *(f"numpy.random._pickle.__{kind}_ctor" for kind in ("bit_generator", "generator", "randomstate")),
    "numpy.dtype",
    *(f"pathlib.{module}{name}" for module in ("", "_local.") for name in _PATHS),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"builtins.{name}" for name in _PLAIN_TYPES),
    *("collections.defaultdict", "collections.deque", "types.SimpleNamespace", "copyreg._reconstructor"),
    *("decimal.Decimal", "fractions.Fraction"),
})  # fmt: skip
"""What pickles call to make values that only hold data; such a call is held with its arguments, and not made."""

_LEARNED = {"collections.defaultdict": OrderedDict, "collections.deque": list}
"""Containers that pickles fill item by item."""

# All that torch.load(weights_only=True) raised on random, cut and flipped bytes in tests.
_DAMAGED = (
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)

_CUT_OFF = (EOFError, RuntimeError, struct.error)
"""What is raised where bytes are missing, in a pickle or behind it."""

_UNKNOWN = re.compile(r"GLOBAL (\S+) was not an allowed global")
_FILLED = re.compile(r"Can only (SETITEMS?|append) (?:for|to) .* got <class '([^']+)'>")
_NEWER = re.compile(r"Unsupported operand (?:14[0-9]|15[0-2])\b")
"""The instructions of a pickle that protocols 4 and 5 added."""

_CODE = re.compile(r"GLOBAL (\S+)")


class _StandInType(type):
    """The type of stand-ins: calling one is what a pickle does to run a function, and to make a value."""

    path: str
    container: type[Any] | None

    def __call__(cls, *args: Any) -> Any:
        if cls.path in DATA_CALLS or _is_member(cls.path, args):
            return super().__call__(*args)
        raise pickle.UnpicklingError(f"GLOBAL {cls.path} would be called")


class StandIn(metaclass=_StandInType):
    """What a file states of an object: the path of its class, arguments and state. It is never that object."""

    path = ""
    container: type[Any] | None = None
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Any:
        if cls.container:
            return cls.container()
        held = object.__new__(cls)
        held.args, held.state = args, None
        return held

    def __setstate__(self, state: Any) -> None:
        self.state = state


def load(path: Path, device: Literal["cpu", "meta"] = "cpu") -> Any:
    """The content of a file of ``torch.save``, on the CPU; objects of classes are :class:`StandIn` or plain containers.

    On the device ``meta`` tensors have no values. Raises :class:`ModelError` for a file that calls code or is damaged,
    and OSError.
    """
    if member := archive.damaged_member(path):
        raise ModelError(
            f"{path} is damaged: its part {messages.spelled(member)} does not match its checksum; "
            "fetch it again, or save it again"
        )
    stand_ins: dict[str, type[Any]] = {}
    for name in DATA_CALLS:
        _stand_in(stand_ins, name)
    while True:
        try:
            return _load(path, device, stand_ins)
        except _DAMAGED as error:
            if not _learn(stand_ins, str(error)):
                raise _unreadable(path, error) from error


def held_object(path: Path, held: StandIn, where: str = "") -> ModelError:
    """The error for a file with this object in the place of tensors; ``where``: under which key."""
    if held.path.startswith("numpy."):
        return ModelError(
            f"{path} holds arrays of NumPy{where}, and no tensors; save them as such: "
            f'torch.save({{name: torch.from_numpy(array) for name, array in arrays.items()}}, "{path.stem}-state.pth")'
        )
    return whole_object(path, f"an object of {held.path}{where}")


def whole_object(path: Path, what: str) -> ModelError:
    """The error for a file with an object in the place of tensors."""
    return ModelError(
        f"{path} is refused: it holds {what}, which only its own code could restore; save only the tensors, in a "
        f"program that has that code: {_save(path)}"
    )


def _load(path: Path, device: str, stand_ins: dict[str, type[Any]]) -> Any:
    import torch

    named: list[Any] = [(stand_in, name) for name, stand_in in stand_ins.items()]
    with warnings.catch_warnings(), torch.serialization.safe_globals(named), path.open("rb") as file:
        warnings.simplefilter("ignore", UserWarning)  # of unusual pickle protocols: they are read or they are refused
        return torch.load(file, map_location=device, weights_only=True)  # of a path, it would look at the suffix


def _learn(stand_ins: dict[str, type[Any]], message: str) -> bool:
    """Stand in for the name that was not known, or that is filled as a container; whether that is news."""
    if unknown := _UNKNOWN.search(message):
        name = unknown[1] if "." in unknown[1] else f"builtins.{unknown[1]}"
        return name not in stand_ins and _stand_in(stand_ins, name)
    filled = _FILLED.search(message)
    if filled and filled[2] in stand_ins and not stand_ins[filled[2]].container:
        return _stand_in(stand_ins, filled[2], list if filled[1] == "append" else OrderedDict)
    return False


def _stand_in(stand_ins: dict[str, type[Any]], path: str, container: type[Any] | None = None) -> bool:
    module, _, name = path.rpartition(".")
    current = f"{IMPORT_MAPPING.get(module, module)}.{name}"
    values = {
        "path": current, "container": container or _LEARNED.get(current), "__module__": module, "__qualname__": name,
    }  # fmt: skip
    stand_ins[path] = _StandInType(name, (StandIn,), values)
    return True


def _is_member(path: str, args: tuple[Any, ...]) -> bool:
    """Whether a call has the form of an enum's member: a class outside of Python and torch, and one plain value."""
    module, name = path.partition(".")[0], path.rpartition(".")[2]
    foreign = module not in sys.stdlib_module_names and module not in {"torch", "numpy"}
    is_class = re.fullmatch(r"_?[A-Z]\w*[a-z]\w*", name)
    return bool(foreign and is_class and len(args) == 1 and isinstance(args[0], str | int | float | None))


def _unreadable(path: Path, error: Exception) -> ModelError:
    """The error for a file; torch's own text would advise to run what is in it."""
    save, named = _save(path), [name for name in pickle_names.of(path) if name not in DATA_CALLS]
    if code := _CODE.search(str(error)):
        return ModelError(
            f"{path} is refused: loading it would run {code[1]}, and weights are read without running code; "
            f"save only the tensors, in the program that made it: {save}"
        )
    if "persistent_load of storage" in str(error):  # the old format states the source of a module's class there
        return whole_object(path, "a network with its class")
    if _NEWER.search(str(error)):
        return ModelError(
            f"{path} was saved with a pickle protocol above 3, which PyTorch does not read without running code"
            f"{_that_names(named)}; save it again with the usual one, in a program that trusts it: {save}"
        )
    if named and not isinstance(error, _CUT_OFF):
        return ModelError(
            f"{path} is refused: it is a pickle that names {messages.named(named)}, which loading it would run, and "
            f"weights are read without running code; save only the tensors, in the program that made it: {save}"
        )
    if pickle_names.is_whole(path) and not isinstance(error, _CUT_OFF):
        return ModelError(
            f"{path} is refused: it is a pickle, whole and not of torch.save; save only the tensors, in the program "
            f"that made it: {save}"
        )
    return ModelError(
        f"{path} is not a PyTorch checkpoint of tensors, or was cut off ({type(error).__name__}); "
        f"fetch it again, or save it again: {save}"
    )


def _that_names(named: Sequence[str]) -> str:
    return f" and names {messages.named(named)}" if named else ""


def _save(path: Path) -> str:
    return f'torch.save(model.state_dict(), "{path.stem}-state.pth")'
