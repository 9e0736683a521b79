"""imgcls.comparison.parts: documents are read back as they were written, or refused by name."""

from dataclasses import replace
from pathlib import Path

import pytest

import run_parts
from builders import make_latency, make_memory
from imgcls.comparison import parts
from imgcls.errors import ConfigError


def test_a_part_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every row, every measurement and every prediction."""
    part = run_parts.make_part("a.json", {"cat/1.png": 0, "dog/2.png": 0})
    report = replace(part.report, latencies=(make_latency(),), memories=(make_memory(),))
    part = replace(part, report=report, file=tmp_path / "a.json")
    run_parts.write(part, tmp_path)
    assert parts.read([part.file]) == [part]


def test_a_document_without_predictions_is_a_part(tmp_path: Path) -> None:
    """It was written with the option json-summary."""
    part = replace(run_parts.make_part("a.json", {"cat/1.png": 0}), predictions=None)
    assert parts.read([run_parts.write(part, tmp_path)])[0].predictions is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            None,
            r"there is no result document of this name; make one with --imgcls-json \S*/a\.json \(imgcls score --json",
        ),
        (b"{", "not a result document of imgcls: Input data was truncated"),
        (b'{"format": 1, "results": []}', "not a result document of imgcls: Object missing required field"),
    ],
)
def test_what_is_not_a_document_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    """In one line, with the file and the way to one."""
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"a\.json: {why}"):
        parts.read([tmp_path / "a.json"])


def test_another_format_is_refused(tmp_path: Path) -> None:
    """Its keys may mean something else."""
    file = run_parts.write(run_parts.make_part("a.json", {"cat/1.png": 0}), tmp_path)
    file.write_text(file.read_text().replace('{"format":1', '{"format":2', 1).partition(',"seal":')[0] + "}")
    with pytest.raises(ConfigError, match="its format is 2, and this version of imgcls reads 1"):
        parts.read([file])
