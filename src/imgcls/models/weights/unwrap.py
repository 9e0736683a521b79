"""Finds the state dicts in what a training script saved, and chooses one of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imgcls import messages
from imgcls.errors import ModelError
from imgcls.models.weights import class_names, pickled, tensors

if TYPE_CHECKING:
    import torch

AVERAGED = re.compile(r"(?:^|[^a-z])(?:ema|swa|averaged?)(?:[^a-z]|$)", re.IGNORECASE)
"""A word in the keys that training scripts keep averaged weights under."""

_TIMMS_ORDER = ("state_dict_ema", "model_ema")  # docs/decisions.md#averaged-weights-first
_OPTIMIZER = "param_groups"  # every optimizer's state has this key, and tensors of the weights' names or numbers
_DEEPEST = 8  # docs/decisions.md#depth-of-checkpoints


class StateDict(NamedTuple):
    """Tensors by name; ``others``: what the same mapping holds that is not a tensor. ``notes``: what was chosen.

    ``classes``: the names of the outputs, where the file states them.
    """

    tensors: dict[str, torch.Tensor]
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None


class _Candidate(NamedTuple):
    key: str
    state: Mapping[str, Any]

    @property
    def is_averaged(self) -> bool:
        return bool(AVERAGED.search(self.key))


def state_dict(content: Any, path: Path, choice: str | None = None, names: Collection[str] = ()) -> StateDict:
    """The state dict in ``content``, which ``path`` held. ``choice``: ``ema``, ``raw``, the key of one, or None.

    Without a choice averaged weights go before raw ones, as in timm's ``load_state_dict``, and of several state dicts
    the one with most of the network's ``names`` is taken. Raises :class:`ModelError` where there is none, or where
    neither rule says which.
    """
    if isinstance(content, pickled.StandIn):
        raise pickled.held_object(path, content)
    if not isinstance(content, Mapping):
        raise _none(path, f"it holds a {type(content).__name__}")
    candidates = [copy for one in _candidates(content) for copy in _copies(one, names)]
    if not candidates:
        raise _no_candidate(content, path)
    chosen = _chosen(candidates, path, choice, names)
    checked = _checked(chosen.state, path, _note(chosen, candidates, choice))
    return checked._replace(classes=class_names.stated(content))


def _candidates(content: Mapping[Any, Any], key: str = "", depth: int = 0) -> Iterator[_Candidate]:
    """The innermost mappings of names to tensors, each with the keys that lead to it."""
    if _OPTIMIZER in content or depth > _DEEPEST:
        return
    inner = [
        candidate
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, Mapping)
        for candidate in _candidates(value, f"{key}.{name}".lstrip("."), depth + 1)
    ]
    if inner:
        yield from inner
    elif any(isinstance(name, str) and tensors.is_dense(value) for name, value in content.items()):
        yield _Candidate(key, content)


def covered(given: Iterable[Any], names: Collection[str]) -> dict[str, set[str]]:
    """The network's names that the given ones end in, by what stands before them."""
    prefixes: dict[str, set[str]] = defaultdict(set)
    for name in given:
        parts = name.split(".") if isinstance(name, str) else []
        for start in range(len(parts)):
            suffix = ".".join(parts[start:])
            if suffix in names:
                prefixes[name.removesuffix(suffix)].add(suffix)
    return prefixes


def _copies(candidate: _Candidate, names: Collection[str]) -> list[_Candidate]:
    """The state dicts of one network that stand side by side in a mapping, each under its prefix; else itself."""
    complete = [prefix for prefix, suffixes in covered(candidate.state, names).items() if len(suffixes) == len(names)]
    if len(complete) < 2 or not names:
        return [candidate]
    copied = {prefix + name for prefix in complete for name in names}
    rest = {name: value for name, value in candidate.state.items() if name not in copied}
    return [
        _Candidate(
            f"{candidate.key}.{prefix}".strip("."), {name: candidate.state[prefix + name] for name in names} | rest
        )
        for prefix in complete
    ]


