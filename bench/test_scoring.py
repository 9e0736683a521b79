"""Scoring from files to predictions, next to the loop of PyTorch's tutorial and to what the machine could do.

``bench/README.md`` states what the table means and how to measure more than a first look. Nothing here fails for being
slow: what may fail are the predictions, which in float32 are those of the loop, image by image.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
import pytest
from rich import box
from rich.console import Console
from rich.table import Table

import scoring_images
from imgcls.models.sources import registry
from imgcls.records.config import ModelSpec
from imgcls.system import machine
from scoring_process import Process, environment

MODELS = {
    "squeezenet": ("torchvision:squeezenet1_0", "squeezenet1_0.deep_compression_in1k.safetensors", ""),
    "mobilenet": (
        "timm:mobilenetv2_100",
        "mobilenetv2_100.tf_qat_in1k.safetensors",
        """options = { pad_type = "same" }
input = { resize = 256, crop = 224, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }""",
    ),
    "resnet50": ("torchvision:resnet50", None, ""),
}
"""Architecture, the file of trained weights where there is one, and the other keys of its table."""

DOCUMENT = "scored.json"

CASES = [("squeezenet",), ("mobilenet",), ("resnet50",), ("squeezenet", "mobilenet", "resnet50")]

TUTORIAL = "the tutorial's loop"

LOOPS = {TUTORIAL: (4, 4), "larger batches": (32, machine.cores())}
"""The DataLoader's ``batch_size`` and ``num_workers``: as the tutorial has them, and as a user may choose them."""

COLUMNS = (
    "models", "what", "images/s", "x the loop", "compile s", "x the loop, compiling counted", "load s", "all s",
    "% of the floor", "peak RSS MB", "top-1", "top-5",
)  # fmt: skip


class Row(NamedTuple):
    """A line of the table, one field for each of :data:`COLUMNS`."""

    models: str
    what: str
    rate: str
    ratio: str = ""
    compile: str = ""
    ratio_compiled: str = ""
    load: str = ""
    all: str = ""
    fraction: str = ""
    peak: str = ""
    top1: str = ""
    top5: str = ""


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
    rows: list[Row] = field(default_factory=list)

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
        self.cold = _scored(self.scene, self._ours, self.models, self.place)

    def run_stored_and_floor(self) -> None:
        self.floor = self._ours.run("floor", str(self.scene.config), self.cold.counted("runtime"), self.scene.device)
        self._ours.end()
        self.stored = _scored(self.scene, self._later, self.models, self.place)
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


def _scored(scene: Scene, process: Process, models: Sequence[str], place: Path) -> Scored:
    seconds = process.run("score", *_arguments(scene, models, place))
    return Scored(json.loads((place / DOCUMENT).read_text(encoding="utf-8")), seconds)


def _arguments(scene: Scene, models: Sequence[str], place: Path) -> list[str]:
    """The command line of ``imgcls score``."""
    return [
        "--config", str(scene.config), "--models", ",".join(models), "--device", scene.device,
        "--store", str(place / "store"), "--json", str(place / DOCUMENT),
    ]  # fmt: skip


# The scene.


