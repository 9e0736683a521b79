"""The embedded document is the one that was given, and never ends its element."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from imgcls.errors import ConfigError
from imgcls.reporting import result_document
from imgcls.reporting.html import document as documents
from report_pages import make_comparison, make_document


def _content(element: str) -> tuple[str, str]:
    kind = element.split('"')[1]
    return kind, element[element.index(">") + 1 : element.rindex("<")]


def test_a_document_is_read_as_it_is(tmp_path: Path) -> None:
    """Its bytes are those of the file."""
    written, file = make_document(), tmp_path / "run.json"
    result_document.save(file, written.report, iter(written.predictions or ()))
    read = documents.read(file)
    assert (read.report, read.predictions, read.data) == (written.report, written.predictions, file.read_bytes())


def test_what_is_no_document_is_an_error_that_names_it(tmp_path: Path) -> None:
    """As everywhere."""
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"run\.json: not a result document of imgcls"):
        documents.read(tmp_path / "run.json")


def test_a_small_document_is_embedded_as_json() -> None:
    """It means the same, without a character that could end the element."""
    data = json.dumps({"name": "</script><!--&\u2028\u2029é"}, ensure_ascii=False).encode()
    kind, text = _content(documents.embedded(data))
    assert kind == "application/json"
    assert not set("<>&\u2028\u2029").intersection(text)
    assert json.loads(text) == json.loads(data)


def test_a_large_document_is_compressed() -> None:
    """The same bytes come out, and the same text goes in every time."""
    data = b'{"a":"%s"}' % (b"<" * documents.PLAIN_BYTES)
    kind, text = _content(documents.embedded(data))
    assert kind == "application/gzip;base64"
    assert gzip.decompress(base64.b64decode(text)) == data
    assert documents.embedded(data) == documents.embedded(data)


def test_comparisons_with_a_baseline_are_in_the_document() -> None:
    """Because the report shows nothing that is not in it."""
    compared = documents.compared(make_document(), [make_comparison()])
    flips = json.loads(compared.data)["comparisons"][0]["flips"]
    assert [flip["path"] for flip in flips] == ["cat/2.jpg", "dog/3.jpg"]
