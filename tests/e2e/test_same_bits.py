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
from pathlib import Path

import pytest

from imgcls.config import loader as configuration
from imgcls.data import dataset as datasets
from imgcls.data import listing as listings
from imgcls.evaluation import evaluator
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
from imgcls.evaluation import evaluator
from imgcls.store.database import Store

put, stored = Store.put, 0

def put_and_die(self, rows):
    global stored
    put(self, rows)
    stored += max(len(outputs) for _, outputs in rows.values())
    if stored >= int(os.environ["KILLED_AFTER"]):
        os.kill(os.getpid(), signal.SIGKILL)

Store.put = put_and_die
evaluator.IMAGES_PER_COMMIT = 1
sys.exit(main.main(sys.argv[1:]))
"""
"""The command, whose process is killed by SIGKILL when it has stored predictions for so many images."""

THREADS = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
"""Another number of threads has other bits; and threads that spin while they wait are slow where others work."""

Command = Callable[..., pytest.RunResult]
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


def test_stored_bytes_do_not_depend_on_the_way(
    configure: Configure, photos: list[ImageRef], tmp_path: Path, imgcls: Command
) -> None:
    """Killed three times, in two processes at once, and with a model that lacks every third image: the same rows."""
    assert imgcls(*configure("whole", photos, "whole"), **THREADS).ret == 0
    whole = _rows(tmp_path / "whole")
    assert len(whole) == len(MODELS) * IMAGES

    for _ in range(3):
        killed = _start("-c", KILLED, *configure("killed", photos, "killed"), KILLED_AFTER=str(IMAGES // 5))
        output, _ = killed.communicate()
        assert killed.returncode == -9, output
        assert _rows(tmp_path / "killed") < whole
    assert imgcls(*configure("killed", photos, "killed"), **THREADS).ret == 0
    assert _rows(tmp_path / "killed") == whole

    halves = [configure("first", photos[::2], "halves"), configure("second", photos[1::2], "halves")]
    for process in [_start("-m", "imgcls", *arguments) for arguments in halves]:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert _rows(tmp_path / "halves") == whole

    assert imgcls(*configure("third", photos[::3], "partial", ["squeezenet"]), **THREADS).ret == 0
    assert imgcls(*configure("rest", photos, "partial"), **THREADS).ret == 0
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
