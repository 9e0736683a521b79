"""imgcls.config.specs: the keys of datasets and models, each with its type and its choices."""

from pathlib import Path

import pytest

from configurations import BASE, assert_refused, load_text
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError

ARCHS = "torchvision:NAME, timm:NAME, python:package.module:factory, reference:NAME"


@pytest.mark.parametrize("weights", ["IMAGENET1K_V2", "pretrained", "random:0", "builtin:digits_vit", "a1_in1k"])
def test_weights_that_are_no_file_stay_words(tmp_path: Path, weights: str) -> None:
    """Tags and seeds are not paths."""
    assert load_text(tmp_path, f'[models.m]\narch = "timm:x"\nweights = "{weights}"').models["m"].weights == weights


@pytest.mark.parametrize("labels", ["imagenet-1k", "imagenet-21k", "digits"])
def test_known_label_lists_stay_words(tmp_path: Path, labels: str) -> None:
    """The lists that imgcls has are not paths."""
    assert load_text(tmp_path, f'[models.m]\narch = "timm:x"\nlabels = "{labels}"').models["m"].labels == labels


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", 'path: is missing: a folder with a folder per class, a .csv manifest, or "digits"'),
        ("path = 3", "path: must be a string, not 3"),
        ("path = ['a']", "path: must be a string, not ['a']"),
        ("path = '~nobody-of-this-name/x'", "path: '~nobody-of-this-name/x': Could not determine home directory"),
        ("path = 'p'\nlabels = 'wnids'", "labels: 'wnids' is not one of auto, wnid, name, index; did you mean 'wnid'?"),
        ("path = 'p'\nlabels = false", "labels: must be a string, not False"),
        ("path = 'p'\ngolden = 1", "golden: must be true or false, not 1"),
        ("path = 'p'\ngolden = 'yes'", "golden: must be true or false, not 'yes'"),
        ("path = 'p'\nexif = true", "exif: must be a string, not True"),
        ("path = 'p'\nexif = 'aply'", "exif: 'aply' is not one of ignore, apply; did you mean 'apply'?"),
    ],
)
def test_a_dataset_is_checked_key_by_key(tmp_path: Path, lines: str, message: str) -> None:
    """Each key of a dataset has its type and its choices."""
    assert_refused(tmp_path, f"[datasets.d]\n{lines}", f"[datasets.d] {message}")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{}", "file: is missing: a .csv with the columns folder and wnid, name or index"),
        ("{ file = 3 }", "file: must be a string, not 3"),
    ],
)
def test_a_map_of_labels_names_its_file(tmp_path: Path, table: str, message: str) -> None:
    """A table of labels has the one key ``file``."""
    assert_refused(tmp_path, f"[datasets.d]\npath = 'p'\nlabels = {table}", f"[datasets.d.labels] {message}")


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
        ("runtime = 'tvm'", "runtime: 'tvm' is not one of auto, eager, compile, openvino"),
        ("precision = 'float15'",
         "precision: 'float15' is not one of float32, bfloat16, float16; did you mean 'float16'?"),
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
        ("mean = 0.5", "mean: must be three numbers, one per RGB channel, not 0.5"),
        ("mean = [0.5, 0.5]", "mean: must be three numbers, one per RGB channel, not [0.5, 0.5]"),
        ("mean = [0.5, 0.5, true]", "mean: must be three numbers, one per RGB channel, not [0.5, 0.5, True]"),
        ("mean = [0.5, 0.5, nan]", "mean: must be three numbers, one per RGB channel, not [0.5, 0.5, nan]"),
        ("std = [0.5, 0.5, inf]", "std: must be three numbers, one per RGB channel, not [0.5, 0.5, inf]"),
        ("std = [0.5, 0, 0.5]", "std: must be above 0, not [0.5, 0, 0.5]"),
        ("std = [0.5, -1.0, 0.5]", "std: must be above 0, not [0.5, -1.0, 0.5]"),
    ],
)  # fmt: skip
def test_an_input_is_checked_key_by_key(tmp_path: Path, line: str, message: str) -> None:
    """Sizes are pixels, means and deviations are three numbers, and booleans are no numbers."""
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
