"""imgcls.models.sources.onnx: what is read from an ONNX file, and what is refused of it."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgcls.errors import ConfigError, ImgclsError, MachineError, ModelError, WeightsMissing
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.system import versions
from network_files import IMAGES, NAMES, SIDE, WEIGHTS, assert_close, expected, log_softmax, make_spec, write_onnx

if not versions.has_library("onnx"):
    pytest.skip("onnxruntime: not installed", allow_module_level=True)

MEAN = np.array([123.0, 116, 104], np.float32).reshape(1, 3, 1, 1)
STD = np.array([58.0, 57, 57], np.float32).reshape(1, 3, 1, 1)


def _load(file: Path, **keys: Any) -> Model:
    return loader.load(make_spec(f"onnx:{file}", **keys), "cpu")


def _refused(file: Path, kind: type[ImgclsError], **keys: Any) -> str:
    with pytest.raises(kind) as caught:
        _load(file, **keys)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_plain_network(tmp_path: Path) -> None:
    """Its logits, parameters and bytes are exact, its size is the file's, and the rest of its input is guessed."""
    model = _load(write_onnx(tmp_path / "net.onnx"))
    assert_close(model.classifier.logits(IMAGES), expected())
    assert (model.info.parameters, model.info.weight_bytes) == (WEIGHTS.size, WEIGHTS.nbytes)
    assert (model.info.runtime, model.info.precision) == ("onnx", "float32")
    assert model.info.input.crop == (SIDE, SIDE)
    assert model.info.input_sources["crop"] == "net.onnx"
    assert model.info.input_sources["mean"] == "guessed: the usual one"
    assert model.info.notes == (
        f"run by onnxruntime {versions.of_runtime('onnx')['onnxruntime']}, CPUExecutionProvider",
    )


def test_a_file_in_the_configurations_folder(tmp_path: Path) -> None:
    """The path of a file is relative to the configuration's folder."""
    write_onnx(tmp_path / "net.onnx")
    model = loader.load(make_spec("onnx:net.onnx", folder=tmp_path), "cpu")
    assert model.input.crop == (SIDE, SIDE)


def test_one_image_at_a_time(tmp_path: Path) -> None:
    """A file for one image runs any number of them, and a note says so."""
    model = _load(write_onnx(tmp_path / "net.onnx", shape=(1, 3, SIDE, SIDE)))
    assert_close(model.classifier.logits(IMAGES), expected())
    assert "net.onnx: its number of images is fixed: they are run one image at a time" in model.info.notes


def test_a_fixed_batch(tmp_path: Path) -> None:
    """A file for two images at a time runs three of them, the last with a copy of itself."""
    model = _load(write_onnx(tmp_path / "net.onnx", shape=(2, 3, SIDE, SIDE)))
    assert_close(model.classifier.logits(IMAGES), expected())
    assert model.classifier.max_batch_size == 2


def test_channels_last(tmp_path: Path) -> None:
    """The place of the three channels in the shape is that of the layout."""
    model = _load(write_onnx(tmp_path / "net.onnx", before=[("Transpose", ())], shape=("n", SIDE, SIDE, 3)))
    assert_close(model.classifier.logits(IMAGES), expected())
    assert any("the input is NHWC by its shape" in note for note in model.info.notes)


def test_a_layout_that_the_shape_does_not_show(tmp_path: Path) -> None:
    """Without a number of channels both layouts are possible: the message names the key, which then decides."""
    file = write_onnx(tmp_path / "net.onnx", before=[("Transpose", ())], shape=("n", "a", "b", "c"))
    assert 'give layout = "NCHW" or layout = "NHWC" in [models.net]' in _refused(file, ConfigError)
    model = _load(file, layout="NHWC", input={"crop": (SIDE, SIDE)})
    assert_close(model.classifier.logits(IMAGES), expected())


def test_any_size_needs_a_crop(tmp_path: Path) -> None:
    """A file that takes images of any size does not state the one to test it with."""
    file = write_onnx(tmp_path / "net.onnx", shape=("n", 3, "h", "w"))
    assert "crop = 224 in [models.net.input]" in _refused(file, ConfigError)
    assert _load(file, input={"crop": (SIDE, 12)}).input.crop == (SIDE, 12)


def test_another_crop_than_the_files(tmp_path: Path) -> None:
    """A crop that the file does not take is an error before anything runs."""
    message = _refused(write_onnx(tmp_path / "net.onnx"), ConfigError, input={"crop": (9, 9)})
    assert "takes only images of 8 x 8: give crop = 8, or export the network for that size" in message


