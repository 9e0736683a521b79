"""The packages that make each kind of file: that they are installed, and which versions they are."""

from __future__ import annotations

from importlib import metadata

from imgcls.config.recipe import ExportRecipe
from imgcls.errors import MachineError

_NEEDED = {"onnx": ("onnx", "onnxscript"), "openvino": ("openvino",), "exported": (), "torchscript": ()}
_NEEDED_FOR_INT8 = {"onnx": ("onnxruntime",), "openvino": ("nncf",)}
_EXTRAS = {"openvino": "openvino", "nncf": "quantize"}


def of(recipe: ExportRecipe) -> dict[str, str]:
    """The versions of all packages that write a file, beyond those that imgcls always has.

    Raises MachineError, with the extra to install, where one is missing.
    """
    needed = _NEEDED[recipe.format]
    if recipe.precision == "int8":
        needed += _NEEDED_FOR_INT8[recipe.format]
    elif recipe.format == "onnx" and recipe.precision == "float16":
        needed += ("onnxruntime",)
    versions = {library: _version(library) for library in needed}
    missing = [library for library, version in versions.items() if version is None]
    if missing:
        extra = _EXTRAS.get(missing[-1], "onnx")
        raise MachineError(
            f"making {article(recipe)} {recipe.precision} file needs {' and '.join(missing)}, not installed here: "
            f"pip install 'imgcls[{extra}]'"
        )
    return {library: version for library, version in versions.items() if version}


def article(recipe: ExportRecipe) -> str:
    """The format with its article, as in ``an onnx``."""
    return f"{'a' if recipe.format == 'torchscript' else 'an'} {recipe.format}"


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
