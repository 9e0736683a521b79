"""The judge can say no: every fault that people plant by accident fails the ready-made suite, at the right stage."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.models import resnet18
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from imgcls.evaluation import metrics
from imgcls.golden import recorder
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes import eager
from imgcls.models.weights import random_init
from imgcls.preprocessing import decode as decoding
from imgcls.preprocessing import geometry, transforms, upper_rows
from imgcls.records.config import InputSpec

pytestmark = pytest.mark.slow

CLASSES = 12
CONFIGURATION = """
[datasets.cuts]
path = "cuts"
labels = "name"
golden = true

[models.network]
arch = "torchvision:resnet18"
weights = "network.safetensors"
options = { num_classes = 12 }
labels = "names.txt"
input = { resize = 236, crop = 224, interpolation = "bicubic" }
"""


@dataclass(frozen=True)
class Planted:
    """Where a fault is put: a project, and the library itself."""

    folder: Path
    patch: pytest.MonkeyPatch

    def configure(self, old: str, new: str) -> None:
        """Change the configuration."""
        text = (self.folder / "imgcls.toml").read_text()
        assert old in text
        (self.folder / "imgcls.toml").write_text(text.replace(old, new))

    def names(self, order: Callable[[list[str]], list[str]]) -> None:
        """Write the label list in another order."""
        (self.folder / "names.txt").write_text("\n".join(order([str(n) for n in range(CLASSES)])) + "\n")

    def weights(self, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Change one tensor of the weights file."""
        file = self.folder / "network.safetensors"
        state = load_file(file)
        save_file({**state, name: change(state[name])}, file)

    def crop(self, change: Callable[[InputSpec, Image.Image], geometry.Pixels]) -> None:
        """Crop otherwise; ``change`` may call :func:`preprocess.crop`, as it was."""
        self.whole_images()
        self.patch.setattr(transforms, "crop", lambda spec, image, *_: change(spec, image))

    def whole_images(self) -> None:
        """Decode every image to its last row, whatever a crop shows of it."""
        self.patch.setattr(upper_rows, "decode", lambda *_: None)

    def spec(self, **other: Any) -> None:
        """Crop as if the input spec were another, and say nothing of it."""
        crop = transforms.crop
        self.crop(lambda spec, image: crop(replace(spec, **other), image))

    def module(self, change: Callable[[Any], Any]) -> None:
        """Change the network after its weights were loaded and hashed."""
        classifier = runtimes.build

        def changed(runtime: str, request: runtimes.Request) -> runtimes.Classifier:
            change(request.module())
            return classifier(runtime, request)

        self.patch.setattr(runtimes, "build", changed)

    def logits(self, change: Callable[[Any], Any]) -> None:
        """Change what the network puts out."""
        to_numpy = eager.EagerClassifier.to_numpy
        self.patch.setattr(eager.EagerClassifier, "to_numpy", lambda self, *output: change(to_numpy(self, *output)))


def swapped_channels(planted: Planted) -> None:
    crop = transforms.crop
    planted.crop(lambda spec, image: np.ascontiguousarray(crop(spec, image)[..., ::-1]))


def _normalize(planted: Planted, change: Callable[[InputSpec, torch.Tensor], torch.Tensor]) -> None:
    normalize = transforms.normalize
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    planted.patch.setattr(
        transforms, "normalize", lambda spec, *crops: change(spec, normalize(replace(spec, **plain), *crops))
    )


def _standardised(spec: InputSpec, batch: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(triple).view(3, 1, 1) for triple in (spec.mean, spec.std))
    return (batch - mean) / std


def normalisation_dropped(planted: Planted) -> None:
    _normalize(planted, lambda _, batch: batch)


def divided_twice(planted: Planted) -> None:
    _normalize(planted, lambda spec, batch: _standardised(spec, batch / 255))


def mean_and_std_of_the_other_family(planted: Planted) -> None:
    half = (0.5, 0.5, 0.5)
    _normalize(planted, lambda spec, batch: _standardised(replace(spec, mean=half, std=half), batch))


def bilinear_for_bicubic(planted: Planted) -> None:
    planted.spec(interpolation="bilinear")


