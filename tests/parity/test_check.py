"""imgcls.parity.check: an export is held against the network as it was tested, and every flip is found."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imgcls.data.listing
from builders import make_latency, make_memory
from conftest import Project
from imgcls.config import loader
from imgcls.data import dataset as datasets
from imgcls.errors import ModelError
from imgcls.models.exports import calibration_record
from imgcls.parity import check, predictions
from imgcls.parity.costs import Costs
from imgcls.parity.diagnosis import diagnose, localize
from imgcls.performance import latency, memory
from imgcls.records.config import BUILTIN_DIGITS, DatasetSpec, ExportSpec, ModelSpec
from imgcls.records.parity import Fault, Parity, StepError
from imgcls.store.database import Store
from shipped import COLOURS, RED_TO_GREEN, colour_spec, record_calibration, write_onnx

FAULT = Fault("weights", "other weights", "a layer differs", 0.5)


@pytest.fixture
def store(importable: Project) -> Store:
    """An empty store; the working folder holds the project of the colours."""
    return Store(importable.folder / "store")


def _shipped(name: str = "ship", *network: Any, **keys: Any) -> ExportSpec:
    """An export whose file is written by hand."""
    return ExportSpec(name, "onnx", write_onnx(Path(f"{name}.onnx"), *network), **keys)


def _compare(
    store: Store, *exports: ExportSpec, model: ModelSpec | None = None, run_id: str = "run", **keys: Any
) -> list[Parity]:
    return check.compare(
        model or colour_spec(),
        exports,
        keys.pop("dataset", COLOURS),
        store=store,
        device="cpu",
        run_id=run_id,
        progress=lambda *_: None,
        **keys,
    )


def _never(*_: object) -> None:
    raise AssertionError


@pytest.mark.parametrize(("gain", "agreement"), [(1, "identical"), (1 + 1e-6, "within tolerance")])
def test_the_same_network_agrees(store: Store, monkeypatch: pytest.MonkeyPatch, gain: float, agreement: str) -> None:
    """To the last bit, or but for what rounding explains: no flip, no fault, and nothing is looked for."""
    monkeypatch.setattr(diagnose, "faults", _never)
    monkeypatch.setattr(localize, "steps", _never)
    (parity,) = _compare(store, _shipped("ship", gain * np.eye(3)), localize=True)
    assert (parity.model, parity.export, parity.dataset, parity.format) == ("colour", "ship", "colours", "onnx")
    assert (parity.file, parity.runtime, parity.precision) == ("ship.onnx", "onnx", "float32")
    assert (parity.images, parity.same_top1, parity.same_top5, parity.flips) == (12, 12, 12, 0)
    assert parity.agreement == agreement
    assert parity.logits is not None
    assert (parity.logits.largest > 0) == (agreement != "identical")
    assert parity.logits.largest <= parity.logits.tolerance
    assert (parity.faults, parity.steps, parity.failure) == ((), (), None)
    assert parity.comparison is not None
    assert (parity.comparison.before, parity.comparison.after) == ("colour", "colour/ship")
    assert list(parity.versions or ()) == ["onnxruntime"]


@pytest.mark.parametrize("reds", [4, 7])
def test_planted_flips_are_exactly_those_that_are_named(store: Store, importable: Project, reds: int) -> None:
    """Every red image is called green, whatever their number, and no other image is."""
    importable.add_images("red", reds)
    (parity,) = _compare(store, _shipped("ship", *RED_TO_GREEN), diagnose=False)
    assert (parity.images, parity.flips, parity.same_top5) == (8 + reds, reds, 8 + reds)
    assert parity.agreement == "different"
    assert parity.comparison is not None
    flips = {(flip.path, flip.before[1], flip.after[1], flip.change) for flip in parity.comparison.flips}
    assert flips == {(f"red/{n:04}.png", "red", "green", "right to wrong") for n in range(reds)}
    top1, top5 = parity.comparison.differences
    assert (top1.losses, top1.gains, top1.images) == (reds, 0, 8 + reds)
    assert top1.p_value == pytest.approx(2 * 0.5**reds)
    assert (top5.losses, top5.gains) == (0, 0)


def test_the_distance_is_in_standard_deviations_of_the_reference(store: Store) -> None:
    """A logit that is d larger on every image is d less its part of the mean away."""
    (parity,) = _compare(store, _shipped("ship", np.eye(3), (0.3, 0, 0)), diagnose=False)
    assert parity.logits is not None
    assert parity.logits.images == 12
    assert parity.logits.largest * parity.logits.std == pytest.approx(0.2, rel=1e-4)
    assert parity.logits.median * parity.logits.std == pytest.approx(0.2, rel=1e-4)
    assert parity.logits.std == pytest.approx(0.94, rel=0.01)
    assert parity.flips == 0
    assert parity.agreement == "different"


def test_a_constant_on_all_logits_is_no_difference(store: Store) -> None:
    """Logarithms of probabilities are logits less a constant, so that the mean of each image is taken away."""
    (parity,) = _compare(store, _shipped("ship", np.eye(3), (5, 5, 5)))
    assert parity.agreement == "within tolerance"


def test_a_flip_of_a_tie_is_within_tolerance(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Yellow is as much red as green: a millionth decides, and is counted and noted, but makes no difference."""
    Image.new("RGB", (16, 16), (255, 255, 0)).save("colours/red/yellow.png")
    (parity,) = _compare(store, _shipped("ship", np.eye(3), (0, 1e-6, 0)))
    assert (parity.flips, parity.agreement) == (1, "within tolerance")
    assert "ties, in which the reference has both classes within the tolerance: 1 of 1 flip" in parity.notes
    monkeypatch.setattr(predictions, "ties", lambda *_: 0)
    (parity,) = _compare(store, _shipped("ship", np.eye(3), (0, 1e-6, 0)), diagnose=False)
    assert (parity.flips, parity.agreement) == (1, "different")


