"""A training and its folder: what is kept after every epoch, and how a training becomes the one that was kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

from imgcls import checkpoints, curves, handover
from imgcls.errors import ConfigError
from imgcls.learner import Learner
from imgcls.recipe import Epoch, Recipe, Side
from imgcls.records import InputSpec, ModelSpec
from imgcls.training_data import Division
from imgcls.transfer import Start

FORMAT: Final = "imgcls-train 2"
LAST = "last.safetensors"
KEPT = (
    checkpoints.NAME, LAST, handover.WEIGHTS, "metrics.csv", "curves.svg", "curves.png",
    handover.CLASSES, handover.MANIFEST, handover.CONFIGURATION,
)  # fmt: skip
"""Every file that a training writes."""

_PLAIN = ("format", "arch")  # in the metadata of weights, all else is JSON


def about(spec: ModelSpec, start: Start, division: Division, input_spec: InputSpec, recipe: Recipe) -> dict[str, Any]:
    """What a file of weights says of how it was made, and what a training must agree on to be continued."""
    import torch

    libraries = ("imgcls", "torch", "torchvision", "timm", "numpy", "pillow")
    return {
        "format": FORMAT,
        "arch": spec.arch,
        "options": dict(start.options),
        "classes": list(division.classes),
        "input": asdict(input_spec),
        "recipe": asdict(recipe),
        "weights": None if spec.weights is None else str(start.weights_sha256 or spec.weights),
        "pictures": {"learnt": len(division.learn), "held_out": len(division.held_out), "sha256": division.sha256()},
        "versions": {**{name: metadata.version(name) for name in libraries}, "threads": torch.get_num_threads()},
    }


def best(history: Sequence[Epoch]) -> Epoch:
    """The epoch with the highest top-1 on the held-out pictures; of several, the lowest loss there, then the first."""
    return min(history, key=lambda epoch: (-epoch.held_out.top1, epoch.held_out.loss))


@dataclass(frozen=True, slots=True)
class Run:
    """A training and its folder."""

    out: Path
    division: Division
    recipe: Recipe
    input_spec: InputSpec
    learner: Learner
    about: Mapping[str, Any]
    history: list[Epoch] = field(default_factory=list)

    def keep(self) -> None:
        """Write everything as it is after the last epoch. The checkpoint comes first: the rest follows from it."""
        rows = [asdict(epoch) for epoch in self.history]
        checkpoints.save(self.out, {"about": json.dumps(self.about), "history": rows, "learner": self.learner.state()})
        self.publish()

    def publish(self) -> None:
        """Write what follows from the checkpoint; the best weights only when they are the last ones."""
        if not self.history:
            return
        reached = best(self.history)
        self._write_weights(LAST)
        if reached is self.history[-1]:
            self._write_weights(handover.WEIGHTS)
        checkpoints.write(self.out / "metrics.csv", curves.table(self.history).encode())
        kinds: tuple[Literal["svg", "png"], ...] = ("svg", "png")
        for kind in kinds:
            checkpoints.write(self.out / f"curves.{kind}", curves.drawn(self.history, kind))
        texts = handover.files(
            self.out, self.division, self.about["arch"], self.about["options"], self.input_spec, reached.held_out.top1
        )
        for name, text in texts.items():
            checkpoints.write(self.out / name, text.encode())

    def _write_weights(self, name: str) -> None:
        said = {**self.about, "epoch": len(self.history)}
        text = {key: value if key in _PLAIN else json.dumps(value) for key, value in said.items()}
        checkpoints.write_weights(self.out / name, self.learner.weights(), text)

    def resume(self, say: Callable[[str], None]) -> None:
        """Become the training that was kept. Raises :class:`ConfigError` where that was another one."""
        kept = checkpoints.load(self.out)
        before, now = _flat(json.loads(kept["about"])), _flat(json.loads(json.dumps(self.about)))
        changed = [
            f"{name} was {before.get(name)}, now {now.get(name)}"
            for name in dict.fromkeys([*before, *now])
            if before.get(name) != now.get(name)
        ]
        if other := [change for change in changed if not change.startswith("versions.")]:
            raise ConfigError(f"{self.out} holds another training: {'; '.join(other)}; continue it as it was begun")
        self.history.extend(_remembered(row) for row in kept["history"])
        self.learner.restore(kept["learner"])
        say(f"continues after epoch {len(self.history)} of {self.recipe.epochs}")
        if changed:
            say(f"the rest may differ in its last bits: {'; '.join(changed)}")


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as one, as in ``recipe.seed``."""
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}{key}.") if isinstance(inner, Mapping) else {f"{prefix}{key}": inner}
    return flat


def _remembered(row: Mapping[str, Any]) -> Epoch:
    return Epoch(**{**row, "learnt": Side(**row["learnt"]), "held_out": Side(**row["held_out"])})