def test_normalisation_of_bytes(tmp_path: Path) -> None:
    """A graph that subtracts 123 and divides by 58 is fed with pixels in [0, 255]."""
    steps = [("Sub", ["mean"]), ("Div", ["std"])]
    model = _load(write_onnx(tmp_path / "net.onnx", before=steps, constants={"mean": MEAN, "std": STD}))
    assert (model.input.mean, model.input.std) == ((0.0,) * 3, (1 / 255,) * 3)
    assert "net.onnx: it normalises by itself (Sub, Div): it takes pixels in [0, 255]" in model.info.notes
    assert not any("is fed with" in note for note in model.info.notes)
    assert model.info.input_sources["std"] == "the first steps of the graph"


def test_normalisation_of_shares(tmp_path: Path) -> None:
    """A graph that subtracts 0.48 and divides by 0.23 is fed with pixels in [0, 1]."""
    constants = {"mean": MEAN / 255, "std": STD / 255}
    file = write_onnx(tmp_path / "net.onnx", before=[("Sub", ["mean"]), ("Div", ["std"])], constants=constants)
    model = _load(file)
    assert (model.input.mean, model.input.std) == ((0.0,) * 3, (1.0,) * 3)


def test_steps_of_an_unknown_range(tmp_path: Path) -> None:
    """A factor between both ranges decides nothing: the usual normalisation is taken, and a note names the keys."""
    constants = {"factor": np.array(0.5, np.float32)}
    model = _load(write_onnx(tmp_path / "net.onnx", before=[("Mul", ["factor"])], constants=constants))
    assert model.info.input_sources["mean"] == "guessed: the usual one"
    assert any("give mean and std in [models.net.input]" in note for note in model.info.notes)


def test_bytes_as_input(tmp_path: Path) -> None:
    """A uint8 input gets the very bytes of the image."""
    model = _load(write_onnx(tmp_path / "net.onnx", before=[("Cast", ())], dtype="UINT8"))
    assert (model.input.mean, model.input.std) == ((0.0,) * 3, (1 / 255,) * 3)
    pixels = (IMAGES * 255).round()
    assert_close(model.classifier.logits(pixels - 0.3), expected(pixels))
    assert any("the input is uint8" in note for note in model.info.notes)


def test_half_precision_input(tmp_path: Path) -> None:
    """A float16 input gets images in float16."""
    model = _load(write_onnx(tmp_path / "net.onnx", before=[("Cast", ())], dtype="FLOAT16"))
    assert_close(model.classifier.logits(IMAGES), expected(IMAGES.half().float()))


@pytest.mark.parametrize("operation", ["Softmax", "LogSoftmax"])
def test_a_softmax_at_the_end(tmp_path: Path, operation: str) -> None:
    """The logits of a network that returns probabilities, or their logarithms, are the logarithms."""
    model = _load(write_onnx(tmp_path / "net.onnx", after=[operation, "Identity"]))
    assert_close(model.classifier.logits(IMAGES), log_softmax(expected()))
    assert any("logarithms of the probabilities" in note for note in model.info.notes)


def test_probabilities_that_only_the_outputs_show(tmp_path: Path) -> None:
    """Where the last operation is unknown, outputs of noise that sum to 1 are probabilities."""
    model = _load(write_onnx(tmp_path / "net.onnx", after=["Softmax", "Abs"]))
    assert_close(model.classifier.logits(IMAGES), log_softmax(expected()))
    assert any("its outputs are not negative and sum to 1" in note for note in model.info.notes)
    assert_close(_load(write_onnx(tmp_path / "abs.onnx", after=["Abs"])).classifier.logits(IMAGES), abs(expected()))


def test_returns_is_stated(tmp_path: Path) -> None:
    """What the configuration states of the outputs counts, whatever the graph shows, and is part of the key."""
    file = write_onnx(tmp_path / "net.onnx", after=["Softmax"])
    stated, detected = _load(file, returns="logits"), _load(file)
    assert_close(stated.classifier.logits(IMAGES), np.exp(log_softmax(expected())))
    assert stated.prediction_key("") != detected.prediction_key("")


def test_a_sigmoid_at_the_end(tmp_path: Path) -> None:
    """Probabilities of each class by itself are refused."""
    assert "ends with a sigmoid" in _refused(write_onnx(tmp_path / "net.onnx", after=["Sigmoid"]), ModelError)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("names", "{0: 'cat', 1: 'dog', 2: 'ewe', 3: 'fox', 4: 'gnu'}"),
        ("classes", '["cat", "dog", "ewe", "fox", "gnu"]'),
        ("labels", "cat\ndog\newe\nfox\ngnu\n"),
    ],
)
def test_names_of_classes(tmp_path: Path, key: str, text: str) -> None:
    """Metadata names the classes as a dict, as JSON or in lines."""
    assert _load(write_onnx(tmp_path / "net.onnx", metadata={key: text})).labels.names == NAMES