def test_what_fails_does_not_stop_the_others(store: Store) -> None:
    """A missing file and logits that are NaN are failures of their own, in the order of the configuration."""
    gone = ExportSpec("gone", "onnx", Path("gone.onnx"))
    broken = _shipped("broken", np.full((3, 3), np.nan))
    parities = _compare(store, gone, broken, _shipped(), diagnose=False)
    assert [parity.export for parity in parities] == ["gone", "broken", "ship"]
    messages = [parity.failure and parity.failure.message for parity in parities]
    assert messages[0] == (
        f"no file at {Path('gone.onnx').absolute()}: put it there, or correct gone in [models.colour.exports]"
    )
    assert str(messages[1]).startswith("the model's logits are NaN on ")
    assert messages[2] is None
    assert [parity.logits is None for parity in parities] == [True, True, False]
    assert [parity.failure and parity.failure.exit_code for parity in parities] == [3, 1, None]


def test_a_reference_that_fails_is_named(store: Store) -> None:
    """Without its predictions no export can be compared."""
    (parity,) = _compare(store, _shipped(), model=colour_spec("broken"))
    assert parity.failure is not None
    assert parity.failure.message.startswith("the reference has no predictions: ")
    assert "this factory is broken" in parity.failure.message


def test_the_reference_is_the_tested_network(store: Store) -> None:
    """Whatever the model is configured to, the reference is eager, in float32 and from exact pixels."""
    configured = colour_spec(precision="float16", decode="fast", runtime="openvino")
    (parity,) = _compare(store, _shipped(), model=configured)
    assert parity.agreement == "identical"


def test_images_are_decoded_once_for_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass reads each image once, and each export's sample once more."""
    read: list[str] = []
    original = imgcls.data.listing.read

    def counted(image: Any) -> bytes:
        read.append(image.path)
        return original(image)

    monkeypatch.setattr(imgcls.data.listing, "read", counted)
    _compare(store, _shipped("a"), _shipped("b"), _shipped("c"), diagnose=False)
    assert len(read) == 12 + 3 * 12


def test_nothing_that_was_predicted_is_predicted_again(store: Store, importable: Project) -> None:
    """A second comparison infers only the sample, and one with another export only what that needs."""
    first = _compare(store, _shipped(), run_id="first")
    importable.forget_forwards()
    assert _compare(store, _shipped(), run_id="second") == first
    assert importable.images_inferred() <= 12 + 2 * 8


def test_images_that_calibrated_an_export_are_left_out(store: Store) -> None:
    """Neither flips nor logits are of them, and a note states how many they were."""
    listed = datasets.list_images(COLOURS).images
    calibrated = [image.sha256 for image in listed if image.path.startswith("red/")]
    export = _shipped("ship", *RED_TO_GREEN)
    record_calibration(Path("ship.onnx"), calibrated)
    parity, without = _compare(store, export, _shipped("other", *RED_TO_GREEN), diagnose=False)
    assert (parity.images, parity.flips, without.images, without.flips) == (8, 0, 12, 4)
    assert parity.logits is not None
    assert parity.logits.images == 8
    assert "4 images of colours are left out, because the export was calibrated with them" in parity.notes


