"""Documents and other files: read with one message for whatever is wrong, and written whole or not at all."""

import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from imgcls import lfs
from imgcls.errors import ConfigError
from imgcls.messages import one_line

T = TypeVar("T")

_TOKEN = re.compile(r"\.[0-9a-f]{8}")
"""What half-written files begin with: one token for each process that writes."""


def read(file: Path, kind: type[T], what: str, *, whose: str, way: str) -> T:
    """A JSON document of this kind.

    Raises ConfigError, whose message has ``what`` it is called, ``whose`` it should be, and the ``way`` to one.
    """
    try:
        data = file.read_bytes()
        if lfs.is_pointer(data):
            raise ConfigError(lfs.refusal(file, what))
        return msgspec.json.decode(data, type=kind)
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no {what} of this name; make one with {way}") from error
    except OSError as error:
        raise ConfigError(f"{file}: the {what} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: not {whose}: {one_line(error)}") from error


def write(file: Path, document: object) -> None:
    """Write a document as indented JSON. Raises OSError; then the file is what it was before."""
    write_text(file, msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n")


def write_text(file: Path, text: str) -> None:
    """Write a text as UTF-8. Raises OSError; then the file is what it was before."""
    with whole(file) as stream:
        stream.write(text.encode())


@contextmanager
def whole(file: Path) -> Iterator[IO[bytes]]:
    """A stream into a file that is whole or, after any failure, what it was before. Raises OSError."""
    with whole_file(file) as half, half.open("wb") as stream:
        yield stream


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """The path of a new file of the same suffix next to this one, which it replaces at the end. Raises OSError.

    After any failure the file is what it was before.
    """
    half = _half(file)
    try:
        yield half
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """The path of a new folder next to this one, which gets its name at the end. Raises OSError.

    Where another process was faster, its folder stays; after any failure, nothing is left.
    """
    half = _half(folder)
    half.mkdir(parents=True)
    try:
        yield half
        try:
            half.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(half, ignore_errors=True)


def halves(file: Path) -> list[Path]:
    """The half-written files that killed processes left of this one."""
    begun = (path.name.removesuffix(f".{file.name}") for path in file.parent.glob(f".*.{glob.escape(file.name)}"))
    return [half for name in begun if _TOKEN.fullmatch(name) and (half := _named(file, name)).is_file()]


def _half(path: Path) -> Path:
    return _named(path, f".{os.urandom(4).hex()}")


def _named(path: Path, token: str) -> Path:
    return path.with_name(f"{token}.{path.name}")


def check_writable(document: Path) -> None:
    """Check before the work that its result can be written. Raises ConfigError."""
    if document.is_dir() or not document.absolute().parent.is_dir():
        raise ConfigError(f"{document} cannot be written: name a file in a folder that exists")
