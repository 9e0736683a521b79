"""A training and its folder: what is written after every epoch, and how a training is resumed from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

from imgcls.config import specs
from imgcls.errors import ConfigError
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.training import checkpoints, export, history
from imgcls.training.config import TrainingConfig
from imgcls.training.finetune import InitialModel
from imgcls.training.history import Epoch, SplitMetrics
from imgcls.training.learner import Learner
from imgcls.training.split import Split

FORMAT: Final = "imgcls-train 2"
LAST = "last.safetensors"

FILES = (
    checkpoints.NAME, LAST, export.WEIGHTS, "metrics.csv", "curves.svg", "curves.png",
    export.CLASSES, export.MANIFEST, export.CONFIGURATION,
)  # fmt: skip
"""Every file that a training writes."""

_PLAIN = ("format", "arch")  # in the metadata of weights, all else is JSON


def provenance(
    spec: ModelSpec, initial: InitialModel, split: Split, input_spec: InputSpec, config: TrainingConfig
) -> dict[str, Any]:
    """How weights were made: their metadata, which a training must agree on to be resumed."""
    import torch

    libraries = ("imgcls", "torch", "torchvision", "timm", "numpy", "pillow")
    return {
        "format": FORMAT,
        "arch": spec.arch,
        "options": dict(initial.options),
        "classes": list(split.classes),
        "input": specs.input_table(input_spec),
        "recipe": asdict(config),
        "weights": None if spec.weights is None else str(initial.weights_sha256 or spec.weights),
        "pictures": {"learnt": len(split.train), "held_out": len(split.validation), "sha256": split.sha256()},
        "versions": {**{name: metadata.version(name) for name in libraries}, "threads": torch.get_num_threads()},
    }


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A training and its folder."""

    out: Path
    split: Split
    config: TrainingConfig
    input_spec: InputSpec
    learner: Learner
    provenance: Mapping[str, Any]
    history: list[Epoch] = field(default_factory=list)

    def save(self) -> None:
        """Write everything as it is after the last epoch."""
        rows = [_row(epoch) for epoch in self.history]
        about = json.dumps(self.provenance)
        # The checkpoint first: docs/decisions.md#checkpoint-first
        checkpoints.save(self.out, {"about": about, "history": rows, "learner": self.learner.state()})
        self.publish()

    def publish(self) -> None:
        """Write what follows from the checkpoint; the best weights only when they are the last ones."""
        if not self.history:
            return
        best = history.best(self.history)
        self._write_weights(LAST)
        if best is self.history[-1]:
            self._write_weights(export.WEIGHTS)
        checkpoints.write(self.out / "metrics.csv", history.table(self.history).encode())
        kinds: tuple[Literal["svg", "png"], ...] = ("svg", "png")
        for kind in kinds:
            checkpoints.write(self.out / f"curves.{kind}", history.curves(self.history, kind))
        arch, options = self.provenance["arch"], self.provenance["options"]
        texts = export.files(self.out, self.split, arch, options, self.input_spec, best.validation.top1)
        for name, text in texts.items():
            checkpoints.write(self.out / name, text.encode())

    def _write_weights(self, name: str) -> None:
        values = {**self.provenance, "epoch": len(self.history)}
        text = {key: value if key in _PLAIN else json.dumps(value) for key, value in values.items()}
        checkpoints.write_weights(self.out / name, self.learner.weights(), text)

    def resume(self, report: Callable[[str], object]) -> None:
        """Become the training that was saved. Raises ConfigError where that was another one."""
        saved = checkpoints.load(self.out)
        changes = _changes(json.loads(saved["about"]), json.loads(json.dumps(self.provenance)))
        if other := [change for change in changes if not change.startswith("versions.")]:
            raise ConfigError(f"{self.out} holds another training: {'; '.join(other)}; continue it as it was begun")
        self.history.extend(_epoch(row) for row in saved["history"])
        self.learner.restore(saved["learner"])
        report(f"continues after epoch {len(self.history)} of {self.config.epochs}")
        if changes:
            report(f"the rest may differ in its last bits: {'; '.join(changes)}")


def _changes(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Each key that differs, with both values."""
    before, now = _flat(saved), _flat(current)
    return [
        f"{_displayed(key)} was {before.get(key)}, now {now.get(key)}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as one, as in ``versions.torch``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


_DISPLAYED = {
    "pictures.learnt": "training images",
    "pictures.held_out": "validation images",
    "pictures.sha256": "images.sha256",
}


def _displayed(key: str) -> str:
    """The key of a file, which never changes, in the words of the messages."""
    return _DISPLAYED.get(key, key.removeprefix("recipe."))


def _row(epoch: Epoch) -> dict[str, Any]:
    """An epoch in a checkpoint, whose keys never change."""
    values = asdict(epoch)
    return {"learnt" if key == "train" else "held_out" if key == "validation" else key: values[key] for key in values}


def _epoch(row: Mapping[str, Any]) -> Epoch:
    values = dict(row)
    train, validation = SplitMetrics(**values.pop("learnt")), SplitMetrics(**values.pop("held_out"))
    return Epoch(train=train, validation=validation, **values)