@pytest.fixture(scope="module")
def scene(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """What is measured on; afterwards the table is printed."""
    begun = _cpu_seconds()
    request, place = Request.from_environ(os.environ), tmp_path_factory.mktemp("scoring")
    shared = Path(os.environ.get("IMGCLS_SHARED_DATA", pytestconfig.rootpath.parent / "shared" / "data")).absolute()
    wnids = registry.label_list(ModelSpec("any", "torchvision:resnet50", labels="imagenet-1k")).wnids
    assert wnids is not None
    images = scoring_images.lay_out(place / "photos", wnids, shared / "photos", request.images)
    config = _configure(place / "imgcls.toml", place / "photos", request, shared / "weights")
    device = pytestconfig.getoption("imgcls_device") or "cpu"
    made = Scene(request, device, place / "photos", config, images)
    yield made
    if made.rows:
        everything, own = (after - before for before, after in zip(begun, _cpu_seconds(), strict=True))
        with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            _print(made, 1 - own / everything)


def _cpu_seconds() -> tuple[float, float]:
    """CPU seconds of everything on this machine so far, and of this process and its children that have ended."""
    spent, own = psutil.cpu_times(), os.times()
    kinds = ("user", "nice", "system", "irq", "softirq", "steal")  # not every system has all of them
    return sum(getattr(spent, kind, 0.0) for kind in kinds), sum(own[:4])


def _configure(file: Path, images: Path, request: Request, weights: Path) -> Path:
    """Write the configuration of the three models on a folder of images."""
    text = f'[datasets.photos]\npath = {json.dumps(str(images))}\nlabels = "wnid"\n'
    for name, (arch, trained, more) in MODELS.items():
        source = str(weights / trained) if trained and (weights / trained).is_file() else "random:0"
        text += (
            f'\n[models.{name}]\narch = "{arch}"\nweights = {json.dumps(source)}\nlabels = "imagenet-1k"\n'
            f'runtime = "{request.runtime}"\nprecision = "{request.precision}"\ndecode = "{request.decode}"\n{more}\n'
        )
    file.write_text(text, encoding="utf-8")
    return file


# What is measured.


@pytest.mark.parametrize("models", CASES, ids="+".join)
def test_scoring(scene: Scene, benchmark: Any, tmp_path: Path, models: Sequence[str]) -> None:
    """Our predictions are those of the loop, and from the store those of the run before, without running a network."""
    if not benchmark.enabled:
        pytest.skip("benchmarks are switched off (by --benchmark-disable or by xdist): nothing was timed")
    rounds: list[Round] = []
    with ExitStack() as processes:

        def begin() -> tuple[tuple[Round], dict[str, Any]]:
            place = tmp_path / f"round{len(rounds)}"
            place.mkdir()
            rounds.append(Round(scene, models, place, processes))
            rounds[-1].run_loops()
            return (rounds[-1],), {}

        benchmark.pedantic(
            Round.run_cold, setup=begin, teardown=Round.run_stored_and_floor, rounds=scene.request.rounds
        )
    scene.rows.extend(_rows(models, rounds))
    benchmark.extra_info.update(_figures(rounds))
    for one in rounds:
        _check_predictions(scene, one)


def _check_predictions(scene: Scene, one: Round) -> None:
    listed = sum(file.is_file() for file in scene.folder.glob("*/*"))
    for scored in (one.cold, one.stored):
        assert scored.counted("scored") == dict.fromkeys(one.models, listed)
    assert one.stored.counted("from_store") == dict.fromkeys(one.models, listed)
    assert one.stored.spent("model") == 0
    assert _predictions(one.stored) == _predictions(one.cold)
    if scene.same_counts:
        for (_, name), outcome in one.loops.items():
            assert one.cold.best_classes(name) == outcome["best_classes"]
            assert {key: one.cold.counted(key)[name] for key in ("top1_count", "top5_count")} == {
                key: outcome[key] for key in ("top1_count", "top5_count")
            }


def _predictions(scored: Scored) -> Any:
    return scored.document["predictions"]


def test_peak_memory(scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many files as are requested are all scored; their process's memory is printed next to that for 1000."""
    if not scene.request.files:
        pytest.skip("IMGCLS_BENCH_FILES states how many files are to be scored; the full measurement takes 20000")
    peaks = {count: _peak_mb(scene, tmp_path / str(count), count) for count in (1000, scene.request.files)}
    with capsys.disabled():
        figures = ", ".join(f"{peak:.0f} MB for {count} files" for count, peak in peaks.items())
        print(f"\npeak RSS of mobilenet: {figures}: {peaks[scene.request.files] / peaks[1000] - 1:+.1%}")


def _peak_mb(scene: Scene, place: Path, count: int) -> float:
    """The peak of a fresh process that scores ``count`` files."""
    scoring_images.multiply(place / "files", scene.folder, count)
    other = replace(scene, folder=place / "files", config=place / "imgcls.toml")
    other.config.write_text(scene.config.read_text().replace(str(scene.folder), str(other.folder)))
    command = [sys.executable, "-m", "imgcls", "score", *_arguments(other, ["mobilenet"], place)]
    try:
        done = subprocess.run(command, env=environment(place / "caches"), capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
    finally:
        shutil.rmtree(other.folder)  # gigabytes, which pytest would keep
    assert not done.returncode, done.stderr
    scored = Scored(json.loads((place / DOCUMENT).read_text(encoding="utf-8")), 0.0)
    assert scored.counted("scored") == {"mobilenet": count}
    return scored.peak_rss_mb


# The table.


def _figures(rounds: Sequence[Round]) -> dict[str, Any]:
    """What pytest-benchmark keeps with the time of the whole of ours."""
    return {
        "images": rounds[0].cold.images,
        "runtimes": rounds[0].cold.counted("runtime"),
        "seconds": [one.cold.seconds for one in rounds],
        "compile_seconds": [one.cold.spent("compile") for one in rounds],
        "load_seconds": [one.cold.spent("load") for one in rounds],
        "stored_seconds": [one.stored.all_seconds for one in rounds],
        "decode_seconds": [one.cold.decode_seconds for one in rounds],
        "model_seconds": [one.cold.spent("model") for one in rounds],
        "floor_seconds": [one.floor_seconds for one in rounds],
        "floor": [one.floor for one in rounds],
        "peak_rss_mb": [one.cold.peak_rss_mb for one in rounds],
        "loop_seconds": {kind: [one.loop_seconds(kind) for one in rounds] for kind in LOOPS},
    }


def _rows(models: Sequence[str], rounds: Sequence[Round]) -> Iterator[Row]:
    title, loops = ", ".join(models), [one.loop_seconds(TUTORIAL) for one in rounds]
    cold, stored = [one.cold for one in rounds], [one.stored for one in rounds]
    yield from _loop_rows(title, rounds)
    ours = _our_row(title, f"imgcls, empty store: {_joined(cold[0].counted('runtime').values())}", loops, cold)
    fraction = statistics.median(one.floor_seconds / one.cold.seconds for one in rounds)
    yield ours._replace(fraction=f"{100 * fraction:.0f}")
    yield _our_row(title, "imgcls, from the store", loops, stored)
    decoding = 1e3 * statistics.median(one.floor["decode_core_seconds"] for one in rounds)
    networks = 1e3 * statistics.median(one.network_seconds for one in rounds)
    what = f"the floor: decoding {decoding:.2f} ms of a core, networks {networks:.2f} ms of all"
    yield Row(title, what, _rate(rounds[0].cold.images, [one.floor_seconds for one in rounds]))


def _loop_rows(title: str, rounds: Sequence[Round]) -> Iterator[Row]:
    for kind, (batch, workers) in LOOPS.items():
        seconds = [one.loop_seconds(kind) for one in rounds]
        outcomes = [outcome for (other, _), outcome in rounds[-1].loops.items() if other == kind]
        if outcomes:
            yield Row(
                title,
                f"{kind}: batches of {batch}, {workers} workers",
                _rate(rounds[0].cold.images, seconds),
                ratio=_ratio([one.loop_seconds(TUTORIAL) for one in rounds], seconds),
                top1=_joined(one["top1_count"] for one in outcomes),
                top5=_joined(one["top5_count"] for one in outcomes),
            )


def _our_row(title: str, what: str, loops: Sequence[float], scored: Sequence[Scored]) -> Row:
    return Row(
        title,
        what,
        _rate(scored[0].images, [one.seconds for one in scored]),
        ratio=_ratio(loops, [one.seconds for one in scored]),
        compile=_median(one.spent("compile") for one in scored),
        ratio_compiled=_ratio(loops, [one.seconds + one.spent("compile") for one in scored]),
        load=_median(one.spent("load") for one in scored),
        all=_median(one.all_seconds for one in scored),
        peak=f"{statistics.median(one.peak_rss_mb for one in scored):.0f}",
        top1=_joined(scored[-1].counted("top1_count").values()),
        top5=_joined(scored[-1].counted("top5_count").values()),
    )


def _rate(images: int, seconds: Sequence[float]) -> str:
    return f"{images / statistics.median(seconds):.1f}"


def _ratio(loops: Sequence[float], seconds: Sequence[float]) -> str:
    """The median over the rounds, with the lowest and the highest."""
    ratios = sorted(loop / ours for loop, ours in zip(loops, seconds, strict=True))
    spread = f" ({ratios[0]:.2f} to {ratios[-1]:.2f})" if len(ratios) > 1 else ""
    return f"{statistics.median(ratios):.2f}{spread}"


def _median(seconds: Iterable[float]) -> str:
    return f"{statistics.median(seconds):.2f}"


def _joined(values: Iterable[object]) -> str:
    return " / ".join(dict.fromkeys(map(str, values)))


def _print(scene: Scene, others: float) -> None:
    """The table, as Markdown, with the machine and the versions above it.

    ``others``: the share of other processes in the CPU time of the measurement; threads that wait for each other
    suffer most.
    """
    cpu = machine.describe(scene.device)
    packages = ["torch", "torchvision", "timm", "pillow", *(["openvino"] if find_spec("openvino") else [])]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    table = Table(*COLUMNS, box=box.MARKDOWN)
    for row in scene.rows:
        table.add_row(*row)
    request = scene.request
    console = Console(width=300, markup=False, highlight=False)
    console.print(
        f"\n{scene.images}, rounds: {request.rounds}; {scene.device}, {request.precision}, {request.decode} decoding; "
        f"{cpu.cpu}, {cpu.cores} cores{f', {cpu.gpu}' if cpu.gpu else ''}; "
        f"{versions}, Python {platform.python_version()}; {100 * others:.0f} % of the CPU time was other processes'"
    )
    console.print(table)
