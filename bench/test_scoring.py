"""Scoring from files to predictions, next to the loop of PyTorch's tutorial and to what the machine could do.

``bench/README.md`` states what the table means and how to measure more than a first look. Nothing here fails for being
slow: what may fail are the predictions, which in float32 are those of the loop, image by image.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import scoring_images
import scoring_rounds
import scoring_table
from imgcls.models.sources import registry
from imgcls.records.config import ModelSpec
from scoring_process import environment
from scoring_rounds import Request, Round, Scene, Scored

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

CASES = [("squeezenet",), ("mobilenet",), ("resnet50",), ("squeezenet", "mobilenet", "resnet50")]

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
            scoring_table.show(made, 1 - own / everything)


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
    scene.rows.extend(scoring_table.rows(models, rounds))
    benchmark.extra_info.update(scoring_table.figures(rounds))
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
    command = [sys.executable, "-m", "imgcls", "score", *scoring_rounds.arguments(other, ["mobilenet"], place)]
    try:
        done = subprocess.run(command, env=environment(place / "caches"), capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
    finally:
        shutil.rmtree(other.folder)  # gigabytes, which pytest would keep
    assert not done.returncode, done.stderr
    scored = Scored(json.loads((place / scoring_rounds.DOCUMENT).read_text(encoding="utf-8")), 0.0)
    assert scored.counted("scored") == {"mobilenet": count}
    return scored.peak_rss_mb
