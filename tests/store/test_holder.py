"""imgcls.store.holder: who waits for a store says for whom, since when, and until when."""

import os
import re
import time
from pathlib import Path

import pytest

from imgcls.store import holder


def test_the_note_is_there_while_the_lock_is_held(tmp_path: Path) -> None:
    """It names program, process, host and start; that of a process that was killed is replaced."""
    note = tmp_path / "pass.holder"
    note.write_text("of somebody who was killed")
    with holder.noted(note):
        text = holder.waiting(tmp_path, note, waited_s=75.4)
    assert re.fullmatch(
        rf"waiting until (\S+ \()?process {os.getpid()} on [^ )]+\)? is done or ends, at work since "
        rf"(\d{{4}}-\d\d-\d\d )?\d\d:\d\d:\d\d \(0 s\); it uses the store {tmp_path}; 1 min 15 s so far, for as "
        r"long as it takes; --store DIR \(--imgcls-store DIR\) names another store",
        text,
    )
    assert not note.exists()


@pytest.mark.parametrize(
    ("started", "named"),
    [
        ("/venv/bin/pytest", "pytest (process"),
        ("/venv/lib/imgcls/__main__.py", "imgcls (process"),
        ("-c", "process"),
        ("", "process"),
    ],
)
def test_the_program_is_named_as_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str, named: str
) -> None:
    """Without its arguments, which may hold secrets."""
    monkeypatch.setattr("sys.argv", [started, "--token=secret"])
    with holder.noted(tmp_path / "note"):
        text = holder.waiting(tmp_path, tmp_path / "note", 1)
    assert text.startswith(f"waiting until {named} {os.getpid()} on ")
    assert "secret" not in text


def test_a_place_without_a_note_is_no_error(tmp_path: Path) -> None:
    """The lock decides; the note is for people."""
    with holder.noted(tmp_path / "nowhere" / "pass.holder"):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [None, b"", b"\xff", b'{"pid": 1}', b'{"program":"p","pid":1,"host":"h","since":1e300}']
)
def test_a_note_that_cannot_be_read_names_nobody(tmp_path: Path, content: bytes | None) -> None:
    """As one that is just being written."""
    if content is not None:
        (tmp_path / "note").write_bytes(content)
    text = holder.waiting(tmp_path, tmp_path / "note", 1)
    assert text.startswith("waiting until another process is done or ends, which left no note; it uses the store ")


@pytest.mark.parametrize(("since", "ago"), [(0.0, "0 s"), (-59.6, "1 min 0 s"), (-3700.0, "1 h 1 min"), (99.0, "0 s")])
def test_time_is_in_words(tmp_path: Path, since: float, ago: str) -> None:
    """Also where the clock of another machine is ahead."""
    (tmp_path / "note").write_text(f'{{"program":"","pid":7,"host":"ci-1","since":{time.time() + since}}}')
    text = holder.waiting(tmp_path, tmp_path / "note", 1)
    assert text.startswith("waiting until process 7 on ci-1 is done or ends, at work since ")
    assert f" ({ago}); it uses " in text


def test_another_day_is_named(tmp_path: Path) -> None:
    """Where a job hangs since then."""
    (tmp_path / "note").write_text('{"program":"","pid":7,"host":"ci-1","since":86400.0}')
    assert " at work since 1970-01-0" in holder.waiting(tmp_path, tmp_path / "note", 1)
