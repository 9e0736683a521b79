"""imgcls.preprocessing.stderr: what libtiff prints is caught, and nothing else."""

import os
import threading

import pytest

from imgcls.preprocessing import stderr


def test_what_others_print_in_between_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    """Only lines of libtiff's are kept back; a progress bar and an exception of another thread come through."""
    others = b"\r\x1b[2Kphotos 50%", b"ValueError: a thread died.\n", b"INFO: done.\n", b"no line end"
    printed: list[str] = []
    with stderr.caught(printed):
        writer = threading.Thread(target=lambda: [os.write(2, text) for text in others[:2]])
        writer.start()
        writer.join()
        os.write(2, b"TIFFFillStrip: Read error on strip 0; got 1 bytes, expected 2.\n")
        os.write(2, b"tempfile.tif: WEBP compression support is not configured.\n")
        for text in others[2:]:
            os.write(2, text)

    assert printed == [
        "TIFFFillStrip: Read error on strip 0; got 1 bytes, expected 2.",
        "tempfile.tif: WEBP compression support is not configured.",
    ]
    assert capfd.readouterr().err.encode() == b"".join(others)


def test_many_lines_are_abridged() -> None:
    """Of many lines each different one counts once, and the first four are shown."""
    assert stderr.abridged(["a", "a", "b"]) == ["a", "b"]
    assert stderr.abridged([*"abcdef", "a"]) == ["a", "b", "c", "d", "and 2 more lines"]
