"""Golden records as files: one readable JSON document per dataset and model, a line per image."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import msgspec

from imgcls import documents, lfs
from imgcls.errors import ConfigError, MachineError
from imgcls.golden.records import Golden

FORMAT = 1

FOLDER = "golden"

FIRST = ("format", "model", "dataset")


def place(root: Path, dataset: str, model: str) -> Path:
    """The file of a golden record."""
    return root / FOLDER / dataset / f"{model}.json"


def read(file: Path, command: str) -> Golden:
    """The golden record in a file. Raises ConfigError, where there is none with the ``command`` that makes it.

    Where it cannot be read, the way out is the pinned one, from version control; it is written anew only to pin
    something else.
    """
    anew = f"or, to pin what the model predicts now: {command}"
    restored = f"; restore it from version control: git checkout -- {shlex.quote(str(file))}; {anew}"
    try:
        golden = documents.read(file, Golden, "golden record", whose="a golden record of imgcls", way=command)
    except ConfigError as error:
        raise ConfigError(f"{error}{restored if has_content(file) else ''}") from error
    if golden.format != FORMAT:
        versions = f"its format is {golden.format}, and this version of imgcls reads {FORMAT}: use a newer one"
        raise ConfigError(f"{file}: {versions}; {anew}")
    if len({image.path for image in golden.images}) < len(golden.images):
        raise ConfigError(f"{file}: an image is in it twice{restored}")
    return golden


def has_content(file: Path) -> bool:
    """Whether there are bytes to read that are not a pointer to a record elsewhere."""
    try:
        return not lfs.is_pointer(file.read_bytes())
    except OSError:
        return False


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
    values = {name: getattr(golden, name) for name in (*FIRST, *others)}
    values["input"] = {key: value for key, value in asdict(golden.input).items() if value is not None}
    yield from (f' "{name}": {_json(value)}' for name, value in values.items())
    yield ' "images": [\n  ' + ",\n  ".join(map(_json, golden.images)) + "\n ]"


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def all_in(root: Path) -> list[Path]:
    """Every golden record below a project's root, sorted; the golden files of other tools are not among them."""
    return sorted(file for file in (root / FOLDER).glob("*/*.json") if _is_ours(file))


class _Heading(msgspec.Struct):
    """What a golden record states of itself."""

    format: int
    model: str
    dataset: str


def _is_ours(file: Path) -> bool:
    try:
        msgspec.json.decode(file.read_bytes(), type=_Heading)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
