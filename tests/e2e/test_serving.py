"""Serving functions and services as people write them, held against the network as it was tested."""

import importlib.util
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgcls.config import loader as configuration
from imgcls.data import listing
from imgcls.errors import MachineError
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.preprocessing import decode
from imgcls.records.config import DatasetSpec, ServingSpec
from imgcls.records.parity import ServingCheck
from imgcls.serving import check, served, variants
from imgcls.serving.images import CheckImage
from imgcls.serving.service import HttpService
from imgcls.serving.steps import Steps
from serving_models import CLASSES, CORRECT, all_variants, checked, make_model, network, reference

OPENCV = """
import cv2
import numpy as np

def prepare(data: bytes):
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    height, width = image.shape[:2]
    size = (64, int(64 * height / width)) if width <= height else (int(64 * width / height), 64)
    image = cv2.resize(image, size)
    left, top = round((size[0] - 56) / 2), round((size[1] - 56) / 2)
    image = image[top:top + 56, left:left + 56].astype(np.float32) / 255
    return ((image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)
"""

KERAS = """
import io
import numpy as np
from PIL import Image

def prepare(path: str):
    image = Image.open(path)
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB").resize((56, 56), Image.NEAREST)   # keras.utils.load_img(path, target_size=(56, 56))
    batch = np.asarray(image, np.float32)[np.newaxis]
    return batch / 127.5 - 1                                       # preprocess_input of mode "tf"
"""

THUMBNAIL = (
    CORRECT
    + """
def prepare(data: bytes):
    image = pixels(data)
    image.thumbnail((64, 64))
    left, top = (image.width - 56) // 2, (image.height - 56) // 2
    return normalised(image.crop((left, top, left + 56, top + 56))).transpose(2, 0, 1)
"""
)

ON_A_CANVAS = (
    CORRECT
    + """
def prepare(data: bytes):
    image = pixels(data)
    image.thumbnail((56, 56))
    canvas = Image.new("RGB", (56, 56))
    canvas.paste(image, ((56 - image.width) // 2, (56 - image.height) // 2))
    return normalised(canvas).transpose(2, 0, 1)
"""
)

UPRIGHT = (
    CORRECT
    + """
from PIL import ImageOps

def prepare(data):
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return normalised(crop(upright if upright.mode == "RGB" else pixels(data))).transpose(2, 0, 1)
"""
)


def _names(result: ServingCheck) -> list[str]:
    return [fault.name for fault in result.faults]


def test_opencv_is_named_by_its_channels_and_its_resize(tmp_path: Path) -> None:
    """BGR and no antialias: two faults, with what each explains."""
    if importlib.util.find_spec("cv2") is None:
        pytest.skip("cv2 is not installed: pip install opencv-python-headless")
    result = checked(make_model(), tmp_path, OPENCV)
    assert result.status == "fail"
    assert _names(result)[:2] == ["channel order", "bilinear without antialias"]
    assert all(fault.explained is not None and fault.explained > 0.03 for fault in result.faults[:2])
    assert "because of channel order" in result.message


@pytest.mark.slow
@pytest.mark.shared
def test_a_fault_costs_accuracy_on_photographs(tmp_path: Path, shared_data: Path) -> None:
    """On a trained network and photographs with labels, of a function that OpenCV's users write."""
    if importlib.util.find_spec("cv2") is None:
        pytest.skip("cv2 is not installed: pip install opencv-python-headless")
    settings = configuration.load([shared_data / "imgcls.toml"])
    dataset = settings.datasets["photos10"]
    model = loader.load(replace(settings.models["squeezenet"], runtime="eager"), "cpu")
    listed = listing.find("photos10", Path(dataset.path)).images
    code = OPENCV.replace("56", "224").replace("64", "256")
    result = checked(model, tmp_path, code, dataset=dataset, listed=listed)
    lost = {fault.name: fault.top1_lost for fault in result.faults}
    assert set(lost) == {"channel order", "bilinear without antialias"}
    assert (lost["channel order"] or 0) > 0
    assert len(result.images) == 19 + 32


