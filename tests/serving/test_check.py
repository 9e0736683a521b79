"""The check of a whole model: what is compared, what it costs in top-1, and what cannot be compared."""

from pathlib import Path

import numpy as np
import pytest
import torch

from imgcls.data import listing
from imgcls.errors import ConfigError
from imgcls.models import loader
from imgcls.records.config import DatasetSpec, ServingSpec
from imgcls.serving import check
from networks import filled
from serving_models import CLASSES, CORRECT, checked, make_model, model_of, network, reference

BGR = f"""{CORRECT}
def prepare(data: bytes):
    return normalised(np.asarray(crop(pixels(data)))[:, :, ::-1]).transpose(2, 0, 1)
"""

NO_CMYK = f"""{CORRECT}
def prepare(data: bytes):
    assert Image.open(io.BytesIO(data)).mode != "CMYK", "no CMYK"
    return tensor(data)
"""

SQUASHED = f"""{CORRECT}
def prepare(data: bytes):
    return np.asarray(pixels(data).resize((8, 8)), np.float32).transpose(2, 0, 1)[::ORDER] / 255
"""


def _listed(folder: Path) -> DatasetSpec:
    """The made images in folders of the classes that the network predicts, so that all are right."""
    of = network()
    best = np.argmax(of.logits(reference(of), range(6)), axis=1)
    for number, index in enumerate(best):
        (folder / CLASSES[index]).mkdir(parents=True, exist_ok=True)
        (folder / CLASSES[index] / f"{number}.jpg").write_bytes(of.images[number].data)
    return DatasetSpec("photos", folder)


def test_what_a_fault_costs_is_counted_on_images_with_labels(tmp_path: Path) -> None:
    """How many more of the dataset are wrong, and so in the verdict."""
    dataset = _listed(tmp_path / "photos")
    listed = listing.find("photos", tmp_path / "photos").images
    result = checked(model_of("center"), tmp_path, BGR, dataset=dataset, listed=listed)
    (fault,) = result.faults
    rows = [image for image in result.images if image.kind == "image of the dataset"]
    assert (fault.stage, fault.name) == ("preprocessing", "channel order")
    assert fault.explained == pytest.approx(1)
    assert fault.top1_lost == sum(not row.same_top1 for row in rows)
    assert fault.top1_lost > 0
    assert f"because of channel order (100% of the difference, {fault.top1_lost} more wrong in top-1)" in result.message


def test_labels_that_do_not_match_are_a_note(tmp_path: Path) -> None:
    """Faults are named without their cost."""
    dataset = _listed(tmp_path / "photos")
    listed = listing.find("photos", tmp_path / "photos").images
    model = make_model(labels=[f"class {number}" for number in range(10)])
    result = checked(model, tmp_path, BGR, dataset=dataset, listed=listed)
    assert result.faults[0].top1_lost is None
    assert any(note.startswith("top-1 was not counted: ") for note in result.notes)


def test_an_image_that_a_function_fails_on_fails_the_check(tmp_path: Path) -> None:
    """By its kind, with what was raised; the others are the same."""
    result = checked(model_of("center"), tmp_path, NO_CMYK)
    assert result.status == "fail"
    assert "the same on all 18 images that were compared" in result.message
    assert "it failed on 1 image: CMYK JPEG (AssertionError: no CMYK)" in result.message


def test_another_size_is_a_fault_of_its_own(tmp_path: Path) -> None:
    """Which is named, though nothing can be compared."""
    result = checked(
        model_of("center"), tmp_path, "import numpy as np\ndef prepare(x: bytes): return np.zeros((3, 64, 64))\n"
    )
    assert result.status == "fail"
    assert [fault.name for fault in result.faults] == ["input size"]
    assert "(3, 64, 64), and the network was tested with (3, 56, 56)" in result.faults[0].what
    assert "none of 19 images could be compared" in result.message


def test_a_function_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    """In one line, without a traceback."""
    result = checked(model_of("center"), tmp_path, "def prepare(x): raise ValueError('mode')\n")
    assert (result.status, result.faults, result.images) == ("error", (), ())
    assert "\n" not in result.message


def test_what_no_variant_explains_is_not_blamed_on_one(tmp_path: Path) -> None:
    """Noise instead of an image."""
    code = "import numpy as np\ndef prepare(x: bytes): return np.random.default_rng(len(x)).normal(size=(3, 56, 56))\n"
    result = checked(model_of("center"), tmp_path, code)
    assert result.status == "fail"
    assert "no known fault explains it; nearest: " in result.message
    assert all(fault.explained is not None and fault.explained < 0.5 for fault in result.faults)


def test_a_network_with_its_own_preprocessing_is_the_reference(tmp_path: Path) -> None:
    """Its function is what the serving function is held against, and swapped channels are still named."""

    class Own(torch.nn.Sequential):
        def preprocess(self, image: object) -> torch.Tensor:
            values = np.asarray(image.convert("RGB").resize((8, 8)), np.float32)  # type: ignore[attr-defined]  # Pillow's
            return torch.from_numpy(values.transpose(2, 0, 1) / 255)

    module = filled(Own(torch.nn.Flatten(), torch.nn.Linear(192, 10)))
    model = loader.from_module(module, "net", {}, CLASSES, "cpu")
    assert checked(model, tmp_path, SQUASHED.replace("ORDER", "1")).status == "pass"
    (tmp_path / "other").mkdir()
    result = checked(model, tmp_path / "other", SQUASHED.replace("ORDER", "-1"))
    assert [fault.name for fault in result.faults] == ["channel order"]
    assert any("its own preprocessing" in note for note in result.notes)


@pytest.mark.parametrize("serving", [ServingSpec(), ServingSpec(preprocess="python:a:b", url="http://x/")])
def test_one_of_both_is_given(serving: ServingSpec) -> None:
    """Not none, and not both."""
    with pytest.raises(ConfigError, match=r"\[models\.net\.serving\] give one of preprocess and url"):
        check.compare(model_of("center"), serving, None, folder=Path())


def test_a_wrong_url_names_its_key() -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigError, match=r"\[models\.net\.serving\] url: 'localhost:80' is not of the form"):
        check.compare(model_of("center"), ServingSpec(url="localhost:80"), None, folder=Path())
