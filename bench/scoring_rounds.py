"""What is measured of scoring: the loop of PyTorch's tutorial, ours with an empty store and from it, and the floor."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import pytest

from imgcls.system import machine
from scoring_process import Process

DOCUMENT = "scored.json"

TUTORIAL = "the tutorial's loop"

LOOPS = {TUTORIAL: (4, 4), "larger batches": (32, machine.cores())}
"""The DataLoader's ``batch_size`` and ``num_workers``: as the tutorial has them, and as a user may choose them."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the variables IMGCLS_BENCH_… of the environment request; see ``bench/README.md``."""

    images: int = 64
    rounds: int = 1
    files: int = 0
    runtime: str = "auto"
    precision: str = "float32"
    decode: str = "exact"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Fails the test where the value of a number is not a number."""
        values: dict[str, Any] = {}
        for key in fields(cls):
            name = f"IMGCLS_BENCH_{key.name.upper()}"
            given = environ.get(name, "")
            if given and key.type is int and not (given.isdecimal() and int(given)):
                pytest.fail(f"{name}: expected a number above 0, got {given!r}", pytrace=False)
            if given:
                values[key.name] = int(given) if key.type is int else given
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Scene:
    """The images, the configuration, and the rows of the table so far; ``images``: what they are, in words."""

    request: Request
    device: str
    folder: Path
    config: Path
    images: str
    rows: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def same_counts(self) -> bool:
        """Whether our counts have to be those of the loop, which is eager, exact and in float32 but for TF32."""
        is_exact = self.request.precision in {"float32", "auto"} and self.request.decode == "exact"
        return is_exact and self.device == "cpu"


@dataclass(frozen=True, slots=True)
class Scored:
    """One run of ``imgcls score`` in a process of its own: its document, and the seconds of the whole."""

    document: Mapping[str, Any]
    all_seconds: float

    @property
    def seconds(self) -> float:
        """From the first file to the last prediction."""
        return sum(float(one["seconds"]) for one in self.document["passes"])

    def spent(self, what: str) -> float:
        """``load``, ``compile`` or ``model``: seconds, of all models together."""
        return sum(sum(one[f"{what}_seconds"].values()) for one in self.document["passes"])

    @property
    def decode_seconds(self) -> float:
        """Of all decoding threads together."""
        return sum(float(one["decode_seconds"]) for one in self.document["passes"])

    @property
    def images(self) -> int:
        """The number of images that each model was scored on."""
        return int(self.document["results"][0]["scored"])

    @property
    def peak_rss_mb(self) -> float:
        return max(float(one["peak_rss_bytes"]) for one in self.document["passes"]) / 1e6

    def counted(self, key: str) -> dict[str, Any]:
        """A figure of every model's result."""
        return {result["model"]: result[key] for result in self.document["results"]}

    def best_classes(self, model: str) -> dict[str, int]:
        """The best class by path."""
        predictions = (one for one in self.document["predictions"] if one["model"] == model)
        return {one["path"]: one["top"][0][0] for one in predictions}


class Round:
    """The loops, ours with an empty store, ours from that store: one after the other, each in a fresh process.

    Several loops share one; all processes import before the first clock runs. ``floor_seconds`` is what the images
    would take if every core did nothing but decode or compute, measured in the process that scored.
    """

    def __init__(self, scene: Scene, models: Sequence[str], place: Path, processes: ExitStack) -> None:
        self.scene, self.models, self.place = scene, models, place
        kinds = LOOPS if len(models) == 1 else [TUTORIAL]
        self.loops: dict[tuple[str, str], Mapping[str, Any]] = {(kind, name): {} for kind in kinds for name in models}
        fresh = [processes.enter_context(Process(task, place / "caches")) for task in ("loop", "score", "score")]
        for process in fresh:
            process.wait()
        self._theirs, self._ours, self._later = fresh

    def run_loops(self) -> None:
        for kind, name in self.loops:
            arguments = (str(self.scene.config), name, self.scene.device, *LOOPS[kind])
            self.loops[kind, name] = self._theirs.run("loop", *arguments)
        self._theirs.end()

    def run_cold(self) -> None:
        self.cold = scored(self.scene, self._ours, self.models, self.place)

    def run_stored_and_floor(self) -> None:
        self.floor = self._ours.run("floor", str(self.scene.config), self.cold.counted("runtime"), self.scene.device)
        self._ours.end()
        self.stored = scored(self.scene, self._later, self.models, self.place)
        self._later.end()

    @property
    def floor_seconds(self) -> float:
        decoding, networks = self.floor["decode_core_seconds"] / machine.cores(), self.network_seconds
        together = decoding + networks if self.scene.device == "cpu" else max(decoding, networks)
        return self.cold.images * float(together)

    @property
    def network_seconds(self) -> float:
        """The seconds of one image, in all networks, with all cores."""
        return float(sum(self.floor["model_seconds"].values()))

    def loop_seconds(self, kind: str) -> float:
        """The seconds of all models, one after the other; nan where this loop was not run."""
        seconds = [float(outcome["seconds"]) for (other, _), outcome in self.loops.items() if other == kind]
        return sum(seconds) if seconds else float("nan")


def scored(scene: Scene, process: Process, models: Sequence[str], place: Path) -> Scored:
    seconds = process.run("score", *arguments(scene, models, place))
    return Scored(json.loads((place / DOCUMENT).read_text(encoding="utf-8")), seconds)


def arguments(scene: Scene, models: Sequence[str], place: Path) -> list[str]:
    """The command line of ``imgcls score``."""
    return [
        "--config", str(scene.config), "--models", ",".join(models), "--device", scene.device,
        "--store", str(place / "store"), "--json", str(place / DOCUMENT),
    ]  # fmt: skip
