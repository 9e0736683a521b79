"""imgcls.config.specs: the keys of models, each with its type and its choices."""

from pathlib import Path

import pytest

from configurations import BASE, assert_refused, load_text
from imgcls import extensions
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError

ARCHS = (
    "torchvision:NAME, timm:NAME, python:package.module:factory, torchhub:REPO:NAME, transformers:PATH_OR_ID, "
    "reference:NAME, onnx:FILE, openvino:FILE.xml, exported:FILE.pt2, torchscript:FILE, tflite:FILE"
)


@pytest.mark.parametrize("weights", ["IMAGENET1K_V2", "pretrained", "random:0", "builtin:digits_vit", "a1_in1k"])
def test_weights_that_are_no_file_stay_words(tmp_path: Path, weights: str) -> None:
    """Tags and seeds are not paths."""
    assert load_text(tmp_path, f'[models.m]\narch = "timm:x"\nweights = "{weights}"').models["m"].weights == weights


@pytest.mark.parametrize(
    "weights",
    ["runs/best", "./best", "best.pth", "best.pth.tar", "last.ckpt", "model.bin", "net.pt", "a.safetensors", "w.PKL",
     "x.th", "runs\\best", "../up", "epoch=3-step=9.ckpt", "net.onnx", "net.h5", "best.v2"],
)  # fmt: skip
def test_weights_of_a_files_form_are_paths(tmp_path: Path, weights: str) -> None:
    """A value with a separator or the suffix of a file is a path next to the configuration, there or not."""
    settings = load_text(tmp_path, f"[models.m]\narch = 'timm:x'\nweights = '{weights}'")
    assert settings.models["m"].weights == tmp_path / weights


@pytest.mark.parametrize("weights", ["IMAGENET1K_V2", "a1_in1k", "weights", "best.V_2"])
def test_weights_that_exist_are_paths(tmp_path: Path, weights: str) -> None:
    """A file or folder next to the configuration goes before a tag of its name, and not before the fixed words."""
    (tmp_path / weights).mkdir()
    (tmp_path / "pretrained").mkdir()
    text = f"[models.m]\narch = 'timm:x'\nweights = '{weights}'\n[models.p]\narch = 'timm:x'\nweights = 'pretrained'"
    settings = load_text(tmp_path, text)
    assert settings.models["m"].weights == tmp_path / weights
    assert settings.models["p"].weights == "pretrained"


def test_a_name_too_long_for_a_file_is_a_tag(tmp_path: Path) -> None:
    """What no file system could hold is no file, and no traceback either."""
    weights = "a" * 5000
    assert load_text(tmp_path, f"[models.m]\narch = 'timm:x'\nweights = '{weights}'").models["m"].weights == weights


def test_the_keys_of_a_checkpoint(tmp_path: Path) -> None:
    """Which state dict of a file is loaded, and how its names are matched."""
    keys = 'checkpoint = "raw"\nmatch = "order"\nrename = { "encoder." = "" }'
    model = load_text(tmp_path, f"[models.m]\narch = 'timm:x'\nweights = 'a.pth'\n{keys}").models["m"]
    assert (model.checkpoint, model.match, model.rename) == ("raw", "order", {"encoder.": ""})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("weights = 'a.pth'\nmatch = 'position'", "match: 'position' is not one of name, order"),
        ("weights = 'a.pth'\ncheckpoint = 3", "checkpoint: must be a string, not 3"),
        ("weights = 'a1_in1k'\ncheckpoint = 'ema'",
         'checkpoint: is about a weights file, and this model names none: weights = "FILE"'),
        ("weights = ' '", "weights: is empty: leave it out for the published weights, or name a file"),
        ("match = 'order'", 'match: is about a weights file, and this model names none: weights = "FILE"'),
        ("weights = 'random:0'\nrename = { a = 'b' }",
         'rename: is about a weights file, and this model names none: weights = "FILE"'),
    ],
)  # fmt: skip
def test_the_keys_of_a_checkpoint_are_checked(tmp_path: Path, lines: str, message: str) -> None:
    """They have their choices, and need a file."""
    assert_refused(tmp_path, f"[models.m]\narch = 'timm:x'\n{lines}", f"[models.m] {message}")