def test_an_export_calibrated_with_every_image_cannot_be_compared(store: Store) -> None:
    """Then no image is left, which is a failure and not an agreement."""
    export = _shipped()
    record_calibration(Path("ship.onnx"), [image.sha256 for image in datasets.list_images(COLOURS).images])
    (parity,) = _compare(store, export)
    assert parity.agreement is None
    assert parity.failure is not None
    assert parity.failure.message == (
        "ship was calibrated with every image of colours: calibrate it with others, or name other images"
    )


def test_without_an_image_nothing_is_compared(store: Store) -> None:
    """A dataset of which nothing decodes is a failure that says so, and one that is missing is named."""
    for file in Path("colours").rglob("*.png"):
        file.write_text(f"no image, {file}")
    (parity,) = _compare(store, _shipped())
    assert parity.failure is not None
    assert parity.failure.message == "no image of colours has a prediction of both colour and ship"
    (parity,) = _compare(store, _shipped(), dataset=DatasetSpec("gone", Path("gone")), run_id="gone")
    assert parity.failure is not None
    assert parity.failure.message.startswith("the reference has no predictions: ")
    assert "gone" in parity.failure.message


def test_an_export_with_another_input_is_fed_with_it(store: Store) -> None:
    """Where pixels are normalised inside of the file, its own input leaves that out, and nothing differs."""
    inside = _shipped("ship", 2 * np.eye(3), (-1, -1, -1), input={"mean": (0.0,) * 3, "std": (1.0,) * 3})
    (parity,) = _compare(store, inside)
    assert parity.agreement == "within tolerance"


def test_what_explains_most_comes_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults are sorted by what they explain, those of which it is not known are last; steps only on request."""
    known = (replace(FAULT, explained=None), FAULT, replace(FAULT, explained=0.9))
    step = StepError("layer1", "conv", 0.1, 0.5)
    monkeypatch.setattr(diagnose, "faults", lambda *_: known)
    monkeypatch.setattr(localize, "steps", lambda *_: (step,))
    wrong = _shipped("ship", *RED_TO_GREEN)
    (parity,) = _compare(store, wrong)
    assert [fault.explained for fault in parity.faults] == [0.9, 0.5, None]
    assert parity.steps == ()
    (parity,) = _compare(store, wrong, localize=True, diagnose=False)
    assert (parity.faults, parity.steps) == ((), (step,))


def test_an_export_that_fails_is_diagnosed_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits that are not finite have no distance, but a reason."""
    monkeypatch.setattr(diagnose, "faults", lambda *_: (FAULT,))
    (parity,) = _compare(store, _shipped("ship", np.full((3, 3), np.inf)))
    assert parity.failure is not None
    assert (parity.faults, parity.logits, parity.agreement) == ((FAULT,), None, None)


