"""What libraries say when they cannot convert a network, in one line with the operator, the step and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ModelError
from imgcls.messages import one_line
from imgcls.models.exports.libraries import article

_OPERATOR = re.compile(r"(?:aten|prims|torchvision|quantized)(?:::|\.)\w+")
_PLACE = re.compile(r'File "(?:[^"]*/)?([^"/]+)", line (\d+), in forward')
_LONGEST = 300

KEPT = "the file keeps what it did for blank images"
"""What a recording does about code that depends on values: the end of a note."""


def failure(name: str, recipe: ExportRecipe, error: BaseException) -> ModelError:
    """The error for whatever a library or the network's own code raised while a network was written to a file."""
    text = "\n".join(str(link) for link in _chain(error))
    refused = f"{name} cannot be made {article(recipe)} file"
    if "Constraints violated" in text or "specialized it to be a constant" in text:
        return fixed_batch(name, recipe)
    if "data-dependent" in text:
        return ModelError(
            f"{refused}: its code decides by the values that it computes{_place(text)}: write that without `if`, as "
            "with torch.where"
        )
    if operator := _missing_operator(text):
        return ModelError(
            f"{refused}: the format has nothing for the operator {operator}{_place(text)}: replace it in the network, "
            "or choose another format"
        )
    return ModelError(f"{refused}: {one_line(list(_chain(error))[-1])[:_LONGEST]}")


def fixed_batch(name: str, recipe: ExportRecipe) -> ModelError:
    """The error for a network whose code takes one number of images only."""
    return ModelError(
        f"{name} cannot be made {article(recipe)} file for any number of images: its code takes a fixed number; write "
        "x.shape[0] where it counts them, or make a file for one image with dynamic_batch = false"
    )


def _missing_operator(text: str) -> str | None:
    """The operator that a library names as one that it cannot convert."""
    if not re.search(r"No ONNX function found|No conversion rule|Unsupported|not supported|[Dd]ispatch", text):
        return None
    match = _OPERATOR.search(text)
    return match[0] if match else None


def _place(text: str) -> str:
    """The innermost line of a ``forward`` that is named."""
    places = _PLACE.findall(text)
    return f" ({places[-1][0]}, line {places[-1][1]})" if places else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and its causes, the first one last."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__