def test_an_output_and_a_folder_arrive(tmp_path: Path) -> None:
    """``output`` is text; the folder is the configuration's, and no key of it."""
    model = load_text(tmp_path, '[models.m]\narch = "timm:x"\noutput = "1"').models["m"]
    assert (model.output, model.folder) == ("1", tmp_path)
    assert_refused(tmp_path, "[models.m]\narch = 'timm:x'\noutput = 1", "[models.m] output: must be a string, not 1")
    with pytest.raises(ConfigError, match=r"\[models\.m\] folder: unknown key"):
        load_text(tmp_path, '[models.m]\narch = "timm:x"\nfolder = "x"')


def test_an_input_of_one_number(tmp_path: Path) -> None:
    """A mean and a deviation may be one number, by itself or in a list."""
    text = "[models.m]\narch = 'timm:x'\n[models.m.input]\nmean = 0.5\nstd = [1]"
    assert load_text(tmp_path, text).models["m"].input == {"mean": (0.5,), "std": (1.0,)}


def test_a_name_is_renamed_to_a_name(tmp_path: Path) -> None:
    """What a beginning of names becomes is text."""
    text = "[models.m]\narch = 'timm:x'\nweights = 'a.pth'\nrename = { a = 1 }"
    message = "[models.m.rename] a: must be the beginning of a tensor's name in the network, not 1"
    assert_refused(tmp_path, text, message)


@pytest.mark.parametrize("labels", ["imagenet-1k", "imagenet-21k", "digits"])
def test_known_label_lists_stay_words(tmp_path: Path, labels: str) -> None:
    """The lists that imgcls has are not paths."""
    assert load_text(tmp_path, f'[models.m]\narch = "timm:x"\nlabels = "{labels}"').models["m"].labels == labels


@pytest.mark.parametrize("arch", ["resnet50", "keras:resnet50", "timm:", ":resnet50", ""])
def test_an_arch_names_its_source(tmp_path: Path, arch: str) -> None:
    """An arch has one of the known prefixes and a name."""
    assert_refused(
        tmp_path,
        f"[models.m]\narch = '{arch}'",
        f"[models.m] arch: '{arch}' is not one of {ARCHS}",
    )


