"""imgcls.config.exports: what ships is a path, a table or a recipe, and every mistake is refused by file and key."""

from pathlib import Path

import pytest

from configurations import BASE, assert_refused, load_text
from imgcls.config.exports import FORMATS
from imgcls.records.config import ExportSpec, ServingSpec

SUFFIXES = (
    "onnx: a/net.onnx, openvino: net_int8.xml, exported: net.pt2, torchscript: net.torchscript, torchscript: net.pt, "
    "torchscript: net.ts, tflite: net.tflite, onnx: NET.ONNX"
)
"""Formats and the files that have them."""

NO_FORMAT = (
    "'net.bin' has none of the suffixes .onnx, .xml, .pt2, .torchscript, .pt, .ts, .tflite: "
    "add format, one of onnx, openvino, exported, torchscript, tflite"
)


@pytest.mark.parametrize("pair", SUFFIXES.split(", "))
def test_a_path_states_its_format(tmp_path: Path, pair: str) -> None:
    """The suffix of a file, in any case, is its format, and the path is relative to the configuration."""
    file_format, file = pair.split(": ")
    expected = FORMATS[Path(file.lower()).suffix]
    assert expected == file_format
    loaded = load_text(tmp_path, f'{BASE}[models.wide.exports]\nship = "{file}"\n')
    assert loaded.models["wide"].exports == {"ship": ExportSpec("ship", expected, tmp_path / file)}
    assert loaded.models["net"].exports == {}


def test_every_key_of_an_export_arrives(tmp_path: Path) -> None:
    """A table states how a file is fed and read, and that its program may run."""
    exports = (
        load_text(
            tmp_path,
            BASE
            + """
        [models.wide.exports.ship]
        path = "net.bin"
        format = "onnx"
        input = { mean = [0, 0, 0], crop = 64 }
        layout = "NHWC"
        returns = "probabilities"
        trust = true
        output = "probs"
        """,
        )
        .models["wide"]
        .exports
    )
    settings = {"mean": (0.0, 0.0, 0.0), "crop": 64}
    expected = ExportSpec(
        "ship", "onnx", tmp_path / "net.bin", {}, settings, "NHWC", "probabilities", trust=True, output="probs"
    )
    assert exports == {"ship": expected}


def test_what_imgcls_makes_has_a_name_of_its_own(tmp_path: Path) -> None:
    """A recipe never takes the name of a file: both may be called ``onnx``."""
    text = (
        BASE
        + """
        [models.wide.exports]
        onnx = "net.onnx"
        made = { onnx = { opset = 20, precision = "float16" }, small = { format = "openvino" } }
        """
    )
    exports = load_text(tmp_path, text).models["wide"].exports
    assert list(exports) == ["onnx", "made.onnx", "made.small"]
    assert exports["made.onnx"] == ExportSpec("made.onnx", "onnx", recipe={"opset": 20, "precision": "float16"})
    assert exports["made.small"] == ExportSpec("made.small", "openvino")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("onnx = 3", """onnx: must be the path of a file, or a table as in { path = "onnx.onnx" }, not 3"""),
        ("'a b' = 'x.onnx'", "a b: names are made of letters, digits, _ and -"),
        (
            "onnx = 'net.bin'",
            f"onnx] path: {NO_FORMAT}",
        ),
        (
            "onnx = { format = 'onnx' }",
            "onnx] path: is missing: the file that ships; what imgcls is to make is made = { onnx = { } }",
        ),
        ("onnx = ''", "onnx] path: is missing: the file that ships; what imgcls is to make is made = { onnx = { } }"),
        (
            "onnx = { path = 'n.onnx', layuot = 'NHWC' }",
            "onnx] layuot: unknown key; did you mean 'layout'?",
        ),
        (
            "onnx = { path = 'n.onnx', format = 'onxx' }",
            "onnx] format: 'onxx' is not one of onnx, openvino, exported, torchscript, tflite; did you mean 'onnx'?",
        ),
        (
            "onnx = { path = 'n.onnx', returns = 'softmax' }",
            "onnx] returns: 'softmax' is not one of logits, probabilities",
        ),
        ("onnx = { path = 'n.onnx', trust = 'yes' }", "onnx] trust: must be true or false, not 'yes'"),
        ("onnx = { path = 'n.onnx', input = { std = 0 } }", "onnx.input] std: must be above 0, not 0"),
        ("made = { 'a b' = {} }", "made] a b: names are made of letters, digits, _ and -"),
    ],
)
def test_a_wrong_export_is_refused(tmp_path: Path, table: str, message: str) -> None:
    """The message names the file, the export and the key, and what to write."""
    where = (
        "[models.wide.exports." if message.startswith(("onnx]", "onnx.input]", "made]")) else "[models.wide.exports] "
    )
    assert_refused(tmp_path, f"{BASE}[models.wide.exports]\n{table}\n", where + message)


def test_a_serving_is_a_function_or_an_address(tmp_path: Path) -> None:
    """Either of both arrives as it is written, and a model without the table has none."""
    text = BASE + "serving = { preprocess = 'python:service.app:prepare' }\n"
    assert load_text(tmp_path, text).models["wide"].serving == ServingSpec(preprocess="python:service.app:prepare")
    text = BASE + "serving.url = 'http://127.0.0.1:8080/predict'\n"
    assert load_text(tmp_path, text).models["wide"].serving == ServingSpec(url="http://127.0.0.1:8080/predict")
    assert load_text(tmp_path, BASE).models["wide"].serving is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", "has neither: name preprocess, a function, or url, a running service"),
        (
            "preprocess = 'python:a:b', url = 'http://x'",
            "has both: name preprocess, a function, or url, a running service",
        ),
        ("preprocess = 'a.py'", "'a.py' is not of the form python:package.module:function"),
        ("url = 'localhost:80'", "'localhost:80' is not an address like http://127.0.0.1:8080/predict"),
        ("port = 80", "unknown key; known: preprocess, url"),
    ],
)
def test_a_wrong_serving_is_refused(tmp_path: Path, keys: str, message: str) -> None:
    """It is exactly one of the two, in its form."""
    key = "" if message.startswith("has") else f" {keys.partition(' ')[0]}"
    assert_refused(tmp_path, f"{BASE}serving = {{ {keys} }}\n", f"[models.wide.serving]{key}: {message}")