@pytest.mark.parametrize(
    ("error", "why"), [(ModelError("no such layer"), "no such layer"), (KeyError("conv"), "KeyError: 'conv'")]
)
def test_a_diagnosis_that_fails_is_a_note(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    """What was compared stays, whatever the walk through the file meets."""

    def fail(*_: object) -> Sequence[Fault]:
        raise error

    monkeypatch.setattr(diagnose, "faults", fail)
    (parity,) = _compare(store, _shipped("ship", *RED_TO_GREEN))
    assert (parity.flips, parity.agreement) == (4, "different")
    assert f"the reason of the difference was not found: {why}" in parity.notes


def test_other_classes_than_the_reference(store: Store) -> None:
    """The number of classes of both is the failure: an export has no labels of its own to set."""
    network = np.array([[1, 0], [0, 1], [0, 0]], np.float32), np.zeros(2, np.float32)
    (parity,) = _compare(store, _shipped("ship", *network))
    assert parity.failure is not None
    assert parity.failure.message == (
        "the file has 2 outputs and colour 3 classes: export colour as it was tested, or compare the file with the "
        "network that it is of"
    )
    assert not any("was not found" in note for note in parity.notes)


def test_other_names_in_a_file_are_noted(store: Store) -> None:
    """Logits agree, and whoever goes by the names in the file reports other classes."""
    import onnx

    shipped = _shipped("ship")
    assert shipped.path is not None
    network = onnx.load(shipped.path)
    onnx.helper.set_model_props(network, {"names": "{0: 'red', 1: 'blue', 2: 'green'}"})
    onnx.save(network, shipped.path)
    (parity,) = _compare(store, shipped)
    assert parity.agreement == "identical"
    assert any("the file names 2 of its 3 classes otherwise: 1 is blue there and green in" in n for n in parity.notes)


def test_costs_are_measured_on_request(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides are timed and weighed, the reference once for all exports."""
    timed: list[str] = []

    def measure(model: Any, _: str) -> Any:
        timed.append(model.spec.name)
        return make_latency(p50_ns=len(timed), p95_ns=2 * len(timed))

    monkeypatch.setattr(latency, "measure", measure)
    monkeypatch.setattr(memory, "measure", lambda spec, _: make_memory(spec.name, loading=5, inference=7))
    first, second = _compare(store, _shipped("a"), _shipped("b"), costs=Costs())
    assert timed == ["colour.exports.a", "colour", "colour.exports.b"]
    assert first.cost is not None
    assert first.reference_cost is not None
    assert (first.cost.p50_ns, first.cost.p95_ns, first.cost.peak_bytes) == (1, 2, 7)
    assert first.cost.file_bytes == Path("a.onnx").stat().st_size
    assert (first.reference_cost.p50_ns, first.reference_cost.file_bytes) == (2, None)
    assert second.reference_cost == first.reference_cost
    assert _compare(store, _shipped("a"))[0].cost is None


# Files that torch and OpenVINO write of the digits' network.

DIGITS = DatasetSpec("digits", BUILTIN_DIGITS)
RESNET = ModelSpec(
    "digits",
    "timm:test_resnet",
    "builtin:digits_resnet",
    options={"num_classes": 10},
    labels="digits",
    input={"resize": 32, "crop": 32, "interpolation": "bilinear", "mean": (0.5,) * 3, "std": (0.5,) * 3},
)


@pytest.mark.slow
def test_exports_of_several_formats(tmp_path: Path) -> None:
    """Of a sound network: a program of PyTorch to the last bit, float16 within what rounding explains, int8 is neither.

    The images that int8 was calibrated with are left out of its comparison only.
    """
    int8 = {"precision": "int8", "calibration": BUILTIN_DIGITS, "images": 30}
    exports = [
        ExportSpec("script", "torchscript"),
        ExportSpec("half", "onnx", recipe={"precision": "float16"}),
        ExportSpec("int8", "openvino", recipe=int8),
    ]
    parities = _compare(Store(tmp_path), *exports, model=RESNET, dataset=DIGITS)
    assert [parity.failure for parity in parities] == [None] * 3
    assert [parity.agreement for parity in parities] == ["identical", "within tolerance", "different"]
    assert [parity.precision for parity in parities] == ["float32", "float16", "int8"]
    used = calibration_record.calibration_hashes(Path(parities[2].file))
    among = used & {image.sha256 for image in datasets.list_images(DIGITS).images}
    assert [parity.images for parity in parities] == [360, 360, 360 - len(among)]
    assert [(parity.flips, parity.faults) for parity in parities[:2]] == [(0, ())] * 2


@pytest.mark.shared
@pytest.mark.slow
def test_a_real_network_and_its_file_fed_wrongly(tmp_path: Path, shared_data: Path) -> None:
    """SqueezeNet's ONNX file predicts all photographs as it does, and squashed ones otherwise, which is named."""
    configured = loader.load([shared_data / "imgcls.toml"])
    model, photos = configured.models["squeezenet"], configured.datasets["photos10"]
    store = Store(tmp_path)
    (made,) = _compare(store, ExportSpec("made", "onnx"), model=model, dataset=photos)
    assert (made.images, made.flips, made.agreement, made.faults) == (50, 0, "within tolerance", ())
    assert made.comparison is not None
    assert [difference.before_count for difference in made.comparison.differences] == [39, 45]
    squash = {"crop_mode": "squash", "resize": (224, 224)}
    export = ExportSpec("squashed", "onnx", Path(made.file), input=squash)
    (squashed,) = _compare(store, export, model=model, dataset=photos, run_id="again")
    assert squashed.flips > 0
    assert squashed.agreement == "different"
    assert squashed.faults[0].stage == "preprocessing"
