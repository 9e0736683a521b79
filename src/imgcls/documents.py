"""JSON documents: read with one message for whatever is wrong, and written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from imgcls.errors import ConfigError, one_line

T = TypeVar("T")


def read(file: Path, kind: type[T], what: str, *, whose: str, way: str) -> T:
    """A document of this kind.

    Raises ConfigError, which says ``what`` it is called, ``whose`` it should be, and the ``way`` to one.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no {what} of this name; make one with {way}") from error
    except OSError as error:
        raise ConfigError(f"{file}: the {what} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: not {whose}: {one_line(error)}") from error


def write(file: Path, document: object) -> None:
    """A document as indented JSON. Raises OSError; then the file is what it was before."""
    write_text(file, msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n")


def write_text(file: Path, text: str) -> None:
    """A text. Raises OSError; then the file is what it was before."""
    with whole(file) as stream:
        stream.write(text.encode())


@contextmanager
def whole(file: Path) -> Iterator[IO[bytes]]:
    """A stream into a file that is whole or, after any failure, what it was before. Raises OSError."""
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with half.open("wb") as stream:
            yield stream
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
