"""imgcls.models.runtimes.onnx: onnxruntime on our threads, on the requested device, from any thread."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from fake_device import fake_cuda
from imgcls.errors import MachineError, ModelError
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.models.outputs import NoLogits
from imgcls.models.runtimes import onnx
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.onnx import OnnxClassifier
from imgcls.system import versions
from network_files import CLASSES, IMAGES, SIDE, assert_close, expected, make_spec, write_onnx

if not versions.has_library("onnx"):
    pytest.skip("onnxruntime: not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A plain network."""
    return loader.load(make_spec(f"onnx:{write_onnx(tmp_path_factory.mktemp('net') / 'net.onnx')}"), "cpu")


def _request(model: Model, **other: Any) -> Request:
    settings = {"precision": "float32", "device": "cpu", "size": (SIDE, SIDE), "cores": 4, "workers": 1, **other}
    return Request(name="net", module=lambda: model.classifier.module, **settings)


def test_threads_are_shared_between_workers(model: Model) -> None:
    """One worker has all cores, four have one each; options that change bits are fixed."""
    for workers, threads in ((1, 4), (4, 1), (8, 1)):
        classifier = OnnxClassifier(_request(model, workers=workers))
        options = classifier._session.get_session_options()
        assert options.intra_op_num_threads == threads
        assert (options.inter_op_num_threads, options.use_deterministic_compute) == (1, True)
        assert classifier.concurrent == (workers > 1)


def test_many_threads_may_run_it_at_once(model: Model) -> None:
    """Eight threads, each with an image of its own, get each their own logits."""
    classifier = OnnxClassifier(_request(model, workers=4))
    rows = [number % len(IMAGES) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        logits = list(pool.map(lambda row: classifier.logits(IMAGES[row : row + 1])[0], rows))
    assert_close(np.stack(logits), expected()[rows])


def test_a_pass_builds_it_for_all_workers(model: Model) -> None:
    """The same network again, for as many workers as there are threads, has the same key."""
    again = loader.with_runtime(model, "onnx")
    assert again.prediction_key("") == model.prediction_key("")
    assert_close(again.classifier.logits(IMAGES), expected())


def test_a_device_that_it_does_not_have(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its package for GPUs, the device cuda is refused with what to install."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(MachineError, match=r"without CUDAExecutionProvider: pip install onnxruntime-gpu"):
        OnnxClassifier(_request(model, device="cuda"))


@pytest.mark.parametrize(("device", "number"), [("cuda", "0"), ("cuda:1", "1")])
def test_a_gpu_computes_in_float32(model: Model, monkeypatch: pytest.MonkeyPatch, device: str, number: str) -> None:
    """On the one that was requested, without TF32 and without trying out which algorithms are faster today."""
    import onnxruntime

    provider = "CUDAExecutionProvider"
    own = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC", "device_id": number}
    session = mock.create_autospec(onnxruntime.InferenceSession)
    session.return_value.get_providers.return_value = [provider]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [provider])
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    OnnxClassifier(_request(model, device=device))
    assert session.call_args.kwargs == {"providers": [provider], "provider_options": [own]}


def test_images_on_a_gpu_are_fetched(model: Model) -> None:
    """Its library takes arrays of the host, and the pipeline normalises on the GPU."""
    with fake_cuda():
        assert model.classifier.to_device(torch.zeros(2, 3, SIDE, SIDE, device="cuda")).device.type == "cpu"


def test_images_of_another_size(model: Model) -> None:
    """What onnxruntime refuses is one line with its own reason."""
    with pytest.raises(ModelError, match=r"net refuses a batch of shape \(1, 3, 9, 9\): .*Got: 9 Expected: 8"):
        model.classifier.logits(torch.zeros(1, 3, 9, 9))


def test_outputs_that_are_no_logits(model: Model) -> None:
    """An output of another shape, or of class numbers, is refused in one line that states what to export."""
    with pytest.raises(NoLogits, match=r"returned a tensor of shape .*; export the network so that it returns logits"):
        model.classifier.to_numpy(np.zeros((2, CLASSES, 3), np.float32), 2)
    with pytest.raises(
        NoLogits, match="for 2 images it returned values of the type int64; export the network"
    ) as caught:
        model.classifier.to_numpy(np.zeros(2, np.int64), 2)
    assert "\n" not in str(caught.value)


def test_another_output_is_named_where_there_is_one(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step is a key of the configuration."""
    classifier: Any = model.classifier
    monkeypatch.setattr(classifier, "port", replace(classifier.port, outputs=("boxes", "scores")))
    with pytest.raises(
        NoLogits, match=r'; name the one with the logits, as output = "scores" \(it has .*\), or export'
    ):
        classifier.to_numpy(np.zeros((2, 5, 3), np.float32), 2)


def test_an_operator_that_does_not_exist() -> None:
    """Of onnxruntime's own text the signature is left out."""
    text = (
        '[ONNXRuntimeError] : 1 : FAIL : Load failed:("a": tensor(float),) -> ("b",) , Error No Op registered for Foo'
    )
    assert onnx._why(text) == "No Op registered for Foo"


def test_reasons_without_places_in_its_source() -> None:
    """What is quoted of onnxruntime begins where it says what is wrong."""
    text = "[ONNXRuntimeError] : 1 : FAIL : Load model from a.onnx failed:Fatal error: my:Custom(-1) is not registered"
    assert onnx._why(text) == "my:Custom(-1) is not registered"
