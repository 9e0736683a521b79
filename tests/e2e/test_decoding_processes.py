"""A run whose images are decoded in processes is the run that it is in threads."""

import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from conftest import NETWORK, Command, Project
from image_files import png_of_16_bits
from imgcls.data import dataset as datasets
from imgcls.evaluation import decoders, inputs
from imgcls.evaluation.decoders import Decoders
from imgcls.evaluation.inputs import Rejected
from imgcls.preprocessing import decode
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import DatasetSpec, InputSpec

KEPT = ("results", "predictions", "rejections", "remarks", "datasets")


def _scored(imgcls: Command, place: Path) -> Any:
    """What a run has that does not depend on its time, with an empty store."""
    result = imgcls("score", "--store", str(place), "--json", str(place.with_suffix(".json")))
    document = json.loads(place.with_suffix(".json").read_text())
    for row in document["results"]:
        row.pop("images_per_second"), row.pop("set_seconds")
    return result.ret, {key: document[key] for key in KEPT if key in document}


@pytest.mark.slow
def test_a_document_is_the_same(
    importable: Project, imgcls: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With models of which one decodes fast, remarks, and a rejection."""
    importable.also(f'[models.quick]\narch = "python:nets:colour"\ndecode = "fast"\n{NETWORK}')
    folder = importable.folder / "colours" / "red"
    Image.linear_gradient("L").convert("RGB").crop((0, 0, 100, 60)).save(folder / "large.jpg")
    (folder / "text.png").write_bytes(b"not an image")
    (folder / "deep.png").write_bytes(png_of_16_bits(np.full((16, 16, 3), 40_000, np.uint16)))
    in_threads = _scored(imgcls, tmp_path / "threads")
    monkeypatch.setattr(decoders, "are_faster", lambda *_: True)
    with mock.patch.object(Decoders, "_by_process", autospec=True, side_effect=Decoders._by_process) as by_process:
        assert _scored(imgcls, tmp_path / "processes") == in_threads
    requests = [call.args[1] for call in by_process.call_args_list]
    assert sum(len(request.images) for request in requests) == len(list(importable.folder.glob("colours/*/*")))


@pytest.mark.slow
@pytest.mark.shared
def test_hostile_files(shared_data: Path) -> None:
    """Every file that was made to break decoders gets the same pixels, remarks or rejection from a process."""
    ways = [Preprocessing(InputSpec(32, (32, 32), "center", "bilinear", (0.5,) * 3, (0.5,) * 3), "exact")]
    images = list(datasets.list_images(DatasetSpec("hostile", shared_data / "hostile")).images)
    processes = Decoders(1)
    assert len(images) > 1000
    with decode.quiet_pillow():
        for start in range(0, len(images), 32):
            part = images[start : start + 32]
            here = list(inputs.each_prepared(part, ways, "ignore"))
            for one, other in zip(processes.prepared(part, ways, "ignore"), here, strict=True):
                if isinstance(other, Rejected):
                    assert one == other
                else:
                    assert not isinstance(one, Rejected)
                    assert (one.remarks, str(one.undecodable)) == (other.remarks, str(other.undecodable))
                    pairs: list[Any] = [(one.crops[way], crop) for way, crop in other.crops.items()]
                    assert all(np.array_equal(*pair) for pair in pairs)
    assert processes._free.qsize() == 1
