"""Stored predictions have the same bits however a run was cut: killed, resumed, split, or one model after the other.

IMGCLS_SAME_BITS_IMAGES is the number of photographs; the default is the smallest that has batches of every kind.
"""

import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

import in_process
from imgcls.config import loader as configuration
from imgcls.data import dataset as datasets
from imgcls.data import listing as listings
from imgcls.evaluation import evaluator, storing
from imgcls.evaluation.storing import Recorder
from imgcls.models.pool import ModelPool
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef, Listing
from imgcls.records.evaluation import Output
from imgcls.store.database import Store
from imgcls.store.schema import FILE
from imgcls.system import versions

pytestmark = [pytest.mark.slow, pytest.mark.shared]

IMAGES = int(os.environ.get("IMGCLS_SAME_BITS_IMAGES", "37"))
"""More than three batches of eight, and neither a whole number of them nor of fours."""

MODELS = {
    "squeezenet": ("torchvision:squeezenet1_0", "squeezenet1_0.deep_compression_in1k.safetensors"),
    "mobilenet": ("timm:mobilenetv2_100", "mobilenetv2_100.tf_qat_in1k.safetensors"),
}

KILLED = """
import os, signal, sys
from imgcls.cli import main
from imgcls.evaluation import storing

commit, stored = storing.Recorder.commit, 0

def commit_and_die(self):
    global stored
    stored += commit(self)
    if stored >= int(os.environ["KILLED_AFTER"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return 0

storing.Recorder.commit = commit_and_die
storing.IMAGES_PER_COMMIT = 1
sys.exit(main.main(sys.argv[1:]))
"""
"""The command, whose process is killed by SIGKILL when it has stored predictions for so many images."""

THREADS = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
"""Another number of threads has other bits; and threads that spin while they wait are slow where others work."""

Rows = set[tuple[str, str, bytes]]
Configure = Callable[..., list[str]]


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> list[ImageRef]:
    """Photographs spread over all."""
    listed = datasets.list_images(DatasetSpec("photos", shared_data / "photos")).images
    return [listed[number * len(listed) // IMAGES] for number in range(IMAGES)]


@pytest.fixture(params=["eager", "openvino"])
def configure(request: pytest.FixtureRequest, tmp_path: Path, shared_data: Path) -> Configure:
    """The arguments of ``imgcls score`` for these images and models, in one runtime."""
    if request.param == "openvino" and not versions.has_library("openvino"):
        pytest.skip("openvino: not installed")

    def written(name: str, images: Sequence[ImageRef], store: str, models: Sequence[str] = tuple(MODELS)) -> list[str]:
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["path", "label"])
            rows.writerows((str(image.file), image.label) for image in images)
        text = f'[datasets.{name}]\npath = "{name}.csv"\nlabels = "wnid"\n'
        for model, (arch, weights) in MODELS.items():
            text += (
                f'[models.{model}]\narch = "{arch}"\nlabels = "imagenet-1k"\nruntime = "{request.param}"\n'
                f"weights = {json.dumps(str(shared_data / 'weights' / weights))}\n"
            )
        (tmp_path / f"{name}.toml").write_text(text)
        return [
            "score", "--config", str(tmp_path / f"{name}.toml"), "--models", ",".join(models),
            "--store", str(tmp_path / store), "--device", "cpu",
        ]  # fmt: skip

    return written


def _start(*command: str, **variables: str) -> subprocess.Popen[str]:
    environment = os.environ | THREADS | variables
    return subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _rows(store: Path) -> Rows:
    """Key of the prediction, sha256 of the image, and the bytes of the prediction, of everything in a store."""
    connection = sqlite3.connect(store / FILE)
    rows = connection.execute("select hex(key), hex(image), body from answers")
    result = set(rows.fetchall())
    connection.close()
    return result


class Runs:
    """Runs of this process, whose networks are loaded once; each is over a file that :func:`configure` wrote."""

    def __init__(self, config: str) -> None:
        self.pool = ModelPool(configuration.load([Path(config)]).models, "cpu")

    def score(self, arguments: Sequence[str]) -> int:
        """What ``imgcls score`` does with these arguments; the exit code."""
        options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        [dataset] = configuration.load([Path(options["--config"])]).datasets.values()
        with closing(Store(Path(options["--store"]))) as store:
            names = options["--models"].split(",")
            call = partial(evaluator.evaluate, uuid4().hex, dataset, names, self.pool, store, lambda *_: None)
            return int(in_process.run(lambda: not call().complete, **THREADS).ret)

    def interrupt(self, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """The same, interrupted when predictions of a fifth of the images are stored."""
        commit, stored = Recorder.commit, [0]

        def interrupted(recorder: Recorder) -> int:
            stored[0] += (images := commit(recorder))
            if stored[0] >= IMAGES // 5:
                raise KeyboardInterrupt
            return images

        with monkeypatch.context() as patch:
            patch.setattr(storing, "IMAGES_PER_COMMIT", 1)
            patch.setattr(Recorder, "commit", interrupted)
            assert self.score(arguments) != 0


def test_stored_bytes_do_not_depend_on_the_way(
    configure: Configure, photos: list[ImageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, interrupted twice, in two processes at once, and where a model lacks every third image: the same rows."""
    runs = Runs(configure("whole", photos, "whole")[2])
    assert runs.score(configure("whole", photos, "whole")) == 0
    whole = _rows(tmp_path / "whole")
    assert len(whole) == len(MODELS) * IMAGES

    ended_early = configure("ended", photos, "ended")
    killed = _start("-c", KILLED, *ended_early, KILLED_AFTER=str(IMAGES // 5))
    output, _ = killed.communicate()
    assert killed.returncode == -9, output
    lengths = [len(_rows(tmp_path / "ended"))]
    for _ in range(2):
        runs.interrupt(ended_early, monkeypatch)
        assert _rows(tmp_path / "ended") < whole
        lengths.append(len(_rows(tmp_path / "ended")))
    assert 0 < lengths[0] < lengths[1] < lengths[2]
    assert runs.score(ended_early) == 0
    assert _rows(tmp_path / "ended") == whole

    other = _start("-m", "imgcls", *configure("second", photos[1::2], "halves"))
    assert runs.score(configure("first", photos[::2], "halves")) == 0
    output, _ = other.communicate()
    assert other.returncode == 0, output
    assert _rows(tmp_path / "halves") == whole

    assert runs.score(configure("third", photos[::3], "partial", ["squeezenet"])) == 0
    assert runs.score(configure("rest", photos, "partial")) == 0
    assert _rows(tmp_path / "partial") == whole


def test_one_image_has_the_bits_that_it_has_among_many(configure: Configure, photos: list[ImageRef]) -> None:
    """What ``imgcls predict`` computes of an image is what scoring a dataset with it stores."""
    config = configure("whole", photos[:11], "whole")[2]
    settings = configuration.load([Path(config)])
    pool = ModelPool(settings.models, "cpu")

    def outputs(find: Callable[[DatasetSpec], Listing]) -> list[Output]:
        with closing(Store(None)) as store:
            arguments = "run", settings.datasets["whole"], list(MODELS), pool, store, lambda *_: None, find
            keys = [str(pair.prediction_key) for pair in evaluator.evaluate(*arguments).pairs]
            return [store.outputs(key, [photos[4].sha256])[photos[4].sha256] for key in keys]

    assert outputs(lambda _: listings.find_unlabelled("images", [photos[4].file])) == outputs(datasets.list_images)
