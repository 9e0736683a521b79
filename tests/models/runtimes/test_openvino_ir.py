"""imgcls.models.runtimes.openvino_ir: files of OpenVINO, from any thread."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from imgcls.errors import MachineError
from imgcls.models import loader
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.openvino_ir import OpenVinoFileClassifier
from imgcls.system import versions
from network_files import IMAGES, SIDE, assert_close, expected, make_spec, write_openvino

if not versions.has_library("openvino"):
    pytest.skip("openvino: not installed", allow_module_level=True)


def test_many_threads_may_run_it_at_once(tmp_path: Path) -> None:
    """Eight threads, each with an image of its own, get each their own logits."""
    model = loader.with_runtime(
        loader.load(make_spec(f"openvino:{write_openvino(tmp_path / 'net.xml')}"), "cpu"), "openvino-ir"
    )
    rows = [number % len(IMAGES) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        logits = list(pool.map(lambda row: model.classifier.logits(IMAGES[row : row + 1])[0], rows))
    assert_close(np.stack(logits), expected()[rows])


def test_a_fixed_batch_keeps_earlier_outputs(tmp_path: Path) -> None:
    """The memory of an output is used again by the next call, and the logits of every piece stay what they were."""
    file = write_openvino(tmp_path / "net.xml", shape=(1, 3, SIDE, SIDE))
    assert_close(loader.load(make_spec(f"openvino:{file}"), "cpu").classifier.logits(IMAGES), expected())


def test_only_on_the_cpu() -> None:
    """Another device is refused before anything is loaded."""
    with pytest.raises(MachineError, match="files of OpenVINO run on the CPU, not on cuda"):
        OpenVinoFileClassifier(Request("net", lambda: None, "float32", "cuda", (8, 8), 1, 1))