def test_names_that_are_too_few(tmp_path: Path) -> None:
    """Names for another number of outputs are not used, and a note says so."""
    model = _load(write_onnx(tmp_path / "net.onnx", metadata={"names": '["cat", "dog"]'}))
    assert model.labels.names == ()
    assert "net.onnx: the 2 classes that it states are not used: it has 5 outputs" in model.info.notes


def test_types_of_weights(tmp_path: Path) -> None:
    """Weights that are not float32 are counted by their types."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(write_onnx(tmp_path / "net.onnx")))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(7, np.int8), "unused"))
    onnx.save(model, str(tmp_path / "net.onnx"))
    loaded = _load(tmp_path / "net.onnx")
    assert "net.onnx: weights: 1 float32, 1 int8" in loaded.info.notes
    assert (loaded.info.parameters, loaded.info.weight_bytes) == (WEIGHTS.size + 7, WEIGHTS.nbytes + 7)


def test_values_in_another_file(tmp_path: Path) -> None:
    """They are part of the state's hash; absent, cut off or a pointer of Git LFS, the message names their file."""
    import onnx

    file, values = write_onnx(tmp_path / "net.onnx"), tmp_path / "net.data"
    onnx.save_model(onnx.load(str(file)), str(file), save_as_external_data=True, location=values.name, size_threshold=0)
    model = _load(file)
    assert_close(model.classifier.logits(IMAGES), expected())
    content = bytearray(values.read_bytes())
    content[0] ^= 1
    values.write_bytes(content)
    assert _load(file).info.state_sha256 != model.info.state_sha256
    values.write_bytes(content[:-8])
    assert "net.data is not a whole file of values, or was cut off" in _refused(file, ModelError)
    values.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "Git LFS pointer" in _refused(file, WeightsMissing)
    values.unlink()
    assert "net.data, which is not next to it: copy both files" in _refused(file, WeightsMissing)


@pytest.mark.parametrize("content", [b"", b"a text", b"\x08\x07\x12"])
def test_something_else(tmp_path: Path, content: bytes) -> None:
    """A file that is not ONNX, or is cut off, is named with the next step."""
    (tmp_path / "net.onnx").write_bytes(content)
    assert "is not a model of ONNX, or was cut off" in _refused(tmp_path / "net.onnx", ModelError)


def test_half_a_file(tmp_path: Path) -> None:
    """So is one that a copy left off in the middle."""
    file = write_onnx(tmp_path / "net.onnx")
    file.write_bytes(file.read_bytes()[:-100])
    assert "was cut off" in _refused(file, ModelError)


def test_a_pointer_and_no_file(tmp_path: Path) -> None:
    """A pointer of Git LFS and a missing file are two messages."""
    file = tmp_path / "net.onnx"
    assert "there is no file" in _refused(file, WeightsMissing)
    file.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "git lfs pull" in _refused(file, WeightsMissing)


def test_operators_of_ones_own(tmp_path: Path) -> None:
    """An operator that onnxruntime does not have is named."""
    message = _refused(write_onnx(tmp_path / "net.onnx", before=[("Custom", ())]), ModelError)
    assert "Custom(-1) is not a registered function/op; export it again" in message


def test_an_opset_that_is_too_new(tmp_path: Path) -> None:
    """The message states the last opset that is known."""
    assert "its opset is newer than" in _refused(write_onnx(tmp_path / "net.onnx", opset=99), ModelError)


def test_an_output_by_name(tmp_path: Path) -> None:
    """``output`` names one of the outputs, and another name is refused with those that there are."""
    file = write_onnx(tmp_path / "net.onnx")
    assert_close(_load(file, output="logits").classifier.logits(IMAGES), expected())
    assert "is not one of the outputs of the file: logits" in _refused(file, ModelError, output="scores")


def test_keys_that_are_for_other_models(tmp_path: Path) -> None:
    """A file has its own weights and is built already."""
    file = write_onnx(tmp_path / "net.onnx")
    assert "holds its own weights: leave `weights` out" in _refused(file, ConfigError, weights="random:1")
    assert "is built already: leave `options` out" in _refused(file, ConfigError, options={"num_classes": 3})


def test_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names the extra, and nothing was imported."""
    file = write_onnx(tmp_path / "net.onnx")
    monkeypatch.setattr(versions, "of_runtime", lambda _: {})
    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "pip install 'imgcls[onnx]'" in _refused(file, MachineError)