def test_a_model_without_an_arch_is_refused(tmp_path: Path) -> None:
    """There is no default network."""
    assert_refused(
        tmp_path,
        "[models.m]",
        f"[models.m] arch: None is not one of {ARCHS}",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("weights = 5", "weights: must be a string, not 5"),
        ("weights = 'random:x'", "weights: 'random:x': the seed of random weights is a whole number, as in random:0"),
        ("weights = 'random:-1'", "weights: 'random:-1': the seed of random weights is a whole number, as in random:0"),
        ("weights = 'random:'", "weights: 'random:': the seed of random weights is a whole number, as in random:0"),
        ("weights = '~nobody-of-this-name/x.pth'",
         "weights: '~nobody-of-this-name/x.pth': Could not determine home directory"),
        ("sha256 = 'abc'", "sha256: 'abc' is not 64 hexadecimal digits"),
        ("sha256 = 1", "sha256: must be a string, not 1"),
        ("labels = 1", "labels: must be a string, not 1"),
        ("labels = '~nobody-of-this-name'", "labels: '~nobody-of-this-name': Could not determine home directory"),
        ("datasets = 'photos'", "datasets: must be a list of names, not 'photos'"),
        ("datasets = [1]", "datasets: must be a list of names, not [1]"),
        ("datasets = ['photo']", "datasets: no dataset 'photo'; did you mean 'photos'?"),
        ("runtime = 'tvm'", "runtime: 'tvm' is not one of auto, eager, compile, cuda-graph, openvino"),
        ("precision = 'float15'",
         "precision: 'float15' is not one of float32, bfloat16, float16, auto; did you mean 'float16'?"),
        ("precision = 32", "precision: must be a string, not 32"),
        ("decode = 'quick'", "decode: 'quick' is not one of exact, fast"),
    ],
)  # fmt: skip
def test_a_model_is_checked_key_by_key(tmp_path: Path, line: str, message: str) -> None:
    """Each key of a model has its type and its choices."""
    assert_refused(tmp_path, f"{BASE}[models.m]\narch = 'timm:x'\n{line}", f"[models.m] {message}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("resize = '256'", "resize: must be a whole number of pixels or [h, w], not '256'"),
        ("resize = 0", "resize: must be a whole number of pixels or [h, w], not 0"),
        ("resize = 256.0", "resize: must be a whole number of pixels or [h, w], not 256.0"),
        ("resize = true", "resize: must be a whole number of pixels or [h, w], not True"),
        ("crop = []", "crop: must be a whole number of pixels or [h, w], not []"),
        ("crop = [1, 2, 3]", "crop: must be a whole number of pixels or [h, w], not [1, 2, 3]"),
        ("crop = [224, -1]", "crop: must be a whole number of pixels or [h, w], not [224, -1]"),
        ("crop_mode = 'centre'", "crop_mode: 'centre' is not one of center, squash, border; did you mean 'center'?"),
        ("interpolation = 'cubic'",
         "interpolation: 'cubic' is not one of bilinear, bicubic, nearest, lanczos; did you mean 'bicubic'?"),
        ("interpolation = 3", "interpolation: must be a string, not 3"),
        ("mean = 'grey'", "mean: must be a number, or three, one per RGB channel, not 'grey'"),
        ("mean = []", "mean: must be a number, or three, one per RGB channel, not []"),
        ("mean = [0.5, 0.5]", "mean: must be a number, or three, one per RGB channel, not [0.5, 0.5]"),
        ("mean = [0.5, 0.5, true]", "mean: must be a number, or three, one per RGB channel, not [0.5, 0.5, True]"),
        ("mean = [0.5, 0.5, nan]", "mean: must be a number, or three, one per RGB channel, not [0.5, 0.5, nan]"),
        ("std = [0.5, 0.5, inf]", "std: must be a number, or three, one per RGB channel, not [0.5, 0.5, inf]"),
        ("std = [0.5, 0, 0.5]", "std: must be above 0, not [0.5, 0, 0.5]"),
        ("std = [0.5, -1.0, 0.5]", "std: must be above 0, not [0.5, -1.0, 0.5]"),
    ],
)  # fmt: skip
def test_an_input_is_checked_key_by_key(tmp_path: Path, line: str, message: str) -> None:
    """Sizes are pixels, means and deviations are one number or three, and booleans are no numbers."""
    assert_refused(tmp_path, f"[models.m]\narch = 'timm:x'\n[models.m.input]\n{line}", f"[models.m.input] {message}")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('options = { checkpoint_path = "x.pth" }', r"checkpoint_path: say which weights are loaded with `weights`"),
        ("options = { pretrained = true }", r"pretrained: say which weights"),
        ("options = { rate = nan }", r"options are strings, finite numbers"),
        ("options = { day = 2026-11-22 }", r"options are strings, finite numbers"),
        (f'weights = "random:0"\nsha256 = "{"0" * 64}"', r"sha256: pins a weights file, and this model has none"),
    ],
)
def test_weights_come_from_one_key(tmp_path: Path, lines: str, message: str) -> None:
    """Options cannot load weights past the reader, are values that can be hashed, and a pin needs a file."""
    file = tmp_path / "imgcls.toml"
    file.write_text(f'[models.m]\narch = "timm:test_resnet"\n{lines}\n')
    with pytest.raises(ConfigError, match=message):
        configuration.load([file])


@pytest.mark.parametrize("runtime", ["", 'runtime = "auto"', 'runtime = "openvino"'])
def test_installed_packages_are_asked_only_for_other_runtimes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    """The entry points of all of them would be read for each model."""
    monkeypatch.setattr(extensions, "selectable_runtimes", lambda: pytest.fail("asked"))
    assert load_text(tmp_path, f"[models.m]\narch = 'timm:x'\n{runtime}").models["m"]
