"""``imgcls quantize``: an int8 file of a model, and the configuration that tests it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import messages, toml
from imgcls.cli import arguments, output
from imgcls.config.recipe import CALIBRATION_IMAGES, ExportRecipe
from imgcls.config.table import NAME
from imgcls.errors import ConfigError
from imgcls.messages import spelled
from imgcls.records.config import BUILTIN_DIGITS, ModelSpec
from imgcls.reporting import progress
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session.options import RunOptions

if TYPE_CHECKING:
    from imgcls.models.exports.calibration_record import CalibrationRecord

SUFFIXES = {"openvino": ".xml", "onnx": ".onnx"}


def add_quantize(commands: Any) -> None:
    parser = commands.add_parser(
        "quantize",
        help="make an int8 file of a model, calibrated on images",
        **arguments.examples(
            "imgcls quantize resnet50 --data calibration/",
            "imgcls quantize resnet50 --data calibration/ --images 100 -o build/int8.onnx",
        ),
    )
    parser.add_argument("model", metavar="MODEL", help="a model of the configuration, or an architecture")
    parser.add_argument(
        "--data", required=True, metavar="DIR|FILE",
        help="images to calibrate on: a folder, a manifest, or builtin:digits; not those that it is tested on",
    )  # fmt: skip
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="where to write it (default: MODEL_int8.xml)")
    parser.add_argument("--format", choices=tuple(SUFFIXES), help="default: by the suffix of FILE, or else openvino")
    parser.add_argument(
        "--images", type=arguments.positive_int, default=CALIBRATION_IMAGES, metavar="N",
        help=f"calibrate on at most this many images, spread evenly over all (default: {CALIBRATION_IMAGES})",
    )  # fmt: skip
    parser.add_argument(
        "--per-tensor", action="store_true", help="one scale for each weight, not one for each of its output channels"
    )
    run_options.add_to_command(parser, "config", "offline")
    run_options.add_quiet(parser)
    parser.set_defaults(command=quantize)


def quantize(namespace: argparse.Namespace) -> int:
    """Make the file, and print what it was calibrated on and how to test it; the exit code."""
    options = RunOptions.from_namespace(namespace)
    [model] = selection.runnable_models(options, [namespace.model])
    file, file_format = _target(namespace, _plain(model.name))
    recipe = ExportRecipe(
        file_format,
        precision="int8",
        calibration=BUILTIN_DIGITS if namespace.data == BUILTIN_DIGITS else Path(namespace.data),
        images=namespace.images,
        per_channel=not namespace.per_tensor,
    )
    from imgcls.models.exports import calibration_record, make

    with progress.working(sys.stderr, f"loading {model.name}, calibrating on images"):
        made = make.int8_file(recipe, model, file)
    record = calibration_record.of(file)
    assert record is not None  # noqa: S101 - it was written just now
    for line in _result(file, record, namespace.data):
        output.line(line)
    for note in made.notes:
        output.line(f"note: {note}")
    output.line("test it with")
    for line in _configuration(model, file):
        output.line(f"  {line}")
    return 0


def _target(namespace: argparse.Namespace, name: str) -> tuple[Path, Any]:
    """The file to write and its format, which agree. Raises ConfigError."""
    given: Path | None = namespace.out
    if given is None:
        file_format = namespace.format or "openvino"
        return Path(f"{name}_int8{SUFFIXES[file_format]}"), file_format
    by_suffix = {suffix: file_format for file_format, suffix in SUFFIXES.items()}.get(given.suffix)
    if by_suffix is None or namespace.format not in {None, by_suffix}:
        suffix = SUFFIXES[namespace.format] if namespace.format else " or ".join(SUFFIXES.values())
        raise ConfigError(f"-o {given}: the name of the file must end in {suffix}")
    return given, by_suffix


def _plain(name: str) -> str:
    """The name of a model as a configuration may have it."""
    return name if NAME.fullmatch(name) else re.sub(r"[^A-Za-z0-9_-]+", "_", name)


def _result(file: Path, record: CalibrationRecord, data: str) -> Iterator[str]:
    ratio = record.float32_bytes / record.file_bytes
    yield (
        f"{spelled(str(file))}: int8, {_megabytes(record.file_bytes)}; in float32 it is "
        f"{_megabytes(record.float32_bytes)}, {ratio:.1f} times as much"
    )
    classes = len(record.classes)
    which = f"of {classes} class{'es' if classes > 1 else ''}" if classes else "without folders of classes"
    yield (
        f"calibrated on {record.images} of {messages.counted(record.listed, 'image')} in {spelled(data)}, {which}, "
        f"chosen with seed {record.seed}"
    )


def _configuration(model: ModelSpec, file: Path) -> Iterator[str]:
    """The lines of a configuration that name the file as an export."""
    name = _plain(model.name)
    if model.folder == Path():  # it stands in no configuration
        yield from (f"[models.{name}]", f"arch = {toml.string(model.arch)}")
    yield f"[models.{name}.exports]"
    yield f"int8 = {toml.string(os.path.relpath(file, model.folder))}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
