"""Reads text that a person or a spreadsheet wrote, or says which line is not UTF-8."""

import codecs
from pathlib import Path

from imgcls import lfs
from imgcls.errors import ConfigError


def read(file: Path, what: str, error: type[ConfigError] = ConfigError) -> str:
    """The text of a UTF-8 file, without its byte order mark; ``what`` the file is called in a message.

    Raises ``error``, which names the line for other encodings.
    """
    try:
        data = file.read_bytes()
    except OSError as fault:
        raise error(f"{file}: the {what} cannot be read: {fault.strerror}") from fault
    if lfs.is_pointer(data):
        raise error(lfs.refusal(file, what))
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise error(f"{file}: the {what} is UTF-16: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise error(
            f"{file}, line {line}: the {what} is not UTF-8 (byte 0x{data[fault.start]:02x}): save it as UTF-8"
        ) from fault
