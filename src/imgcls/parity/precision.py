"""In which numbers an export computes, by what its file holds."""

from imgcls.models.model import Model
from imgcls.models.sources import base as sources
from imgcls.models.sources.file_network import FileSource

NARROW = {
    "int8": ("int8", "uint8", "i8", "u8"),
    "float16": ("float16", "f16"),
    "bfloat16": ("bfloat16", "bf16"),
}
"""Precisions narrower than float32, the narrowest first, and how formats call the types of their tensors."""


def of(export: Model) -> str:
    """The narrowest type of a file's weights and, but for bytes, of its input; else the precision of the model.

    Raises what loading does.
    """
    source = sources.of(export.spec)
    if not isinstance(source, FileSource):
        return export.info.precision
    contents = source.contents(export.spec)
    given = {contents.port.dtype} & {"float16", "bfloat16"}
    types = contents.weight_types.keys() | given
    narrow = (name for name, spellings in NARROW.items() if not types.isdisjoint(spellings))
    return next(narrow, export.info.precision)
