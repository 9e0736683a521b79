"""Which gates and limits a run must evaluate, and why one of them was not.

By default a run must evaluate what its tests were selected for. What a marker or a keyword deselects is not required.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias, get_args

from imgcls.errors import ConfigError

Kind = Literal["accuracy", "latency", "memory", "golden", "parity", "serving"]

KINDS: tuple[Kind, ...] = get_args(Kind)

Required: TypeAlias = frozenset[Kind] | None
"""The kinds that an option requires; ``None`` where each run requires what it selects."""

ALL = "all"


class Target(NamedTuple):
    """What a test evaluates: ``where`` is a dataset, a device and its scenario, a device, or an export on a dataset."""

    kind: Kind
    model: str
    where: str


class Unevaluated(NamedTuple):
    """A gate, a limit or a golden record that no test evaluated, in words."""

    target: Target
    words: str


def latency_target(model: str, device: str, scenario: str) -> Target:
    return Target("latency", model, f"{device}, {scenario}")


def parity_target(model: str, export: str, dataset: str) -> Target:
    return Target("parity", model, f"{export}, {dataset}")


def serving_target(model: str) -> Target:
    return Target("serving", model, "")


def kinds(option: str, text: str | None) -> Required:
    """What ``--imgcls-require-gates`` requires. Raises ConfigError."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if names == [ALL]:
        return frozenset(KINDS)
    if names == ["none"]:
        return frozenset()
    if unknown := [name for name in names if name not in KINDS]:
        raise ConfigError(
            f"{option} {text}: '{unknown[0]}' is not a kind of gate: write {option}=all, {option}=none, or some of "
            f"{option}={','.join(KINDS)}"
        )
    return frozenset(kind for kind in KINDS if kind in names)


@dataclass
class Coverage:
    """What the tests of one configuration are for.

    ``collected``: before anything was deselected. ``selected``: what was left. ``is_whole``: whether the run is of a
    whole project, without markers, keywords and names of tests. ``unmeasured``: why a test that was run evaluated
    nothing; ``failed``: what tests are for that failed, so that the run fails anyway.
    """

    collected: set[Target] = field(default_factory=set)
    selected: set[Target] = field(default_factory=set)
    is_whole: bool = False
    unmeasured: dict[Target, str] = field(default_factory=dict)
    failed: set[Target] = field(default_factory=set)

    def cause(self, target: Target) -> str:
        """Why nothing was evaluated, in words."""
        if reason := self.unmeasured.get(target):
            return reason
        if target in self.failed:
            return "its test failed"
        if target in self.selected:
            return "its test did not check it"
        if target in self.collected:
            return "its test was deselected by -m, -k or another option"
        return f"no test requests it: from imgcls.suite import test_{target.kind}"

    def must_evaluate(self, target: Target, required: Required) -> bool:
        """Whether a run fails where it did not evaluate this."""
        if required is not None:
            return target.kind in required
        if target in self.failed:
            return False
        return target in self.selected or (self.is_whole and target not in self.collected)

    def kinds_without(self, left_out: Collection[Kind]) -> list[Kind]:
        """The kinds of the selected tests without these."""
        selected = {target.kind for target in self.selected}
        return [kind for kind in KINDS if kind in selected and kind not in left_out]


def encode(targets: Iterable[Target]) -> list[list[str]]:
    """As they travel from the workers of pytest-xdist to the controller."""
    return [list(target) for target in sorted(targets)]


def decode(lists: Iterable[Iterable[str]]) -> set[Target]:
    """The inverse of :func:`encode`."""
    return {Target(*words) for words in lists}  # type: ignore[arg-type]  # they were targets
