"""imgcls.comparison.document_lines: documents are read line by line, or as a whole with the same words."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import run_parts
from imgcls import documents
from imgcls.comparison import document_lines, parts
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError

IMAGES = {f"cat/{number}.jpg": number % 3 for number in range(2500)}


@pytest.fixture
def part() -> Part:
    """A document of 2500 images."""
    return run_parts.make_part("run.json", IMAGES)


def _whole(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read as a whole from now on."""
    files: list[Path] = []
    read = documents.read

    def noted(file: Path, *args: Any, **how: Any) -> Any:
        files.append(file)
        return read(file, *args, **how)

    monkeypatch.setattr(documents, "read", noted)
    return files


def test_a_document_comes_back_line_by_line(part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same report and predictions, and no more than a thousand of these at a time."""
    file, files = run_parts.write(part, tmp_path), _whole(monkeypatch)
    sizes: list[int] = []
    decode = document_lines._decode

    def measured(data: bytes) -> Any:
        sizes.append(data.count(b"path"))
        return decode(data)

    monkeypatch.setattr(document_lines, "_decode", measured)
    [read] = parts.read([file])
    assert (read.report, read.predictions, files) == (part.report, part.predictions, [])
    assert sizes == [1000, 1000, 500]


@pytest.mark.parametrize(
    ("change", "is_whole"),
    [
        (lambda data: data.replace(b"\n", b"\r\n"), False),  # as git may check it out on Windows
        (lambda data: data.partition(b',"seal"')[0] + b"}", True),  # another program's
        (lambda data: json.dumps(json.loads(data.partition(b',"seal"')[0] + b"}"), indent=1).encode(), True),
        (lambda data: data.partition(b',"seal"')[0].replace(b"\n", b"") + b"}", True),
    ],
)
def test_other_layouts_are_the_same_run(
    change: Callable[[bytes], bytes], is_whole: bool, part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the line breaks of Windows, without a seal, indented, and in one line."""
    file, files = run_parts.write(part, tmp_path), _whole(monkeypatch)
    file.write_bytes(change(file.read_bytes()))
    [read] = parts.read([file])
    assert (read.report, read.predictions, bool(files)) == (part.report, part.predictions, is_whole)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b"cat/2400.jpg", b"cat/2401.jpg", "its seal does not match: "),
        (b'"format":1', b'"format":2', "its seal does not match: "),
        (b'{"model":"net","dataset":"photos","path":"cat/2400.jpg"', b'{"model":"net"', "its seal does not match: "),
        (b"\n]", b"\n", "its seal does not match: "),
        (b'"seal":"sha256:', b'"seal":"sha256:0', "its seal does not match: "),
    ],
)
def test_what_is_damaged_is_refused(before: bytes, after: bytes, message: str, part: Part, tmp_path: Path) -> None:
    """In the same words as where it is read as a whole."""
    file = run_parts.write(part, tmp_path)
    data = file.read_bytes()
    assert data.count(before) == 1
    file.write_bytes(data.replace(before, after))
    with pytest.raises(ConfigError, match=f"^{file}: {message}"):
        parts.read([file])


@pytest.mark.skipif(os.name == "nt", reason="there are no pipes in the file system")
@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_document_can_come_through_a_pipe(is_sealed: bool, tmp_path: Path) -> None:
    """As ``<(zcat run.json.gz)`` in a shell: it can be read only once, whatever its layout."""
    part = run_parts.make_part("run.json", {"cat/1.jpg": 0})
    data = run_parts.write(part, tmp_path).read_bytes()
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb"), os.fdopen(writable, "wb") as stream:
        stream.write(data if is_sealed else data.partition(b',"seal"')[0] + b"}")
        stream.close()
        [read] = parts.read([Path(f"/dev/fd/{readable}")])
    assert (read.report, read.predictions) == (part.report, part.predictions)


def test_a_document_without_predictions_has_none(part: Part, tmp_path: Path) -> None:
    """Not an empty list, which is a run without images."""
    [read] = parts.read([run_parts.write(Part(part.file, part.report, None), tmp_path)])
    assert (read.report, read.predictions) == (part.report, None)
    [read] = parts.read([run_parts.write(Part(part.file, part.report, ()), tmp_path)])
    assert (read.report, read.predictions) == (part.report, ())
