"""Whether an archive of torch.export can be read without running anything that is in it.

``torch.export.load`` unpickles some members, evaluates expressions of sizes as Python, and looks operators up by name;
docs/decisions.md#exported-programs states what is allowed of each.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from imgcls.errors import ModelError

MEMBERS = re.compile(
    r"models/model\.json|data/(weights|constants)/(model_\w+_config\.json|(weight|tensor)_\d+)"
    r"|data/sample_inputs/model\.pt|archive_format|archive_version|version|byteorder|\.format_version"
    r"|\.data/\w+|extra/.+|\.storage_alignment"
)
OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed|torchao|torchvision)\.(?!from_file|__)\w+\.\w+"
    r"|torch\.ops\.higher_order\.\w+|math\.\w+|torch\.sym_\w+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|pos|eq|ne|lt|le|gt|ge|and_|or_|xor|not_|index)"
)
NAMES_IN_EXPRESSIONS = frozenset({
    "FloorDiv", "ModularIndexing", "Where", "PythonMod", "Mod", "CleanDiv", "CeilToInt", "FloorToInt", "CeilDiv",
    "LShift", "RShift", "PowByNatural", "FloatPow", "FloatTrueDiv", "IntTrueDiv", "TruncToFloat", "TruncToInt",
    "RoundToInt", "RoundDecimal", "ToFloat", "Identity", "Max", "Min", "Eq", "Ne", "Ge", "Gt", "Le", "Lt", "And", "Or",
    "Not", "Piecewise", "Integer", "Float", "Rational", "Abs", "True", "False",
})  # fmt: skip
SYMBOL = re.compile(r"[a-z]{1,2}\d+")
EXPRESSION = re.compile(r"[\w\s.,()+\-*/%<>=&|~]*")
DECLARED = re.compile(r"Symbol\('[a-z]{1,2}\d+'(, (integer|positive|nonnegative|real|finite)=(True|False))*\)")
WORD = re.compile(r"[A-Za-z_]\w*")
CONTAINERS = frozenset({None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"})
EARLIER = "serialized_exported_program.json"


def check(file: Path) -> dict[str, str]:
    """The texts of an archive's extra files by name. Raises ModelError where loading it would run anything."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = {_inner(name, archive): name for name in archive.namelist()}
            _check_members(file, members)
            for name, member in members.items():
                if name.endswith(".json"):
                    _check_values(file, name, json.loads(archive.read(member)))
            if sample := members.get("data/sample_inputs/model.pt"):
                _check_pickle(file, archive.read(sample))
            return {
                name.removeprefix("extra/"): archive.read(member).decode(errors="replace")
                for name, member in members.items()
                if name.startswith("extra/")
            }
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise ModelError(
            f"{file} is not a program of torch.export, or was cut off ({type(error).__name__}); fetch it or export it "
            "again"
        ) from error


def _inner(name: str, archive: zipfile.ZipFile) -> str:
    """The name of a member below the one folder that torch puts all of them in."""
    folder = archive.namelist()[0].partition("/")[0]
    return name.removeprefix(f"{folder}/")


def _check_members(file: Path, members: dict[str, str]) -> None:
    if EARLIER in members:
        raise ModelError(
            f"{file} was saved by a torch before 2.8, whose format is read with pickle: export it again with this one"
        )
    if "models/model.json" not in members:
        raise ModelError(
            f"{file} is not a program of torch.export: save one with torch.export.save(program, {file.name!r})"
        )
    for name in members:
        if not MEMBERS.fullmatch(name):
            raise refusal(file, f"its member {name}, which may be code")


def _check_values(file: Path, name: str, value: Any) -> None:
    """Every operator, expression and structure in a description."""
    for key, item in _entries(value):
        if key == "use_pickle" and item:
            raise refusal(file, f"pickles named in {name}")
        if key in {"target", "as_operator"} and isinstance(item, str) and not OPERATORS.fullmatch(item):
            raise refusal(file, f"{item[:80]}, which is not an operator of PyTorch")
        if key == "expr_str" and not _is_expression(item):
            raise refusal(file, f"the expression {str(item)[:80]}")
        if key in {"in_spec", "out_spec"} and isinstance(item, str) and not _is_plain(json.loads(item)):
            raise refusal(file, f"a structure of other types than lists, tuples and dicts: {item[:80]}")
        if key == "custom_obj_values" and item:
            raise refusal(file, "objects of classes of its own")


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _entries(item)


def _is_expression(text: object) -> bool:
    """Whether an expression has only numbers, sizes and the functions that torch writes: it is evaluated as Python."""
    if not isinstance(text, str):
        return False
    rest = DECLARED.sub("", text)
    words = WORD.findall(rest)
    return bool(EXPRESSION.fullmatch(rest)) and all(w in NAMES_IN_EXPRESSIONS or SYMBOL.fullmatch(w) for w in words)


def _is_plain(spec: Any) -> bool:
    """Whether a structure of inputs or outputs is made of containers that import nothing."""
    if isinstance(spec, list):
        return all(_is_plain(part) for part in spec)
    if not isinstance(spec, dict):
        return True
    context = json.loads(spec.get("context") or "null")
    is_list_of_words = context is None or (isinstance(context, list) and all(isinstance(key, str) for key in context))
    return spec.get("type") in CONTAINERS and is_list_of_words and _is_plain(spec.get("children_spec", []))


def _check_pickle(file: Path, content: bytes) -> None:
    """Raise ModelError where its sample inputs are more than tensors: torch would then unpickle anything."""
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise refusal(file, "its sample inputs, which are more than tensors") from error


def refusal(file: Path, what: str) -> ModelError:
    """The error for a program that cannot be read without running code."""
    return ModelError(
        f"{file} is refused: loading it would run {what}, and programs are read without running code; export the "
        "network again with plain tensors as inputs, outputs and weights"
    )