def test_preprocessing_of_keras_is_named_by_three_faults(tmp_path: Path) -> None:
    """It squashes, takes nearest pixels, and scales to [-1, 1]; its layout is a note."""
    result = checked(make_model(), tmp_path, KERAS)
    assert set(_names(result)) == {"squash for crop", "nearest interpolation", "0.5 mean and std"}
    assert any("NHWC" in note for note in result.notes)
    assert any("its batch of one" in note for note in result.notes)


def test_thumbnail_is_named(tmp_path: Path) -> None:
    """Also next to a crop that begins elsewhere where a pixel is left over."""
    result = checked(make_model(), tmp_path, THUMBNAIL)
    assert _names(result)[0] == "thumbnail"
    assert set(_names(result)) <= {"thumbnail", "crop start rounded down"}
    assert result.faults[0].explained == pytest.approx(1, abs=0.1)


def test_thumbnail_on_a_canvas_is_named(tmp_path: Path) -> None:
    """The only fault of a function that is right otherwise."""
    result = checked(make_model(), tmp_path, ON_A_CANVAS)
    assert _names(result) == ["thumbnail to the crop"]
    assert result.faults[0].explained == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "code",
    [
        "def prepare(data):\n    return tensor(data)",
        "def prepare(data: bytes):\n    return tensor(data).astype(np.float64)",
        "def prepare(path: str):\n    return tensor(open(path, 'rb').read())[np.newaxis]",
        "def prepare(data):\n    return normalised(crop(pixels(data)))",
        "import torch\ndef prepare(data):\n    return torch.from_numpy(tensor(data)[None])",
        "def prepare(data):\n    return {'pixel_values': [tensor(data)]}",
    ],
    ids=["float32", "float64", "batch", "HWC", "tensor", "dictionary"],
)
def test_a_right_function_is_no_false_alarm(tmp_path: Path, code: str) -> None:
    """In whatever type, layout and container it returns its values."""
    result = checked(make_model(), tmp_path, f"{CORRECT}\n{code}\n")
    assert (result.status, result.faults) == ("pass", ())
    assert "the same on all 19 images" in result.message
    assert all(image.same_top1 for image in result.images)


def test_only_the_kinds_that_differ_are_named(tmp_path: Path) -> None:
    """A function that turns images upright differs on those that are not."""
    result = checked(make_model(), tmp_path, UPRIGHT)
    assert _names(result) == ["Exif orientation applied"]
    assert "5 of 19 images differ from the reference" in result.message
    assert "Exif orientation 8; the other 14 are the same" in result.message
    apply = DatasetSpec("photos", tmp_path, exif="apply")
    assert checked(make_model(), tmp_path, UPRIGHT, dataset=apply).status == "pass"


# Services.