def antialias_off(planted: Planted) -> None:
    def crop(spec: InputSpec, image: Image.Image) -> geometry.Pixels:
        resized = functional.resize(
            functional.pil_to_tensor(image), [236], interpolation=InterpolationMode.BICUBIC, antialias=False
        )
        return np.asarray(functional.center_crop(resized, list(spec.crop)).permute(1, 2, 0).contiguous().numpy())

    planted.crop(crop)


def crop_of_seven_eighths(planted: Planted) -> None:
    planted.spec(resize=256)


def squash_for_center(planted: Planted) -> None:
    planted.spec(resize=(236, 236), crop_mode="squash")


def crop_off_by_one(planted: Planted) -> None:
    window = geometry.crop_window
    for remembered in ("sides", "upper_rows"):
        planted.patch.setattr(geometry, remembered, getattr(geometry, remembered).__wrapped__)
    planted.patch.setattr(
        geometry, "crop_window", lambda side, size: range((w := window(side, size)).start + 1, w.stop + 1)
    )


def exif_applied(planted: Planted) -> None:
    decode = decoding.decode
    planted.whole_images()
    planted.patch.setattr(decoding, "decode", lambda data, *_: decode(data, "apply"))


def train_mode_left_on(planted: Planted) -> None:
    planted.patch.setattr(torch.nn.Module, "eval", lambda self: self)


def batch_norm_dropped(planted: Planted) -> None:
    planted.module(lambda module: setattr(module.layer2[0], "bn1", torch.nn.Identity()))


def softmax_twice(planted: Planted) -> None:
    outputs = metrics.outputs
    planted.patch.setattr(
        metrics, "outputs", lambda logits, *rest: outputs(metrics.softmax(logits).astype(np.float32), *rest)
    )


def float16_overflow(planted: Planted) -> None:
    planted.configure("[models.network]\n", '[models.network]\nprecision = "float16"\n')


def head_shifted(planted: Planted) -> None:
    planted.logits(lambda logits: np.roll(logits, 1, axis=1))


def labels_swapped(planted: Planted) -> None:
    planted.names(lambda names: [names[1], names[0], *names[2:]])


def sorted_as_strings(planted: Planted) -> None:
    planted.names(sorted)


def class_folder_removed(planted: Planted) -> None:
    shutil.rmtree(planted.folder / "cuts" / "3")


def tensor_zeroed(planted: Planted) -> None:
    planted.weights("layer3.1.conv2.weight", torch.zeros_like)


def bit_flipped(planted: Planted) -> None:
    def flip(tensor: torch.Tensor) -> torch.Tensor:
        tensor.view(torch.int32)[0, 0, 0, 0] ^= 1
        return tensor

    planted.weights("layer1.0.conv1.weight", flip)


FAULTS: dict[Callable[[Planted], None], str] = {
    swapped_channels: "preprocessing",
    normalisation_dropped: "preprocessing",
    divided_twice: "preprocessing",
    mean_and_std_of_the_other_family: "preprocessing",
    bilinear_for_bicubic: "preprocessing",
    antialias_off: "preprocessing",
    crop_of_seven_eighths: "preprocessing",
    squash_for_center: "preprocessing",
    crop_off_by_one: "preprocessing",
    exif_applied: "decoding",
    train_mode_left_on: "model",
    batch_norm_dropped: "model",
    softmax_twice: "scoring",
    float16_overflow: "model",
    head_shifted: "model",
    labels_swapped: "labels",
    sorted_as_strings: "labels",
    class_folder_removed: "files",
    tensor_zeroed: "model",
    bit_flipped: "model",
}

REQUESTED: dict[tuple[str, str], str] = {
    ("resize = 236", "resize = 256"): "preprocessing",
    ('"bicubic"', '"bilinear"'): "preprocessing",
    ('"bicubic"', '"bicubic", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]'): "preprocessing",
    ("resize = 236", 'resize = [236, 236], crop_mode = "squash"'): "preprocessing",
    ("golden = true", 'golden = true\nexif = "apply"'): "decoding",
    ("resnet18", "resnet34"): "model",
}
"""Changes of the configuration, which state what they do."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """Twelve photographs that are not square, one of them with an Exif orientation, a network, and its golden."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_planted.py").write_text("from imgcls.suite import *\n")
    (folder / "imgcls.toml").write_text(CONFIGURATION)
    planted = Planted(folder, pytest.MonkeyPatch())
    planted.names(lambda names: names)
    _cut(sorted(photographs.rglob("*.jpg")), folder / "cuts")
    _save_network(folder / "network.safetensors")
    assert _verdicts(folder, "--imgcls-update-golden") == []
    return folder


