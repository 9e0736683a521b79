"""The embedded document is the one that was given, and never ends its element."""

import base64
import gzip
import io
import json
import os
import random
from pathlib import Path

import pytest
from markupsafe import Markup

from imgcls.errors import ConfigError
from imgcls.reporting import result_document
from imgcls.reporting.html import document as documents
from report_pages import make_comparison, make_document


def _json(document: documents.Document) -> bytes:
    with document.open_json() as stream:
        return stream.read()


def _embedded(data: bytes, most: float | None = None) -> Markup | None:
    return documents.embedded(io.BytesIO(data), most)


def _content(element: str) -> tuple[str, str]:
    kind = element.split('"')[1]
    return kind, element[element.index(">") + 1 : element.rindex("<")]


def test_a_document_is_read_as_it_is(tmp_path: Path) -> None:
    """Its bytes are those of the file."""
    written, file = make_document(), tmp_path / "run.json"
    result_document.save(file, written.report, iter(written.predictions or ()))
    read = documents.read(file)
    assert (read.report, read.predictions, _json(read)) == (written.report, written.predictions, file.read_bytes())


@pytest.mark.skipif(os.name == "nt", reason="there are no pipes in the file system")
def test_a_document_can_come_through_a_pipe(tmp_path: Path) -> None:
    """What is embedded is the document, which is there no more."""
    written, file = make_document(), tmp_path / "run.json"
    result_document.save(file, written.report, iter(written.predictions or ()))
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb"), os.fdopen(writable, "wb") as stream:
        stream.write(file.read_bytes())
        stream.close()
        read = documents.read(Path(f"/dev/fd/{readable}"))
    assert (read.report, read.predictions, _json(read)) == (written.report, written.predictions, file.read_bytes())


def test_what_is_no_document_is_an_error_that_names_it(tmp_path: Path) -> None:
    """As everywhere."""
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"run\.json: not a result document of imgcls"):
        documents.read(tmp_path / "run.json")


def test_a_small_document_is_embedded_as_json() -> None:
    """It means the same, without a character that could end the element."""
    data = json.dumps({"name": "</script><!--&\u2028\u2029é"}, ensure_ascii=False).encode()
    kind, text = _content(str(_embedded(data)))
    assert kind == "application/json"
    assert not set("<>&\u2028\u2029").intersection(text)
    assert json.loads(text) == json.loads(data)


def test_a_large_document_is_compressed() -> None:
    """The same bytes come out, and the same text goes in every time."""
    data = b'{"a":"%s"}' % (b"<" * documents.PLAIN_BYTES)
    kind, text = _content(str(_embedded(data)))
    assert kind == "application/gzip;base64"
    assert gzip.decompress(base64.b64decode(text)) == data
    assert _embedded(data) == _embedded(data)


def test_a_document_that_would_be_too_long_is_not_compressed_to_its_end() -> None:
    """Its length is only known to be above the limit; the text is the same as without one."""
    data = random.Random(0).randbytes(5 * documents.PIECE)  # noqa: S311 - no secret
    whole = str(_embedded(data))
    assert _embedded(data, len(whole)) == whole
    assert _embedded(data, len(whole) - 1) is None
    stream = io.BytesIO(data)
    assert documents.embedded(stream, documents.PIECE) is None
    assert stream.tell() < 4 * documents.PIECE
    assert _embedded(b"{}", 10) is None


def test_comparisons_with_a_baseline_are_in_the_document() -> None:
    """Because the report shows nothing that is not in it."""
    compared = documents.compared(make_document(), [make_comparison()])
    flips = json.loads(_json(compared))["comparisons"][0]["flips"]
    assert [flip["path"] for flip in flips] == ["cat/2.jpg", "dog/3.jpg"]