class Service:
    """A service on loopback that predicts as a network does after these steps."""

    def __init__(self, steps: Steps, respond: Callable[[list[tuple[int, float]]], Any]) -> None:
        self.steps, self.respond = steps, respond
        self.posted: list[bytes] = []
        self.server: ThreadingHTTPServer | None = None
        self.dies_at = -1
        self.start(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/predict"

    def start(self, port: int) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if len(service.posted) == service.dies_at:
                    service.dies_at = -1
                    service.close_socket()
                    return
                body = json.dumps(service.respond(service.top(data))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def top(self, data: bytes) -> list[tuple[int, float]]:
        """The classes of an image and their probabilities, the best first."""
        self.posted.append(data)
        of = network()
        place = [image.data for image in of.images].index(data)
        row = of.probabilities(self.steps, [place])[0]
        return [(int(index), float(row[index])) for index in np.argsort(-row)]

    def close_socket(self) -> None:
        """Refuse every connection, as a process that is gone does."""
        assert self.server
        self.server.socket.close()

    def restart(self) -> None:
        assert self.server
        self.server.shutdown()
        self.start(self.port)

    def stop(self) -> None:
        assert self.server
        self.server.shutdown()
        self.server.server_close()


class Restless(HttpService):
    """Drops the connection of every image of CMYK, as a worker does that dies of it."""

    def predict(self, image: CheckImage) -> Any:
        if image.kind == "CMYK JPEG":
            raise MachineError("no response")
        return [1]


def test_the_image_at_which_a_service_goes_away_is_named() -> None:
    """With what is particular about it, since that may be why."""
    with decode.quiet_pillow():
        responses = served.served(Restless("http://127.0.0.1:1/"), network(), reference(network()))
    place = next(number for number, image in enumerate(network().images, 1) if image.kind == "CMYK JPEG")
    assert responses.gone == f"no response, at image {place} (CMYK JPEG)"


@pytest.fixture
def model() -> Model:
    return network().model


@pytest.fixture
def start() -> Iterator[Callable[..., Service]]:
    """Start a service with planted faults."""
    started: list[Service] = []

    def begin(*planted: str, respond: Callable[[list[tuple[int, float]]], Any] | None = None) -> Service:
        usual = reference(network())
        rows = [row for row in (*all_variants("center"), *variants.of_all(usual, service=True)) if row.name in planted]
        started.append(Service(variants.applied(usual, rows), respond or _usual))
        return started[-1]

    with decode.quiet_pillow():
        yield begin
    for service in started:
        service.stop()


def _usual(top: list[tuple[int, float]]) -> dict[str, list[dict[str, Any]]]:
    return {"predictions": [{"label": CLASSES[index], "score": round(score, 4)} for index, score in top[:5]]}


def _compared(model: Model, url: str, service: HttpService | None = None) -> ServingCheck:
    return check.compare(model, ServingSpec(url=url), None, folder=Path(), service=service)


def test_a_service_that_restarts_in_the_middle_loses_nothing(model: Model, start: Callable[..., Service]) -> None:
    """It is waited for, every image is predicted once, and the verdict says at which image that was."""
    service = start()
    service.dies_at = 7
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            service.restart()

    result = _compared(model, service.url, HttpService(service.url, pause))
    assert result.status == "pass"
    assert waits == [0.1, 0.2, 0.4]
    assert service.posted == [image.data for image in network().images]
    assert result.message.endswith(
        "it predicted 19 of 19 images, after a restart or a pause of the service at image 8, for which 3 requests were "
        "sent again"
    )


def test_a_service_that_stays_away_is_an_error_of_the_machine(model: Model, start: Callable[..., Service]) -> None:
    """Not a failure of the model: what was predicted before was the same."""
    service = start()
    service.dies_at = 7
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    result = _compared(model, service.url, HttpService(service.url, pause, clock=lambda: now[0]))
    assert result.status == "error"
    assert "it predicted 7 of 19 images" in result.message
    assert f"{service.url} did not respond within 60 s" in result.message
    assert 50 < now[0] <= 60


@pytest.mark.parametrize(
    "planted",
    [
        ("channel order",),
        ("bilinear without antialias",),
        ("softmax twice",),
        ("labels shifted by +1",),
        ("Exif orientation applied",),
        pytest.param(("channel order", "bilinear without antialias"), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_service_is_named_by_its_predictions(
    model: Model, start: Callable[..., Service], planted: tuple[str, ...]
) -> None:
    """Five classes with four digits are enough to tell faults apart."""
    result = _compared(model, start(*planted).url)
    assert (result.status, set(_names(result))) == ("fail", set(planted))


def _of_keras(top: list[tuple[int, float]]) -> Any:
    return {"predictions": [[[f"n{index:08}", CLASSES[index], score] for index, score in top[:5]]]}


@pytest.mark.parametrize(
    "respond",
    [
        _of_keras,
        lambda top: [{"class_id": index, "confidence": score} for index, score in top[:3]],
        lambda top: {"labels": [CLASSES[index] for index, _ in top], "scores": [score for _, score in top]},
        lambda top: {"probabilities": [[score for _, score in sorted(top)]]},
        lambda top: {CLASSES[index].upper(): 100 * score for index, score in top},
        lambda top: [[CLASSES[index], score] for index, score in top[:2]],
        lambda top: {"output": {"labels": [index for index, _ in top]}},
    ],
    ids=["keras", "numbers", "lists", "all", "percent", "pairs", "order only"],
)
def test_right_services_of_all_shapes_are_no_false_alarms(
    model: Model, start: Callable[..., Service], respond: Callable[[list[tuple[int, float]]], Any]
) -> None:
    """Whatever the shape of their response."""
    result = _compared(model, start(respond=respond).url)
    assert (result.status, result.faults) == ("pass", ())
