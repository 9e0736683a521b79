"""Documents and other files: read with one message for whatever is wrong, and written whole or not at all."""

import errno
import glob
import hashlib
import io
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from imgcls import lfs
from imgcls.errors import ConfigError
from imgcls.messages import one_line, printable

T = TypeVar("T")

STANDARD_OUTPUT = "-"
"""The name of a document that goes there."""

_TOKEN = re.compile(r"\.[0-9a-f]{8}")
"""What half-written files begin with: one token for each process that writes."""

_LAST_KEY = re.compile(rb',\s*"seal": ?"([^"]*)"\s*\}\s*\Z')
_ANY_KEY = re.compile(rb'"seal":\s*"sha256:')
_LONGEST_END = 200
"""More bytes than the last key of a document takes."""


def read(file: Path, kind: type[T], what: str, *, whose: str, way: str) -> T:
    """A JSON document of this kind.

    Raises ConfigError, whose message has ``what`` it is called, ``whose`` it should be, and the ``way`` to one; also
    where it has a seal that does not match. Without a seal it is read as it is.
    """
    try:
        data = file.read_bytes()
        if lfs.is_pointer(data):
            raise ConfigError(lfs.refusal(file, what))
        if not _is_intact(data):
            raise ConfigError(
                f"{file}: its seal does not match: it was damaged, edited or formatted after it was written; write it "
                f'again with {way}, or delete its key "seal" to vouch for it yourself'
            )
        return msgspec.json.decode(data, type=kind)
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no {what} of this name; make one with {way}") from error
    except OSError as error:
        raise ConfigError(f"{file}: the {what} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: not {whose}: {one_line(error)}") from error


def _is_intact(data: bytes) -> bool:
    """Whether a document is as it was sealed; line breaks may be those of Windows, as git writes them there."""
    data = data.replace(b"\r\n", b"\n")
    end = _LAST_KEY.search(data, max(0, len(data) - _LONGEST_END))
    if end is None:
        return not _ANY_KEY.search(data)
    return end[1].decode(errors="replace") == _seal(hashlib.sha256(memoryview(data)[: end.start()]))


def is_sealed(end: bytes, before: Any) -> bool:
    """Whether a document ends with a seal that matches; ``before``: the digest of all bytes in front of ``end``."""
    last = _LAST_KEY.search(end)
    if last is None:
        return False
    before.update(end[: last.start()])
    return last[1].decode(errors="replace") == _seal(before)


def _seal(digest: Any) -> str:
    return f"sha256:{digest.hexdigest()}"


class Sealed:
    """Writes a JSON object into a stream, and ends it with its seal: ``"seal":"sha256:…"``, over all bytes before."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self._digest = stream, hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Write a piece of the object, the last one without its closing brace. Raises OSError."""
        self._digest.update(data)
        self.stream.write(data)

    def end(self, indent: str = "") -> None:
        """Write the seal, and close the object; ``indent``: what begins the lines. Raises OSError."""
        space, last = (" ", "\n") if indent else ("", "")
        self.stream.write(f',{indent}"seal":{space}"{_seal(self._digest)}"{last}}}\n'.encode())


def write(file: Path, document: object) -> None:
    """Write a document as indented JSON with its seal. Raises OSError; then the file is what it was before."""
    with whole(file) as stream:
        sealed = Sealed(stream)
        sealed.write(msgspec.json.format(msgspec.json.encode(document), indent=1).removesuffix(b"\n}"))
        sealed.end(indent="\n ")


def write_text(file: Path, text: str) -> None:
    """Write a text as UTF-8. Raises OSError; then the file is what it was before."""
    with whole(file) as stream:
        stream.write(text.encode())


@contextmanager
def whole(file: Path) -> Iterator[IO[bytes]]:
    """A stream into a file that is whole or, after any failure, what it was before; or to standard output.

    Raises OSError.
    """
    if is_standard_output(file):
        stream = io.BytesIO()
        yield stream
        sys.stdout.flush()
        sys.stdout.buffer.write(stream.getvalue())
        sys.stdout.buffer.flush()
        return
    with whole_file(file) as half, half.open("wb") as written:
        yield written


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """The path of a new file of the same suffix next to this one, which it replaces at the end. Raises OSError.

    After any failure the file is what it was before, and an OSError names it.
    """
    half = _half(file)
    try:
        with _named_in_errors(file, half):
            yield half
            half.replace(file)
    finally:
        half.unlink(missing_ok=True)


@contextmanager
def _named_in_errors(file: Path, half: Path) -> Iterator[None]:
    """Let an error of the system be about ``file`` where it is about the half-written one, or names none."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in {None, str(half)}:
            raise
        raise OSError(error.errno, error.strerror, str(file)) from error


def is_full(error: OSError) -> bool:
    """Whether there is no room for a file: the disk, a quota or the limit on a file's size is used up."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def failure(error: OSError) -> str:
    """What to say of an error of the system: the file, what was wrong, and the next step where that is room."""
    place = "" if error.filename else ": standard output, or a file that the system does not name"
    advice = "; make room, or name a file where there is some" if is_full(error) else ""
    return printable(f"{error}{place}{advice}")


@contextmanager
def whole_folder(folder: Path, *, is_only: bool = False) -> Iterator[Path]:
    """The path of a new folder next to this one, which gets its name at the end. Raises OSError.

    Where another process was faster, its folder stays, which is an OSError where this one ``is_only``; after any
    failure, nothing is left.
    """
    half = _half(folder)
    half.mkdir(parents=True)
    try:
        yield half
        try:
            half.rename(folder)
        except OSError:
            if is_only or not folder.is_dir():
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


def is_standard_output(file: Path) -> bool:
    """Whether a command writes this document to standard output."""
    return file.name == STANDARD_OUTPUT


def check_writable(document: Path) -> None:
    """Check before the work that its result can be written. Raises ConfigError."""
    if is_standard_output(document):
        return
    if document.is_dir() or not document.absolute().parent.is_dir():
        raise ConfigError(f"{document} cannot be written: name a file in a folder that exists")