def _chosen(candidates: Sequence[_Candidate], path: Path, choice: str | None, names: Collection[str]) -> _Candidate:
    if choice is None:
        eligible = list(candidates)
    elif choice in {"ema", "raw"}:
        eligible = [one for one in candidates if one.is_averaged is (choice == "ema")]
    else:
        eligible = _of_key(candidates, choice)
    if not eligible:
        keys = " or ".join(f'"{one.key}"' for one in candidates if one.key) or "one state dict, without a key"
        raise ModelError(f'{path} holds no weights for checkpoint = "{choice}"; it holds {keys}')
    return _preferred(_fitting(eligible, names), path)


def _of_key(candidates: Sequence[_Candidate], key: str) -> list[_Candidate]:
    """Those under a key: the one that has exactly this one, else those whose keys end in it, or begin with it."""
    exact = [one for one in candidates if one.key == key]
    ending = [one for one in candidates if one.key.endswith(f".{key}")]
    return exact or ending or [one for one in candidates if one.key.startswith(f"{key}.")]


def _fitting(candidates: Sequence[_Candidate], names: Collection[str]) -> list[_Candidate]:
    """Those with at least half as many of the network's names as the one with most, whatever stands before them."""
    counts = [max(map(len, covered(one.state, names).values()), default=0) for one in candidates]
    return [one for one, count in zip(candidates, counts, strict=True) if 2 * count >= max(counts)]


def _preferred(candidates: Sequence[_Candidate], path: Path) -> _Candidate:
    for key in _TIMMS_ORDER:
        for one in candidates:
            if one.key.rpartition(".")[2] == key:
                return one
    eligible = [one for one in candidates if one.is_averaged] or candidates
    if len(eligible) > 1:
        keys = [one.key for one in eligible]
        raise ModelError(
            f"{path} holds several state dicts: {messages.named(keys)}; choose one in the model's table: "
            f'checkpoint = "{keys[0]}"'
        )
    return eligible[0]


def _note(chosen: _Candidate, candidates: Sequence[_Candidate], choice: str | None) -> tuple[str, ...]:
    what = f"the {'averaged ' if chosen.is_averaged else ''}weights under {chosen.key or 'no key'} are loaded"
    if choice is not None:
        return (f'{what}, as checkpoint = "{choice}" states',)
    others = [one.key for one in candidates if one is not chosen]
    raw = [one.key for one in candidates if not one.is_averaged]
    if chosen.is_averaged and raw:
        hint = "raw" if len(raw) == 1 else raw[0]
        return (f'{what}, as timm does; checkpoint = "{hint}" loads those under {raw[0] or "no key"} instead',)
    if others:
        return (f"{what}, and not the tensors under {messages.named(others)}",)
    return (what,) if chosen.key else ()


def _checked(state: Mapping[Any, Any], path: Path, notes: tuple[str, ...]) -> StateDict:
    """Its dense tensors. Raises :class:`ModelError` for other tensors, and for names that are not text."""
    import torch

    odd = next((name for name, value in state.items() if not isinstance(name, str) or _is_odd(value)), None)
    if odd is not None:
        kind = type(state[odd]).__name__
        raise _none(path, f"its {odd!r} is not a dense tensor but a {kind}")
    dense = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    return StateDict(dense, tuple(name for name in state if name not in dense), notes)


def _is_odd(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and not tensors.is_dense(value)


def _no_candidate(content: Mapping[Any, Any], path: Path) -> ModelError:
    for key, value in content.items():
        if isinstance(value, pickled.StandIn):
            return pickled.held_object(path, value, f" under {key!r}")
    odd = next(iter(content), None)
    if odd is None:
        return _none(path, "it is empty")
    return _none(path, f"its {odd!r} is not a dense tensor but a {type(content[odd]).__name__}")


def _none(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} holds no state dict to load: {why}; re-save the model's state_dict() as safetensors")
