"""imgcls.models.exports.failures: whatever a library raises is one line with the operator, the step and the way out."""

import pytest

from imgcls.config.recipe import ExportRecipe
from imgcls.models.exports import failures

ONNX, OPENVINO = ExportRecipe("onnx"), ExportRecipe("openvino")


@pytest.mark.parametrize(
    ("recipe", "text", "expected"),
    [
        (
            ONNX,
            (
                "step 3/3\n## Exception summary\nDispatchError: No ONNX function found for <OpOverload("
                "op='prims.bessel_j0', overload='default')>"
            ),
            (
                "net cannot be made an onnx file: the format has nothing for the "
                "operator prims.bessel_j0: replace it in the network, or choose another format"
            ),
        ),
        (
            OPENVINO,
            "FrontEnd API failed\n-- No conversion rule found for operations: aten::special_bessel_j0\n",
            (
                "net cannot be made an openvino file: the format has nothing for the operator aten::special_bessel_j0: "
                "replace it in the network, or choose another format"
            ),
        ),
        (
            ONNX,
            (
                'Could not guard on data-dependent expression Eq(u0, 1)\nFile "/x/torch/module.py", line 9, in _call\n'
                'File "/home/u/nets.py", line 11, in forward\n'
            ),
            (
                "net cannot be made an onnx file: its code decides by the "
                "values that it computes (nets.py, line 11): write that without `if`, as with torch.where"
            ),
        ),
        (
            ONNX,
            "Constraints violated (batch)!\n  - you marked it",
            (
                "net cannot be made an onnx file for any number of images: its code takes a fixed number; write "
                "x.shape[0] where it counts them, or make a file for one image with dynamic_batch = false"
            ),
        ),
        (ONNX, "something\nelse.", "net cannot be made an onnx file: something else"),
    ],
)
def test_one_line(recipe: ExportRecipe, text: str, expected: str) -> None:
    """The texts are those of torch 2.14, and of OpenVINO 2026.4."""
    assert str(failures.failure("net", recipe, RuntimeError(text))) == expected


def test_the_first_cause_is_quoted() -> None:
    """A chain of exceptions is known by what began it."""
    error = RuntimeError("see the report above")
    error.__cause__ = ValueError("no way")
    assert str(failures.failure("net", ONNX, error)) == "net cannot be made an onnx file: no way"
