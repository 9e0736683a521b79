"""Golden records as files: one readable JSON document per dataset and model, a line per image."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import msgspec

from imgcls import documents
from imgcls.errors import ConfigError, MachineError
from imgcls.golden.records import Golden

FORMAT = 1

FOLDER = "golden"

FIRST = ("format", "model", "dataset")


def place(root: Path, dataset: str, model: str) -> Path:
    """The file of a golden record."""
    return root / FOLDER / dataset / f"{model}.json"


def read(file: Path, command: str) -> Golden:
    """The golden record in a file. Raises ConfigError, where there is none with the ``command`` that makes it."""
    again = f"; delete it, then {command}"
    try:
        golden = documents.read(file, Golden, "golden record", whose="a golden record of imgcls", way=command)
    except ConfigError as error:
        raise ConfigError(f"{error}{again if file.exists() else ''}") from error
    if golden.format != FORMAT:
        raise ConfigError(f"{file}: its format is {golden.format}, and this version of imgcls reads {FORMAT}{again}")
    if len({image.path for image in golden.images}) < len(golden.images):
        raise ConfigError(f"{file}: an image is in it twice{again}")
    return golden


def write(file: Path, golden: Golden) -> None:
    """Write a golden record, whole or not at all. Raises MachineError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        documents.write_text(file, "{\n" + ",\n".join(_entries(golden)) + "\n}\n")
    except OSError as error:
        raise MachineError(f"{file}: the golden record cannot be written: {error.strerror or error}") from error


def _entries(golden: Golden) -> Iterator[str]:
    """Each key on its own line, and each image."""
    others = [field.name for field in fields(golden) if field.name not in {*FIRST, "images"}]
    yield from (f' "{name}": {_json(getattr(golden, name))}' for name in (*FIRST, *others))
    yield ' "images": [\n  ' + ",\n  ".join(map(_json, golden.images)) + "\n ]"


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def all_in(root: Path) -> list[Path]:
    """Every golden record below a project's root, sorted."""
    return sorted((root / FOLDER).glob("*/*.json"))
