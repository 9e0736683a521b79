"""imgcls.models.exports.libraries: what is missing is one line with the extra that has it."""

import re
from importlib import metadata

import pytest

from imgcls.config.recipe import ExportRecipe
from imgcls.errors import MachineError
from imgcls.models.exports import libraries


@pytest.mark.parametrize(
    ("recipe", "missing", "message"),
    [
        (
            ExportRecipe("onnx"),
            {"onnx", "onnxscript"},
            ("making an onnx float32 file needs onnx and onnxscript, not installed here: pip install 'imgcls[onnx]'"),
        ),
        (
            ExportRecipe("onnx", "float16"),
            {"onnxruntime"},
            ("making an onnx float16 file needs onnxruntime, not installed here: pip install 'imgcls[onnx]'"),
        ),
        (
            ExportRecipe("openvino"),
            {"openvino", "nncf"},
            ("making an openvino float32 file needs openvino, not installed here: pip install 'imgcls[openvino]'"),
        ),
        (
            ExportRecipe("openvino", "int8"),
            {"nncf"},
            ("making an openvino int8 file needs nncf, not installed here: pip install 'imgcls[quantize]'"),
        ),
        (
            ExportRecipe("openvino", "int8"),
            {"openvino", "nncf"},
            (
                "making an openvino int8 file needs openvino and "
                "nncf, not installed here: pip install 'imgcls[quantize]'"
            ),
        ),
    ],
)
def test_a_missing_package(
    recipe: ExportRecipe, missing: set[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named with the extra, before anything is imported or loaded."""
    installed = metadata.version

    def version(name: str) -> str:
        if name in missing:
            raise metadata.PackageNotFoundError(name)
        return installed("pytest")

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(MachineError, match=f"^{re.escape(message)}$"):
        libraries.of(recipe)


def test_pytorchs_own_files_need_nothing_else() -> None:
    """Programs and recordings are PyTorch's."""
    assert [libraries.of(ExportRecipe(kind)) for kind in ("exported", "torchscript")] == [{}, {}]