def _cut(photographs: list[Path], folder: Path) -> None:
    """Four parts of each photograph, 300 x 225 and 225 x 300 by turns; by its Exif data the first lies on its side."""
    for number in range(CLASSES):
        photograph = Image.open(photographs[number % 3])
        size = (300, 225) if number % 2 else (225, 300)
        corner = (40 * (number // 3), 25 * (number // 3))
        exif = Image.Exif()
        exif[0x0112] = 6 if number == 0 else 1
        (folder / str(number)).mkdir(parents=True)
        part = photograph.crop((*corner, corner[0] + size[0], corner[1] + size[1]))
        part.save(folder / str(number) / "cut.jpg", quality=95, exif=exif)


def _save_network(file: Path) -> None:
    """ResNet18 whose first layer is a million times as large as its norm takes back: too much for float16 only."""
    network = resnet18(num_classes=CLASSES)
    random_init.fill(network, 0)
    with torch.no_grad():
        network.conv1.weight *= 2**20
        network.bn1.running_mean *= 2**20
        network.bn1.running_var *= 2**40
    save_file(network.state_dict(), file)


class _Reports:
    """The reports of the tests of a session that failed."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.longreprtext)


def _verdicts(folder: Path, *arguments: str) -> list[str]:
    """What fails in the ready-made suite, in this very process, with the store off."""
    reports = _Reports()
    options = [
        "--rootdir",
        str(folder),
        "-c",
        str(folder / "pytest.ini"),
        "--import-mode=importlib",
        "-pno:cacheprovider",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("CI", raising=False)
        pytest.main([str(folder), *options, "--imgcls-store", "off", *arguments], plugins=[reports])
    return reports.failed


@pytest.fixture
def planted(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """A copy of the sound project, to be spoilt."""
    return Planted(Path(shutil.copytree(sound, tmp_path / "spoilt")), monkeypatch)


def _stages(message: str) -> list[str]:
    """The stages of a verdict's first line, which follow its colon."""
    return [word for word in re.findall(r"\w+", message.partition(": ")[2].partition("\n")[0]) if word in STAGES]


STAGES = ("files", "decoding", "preprocessing", "model", "scoring", "labels")


def test_the_sound_project_holds(planted: Planted) -> None:
    """Nothing fails where nothing is planted."""
    assert _verdicts(planted.folder) == []


@pytest.mark.parametrize(("plant", "stage"), FAULTS.items(), ids=[plant.__name__ for plant in FAULTS])
def test_a_planted_fault_is_found_at_its_stage(planted: Planted, plant: Callable[[Planted], None], stage: str) -> None:
    """Each of twenty faults fails one test, whose verdict names the one stage where it was planted."""
    plant(planted)
    [message] = [text for text in _verdicts(planted.folder) if "cuts" in text]
    assert set(_stages(message)) == {stage}, message
    assert len(set(_stages(message))) == 1, message


def test_a_fault_in_scoring_is_scorings_on_more_images_than_are_inferred_again(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few images whose logits are still those of the golden record stand for the rest."""
    monkeypatch.setattr(recorder, "SAMPLED_IMAGES", 4)
    softmax_twice(planted)
    [message] = [text for text in _verdicts(planted.folder) if "cuts" in text]
    assert set(_stages(message)) == {"scoring"}, message


def test_a_softmax_of_the_networks_own_is_found_in_scoring(planted: Planted) -> None:
    """Its logits are the recorded probabilities."""
    planted.logits(lambda logits: metrics.softmax(logits).astype(np.float32))
    [message] = [text for text in _verdicts(planted.folder) if "cuts" in text]
    assert set(_stages(message)) == {"scoring"}, message


@pytest.mark.parametrize(("change", "stage"), REQUESTED.items(), ids=[new for _, new in REQUESTED])
def test_a_changed_configuration_is_found_at_its_stage(planted: Planted, change: tuple[str, str], stage: str) -> None:
    """A change that was requested is still a change, and the verdict names its stage."""
    planted.configure(*change)
    [message] = [text for text in _verdicts(planted.folder) if "cuts" in text]
    assert set(_stages(message)) == {stage}, message
