"""Reads text that a person or a spreadsheet wrote, or says which line is not UTF-8."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from imgcls import lfs
from imgcls.errors import ConfigError
from imgcls.records.blocks import Blocks

_HEAD = 1024
"""Bytes that show what a file is."""


def read(file: Path, what: str, error: type[ConfigError] = ConfigError) -> str:
    """The text of a UTF-8 file, without its byte order mark; ``what`` the file is called in a message.

    Raises ``error``, which names the line for other encodings.
    """
    return "".join(_lines(file, what, error))


def lines(file: Path, what: str) -> Blocks[str]:
    r"""The lines of such a file, each with the ``\n`` at its end, one of them in memory at a time: it is read once.

    Raises ConfigError, and MachineError where the disk is full.
    """
    return Blocks(_lines(file, what, ConfigError))


def _lines(file: Path, what: str, error: type[ConfigError]) -> Iterator[str]:
    try:
        with file.open("rb") as stream:
            head = stream.peek(_HEAD)
            if lfs.is_pointer(head):
                raise error(lfs.refusal(file, what))
            if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise error(f"{file}: the {what} is UTF-16: save it as UTF-8")
            for number, line in enumerate(stream, 1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as fault:
        byte = fault.object[fault.start]
        raise error(f"{file}, line {number}: the {what} is not UTF-8 (byte 0x{byte:02x}): save it as UTF-8") from fault
    except OSError as fault:
        raise error(f"{file}: the {what} cannot be read: {fault.strerror}") from fault
