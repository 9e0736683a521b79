"""imgcls.golden.check: a record that holds passes, one that does not states what moved, and only that is written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from builders import LFS_POINTER
from conftest import Project
from imgcls.errors import ConfigError, ModelError
from imgcls.golden import check
from imgcls.golden.check import Pair

Scored = Callable[[], Pair]
FILE, TITLE, COMMAND = Path("golden", "colours", "colour.json"), "golden/colours/colour.json", "pytest --now"


def test_a_new_record_is_written_and_holds(scored: Scored) -> None:
    """The change is named, and the same predictions pass without the network."""
    assert check.update(scored(), FILE, TITLE, COMMAND) == f"new golden record {TITLE}, 12 images"
    pair = scored()
    pair.pool.release("colour")
    verdict = check.compare(pair, FILE, TITLE, COMMAND)
    assert (verdict.check, verdict.status) == ("golden", "pass")
    assert verdict.message.startswith(f"{TITLE}: 12 images as recorded; logits moved by at most ")


def test_a_missing_record_names_the_command_that_writes_it(scored: Scored) -> None:
    """Nothing is written without the flag that asks for it."""
    with pytest.raises(ConfigError, match=r"there is no golden record of this name; make one with pytest --now$"):
        check.compare(scored(), FILE, TITLE, COMMAND)
    assert not FILE.exists()


def test_a_change_fails_with_its_stage_and_the_command(scored: Scored, project: Project) -> None:
    """The last line is the command for the case that the change is intended; the record keeps its bytes."""
    check.update(scored(), FILE, TITLE, COMMAND)
    before = FILE.read_bytes()
    (project.folder / "names.txt").write_text("green\nred\nblue\n")
    verdict = check.compare(scored(), FILE, TITLE, COMMAND)
    first, *_, last = verdict.message.splitlines()
    assert (verdict.status, first) == ("fail", f"{TITLE}: labels moved")
    assert last == "  where this is intended: pytest --now"
    assert FILE.read_bytes() == before


def test_an_update_leaves_alone_what_holds(scored: Scored) -> None:
    """A record that holds in the same context keeps its bytes."""
    check.update(scored(), FILE, TITLE, COMMAND)
    before = FILE.stat().st_mtime_ns
    change = check.update(scored(), FILE, TITLE, COMMAND)
    assert change.startswith(f"golden record as it was: {TITLE}: 12 images as recorded")
    assert FILE.stat().st_mtime_ns == before


def test_an_update_rewrites_what_does_not_hold(scored: Scored, project: Project) -> None:
    """What moved and the context that changed are reported, and the new record holds."""
    check.update(scored(), FILE, TITLE, COMMAND)
    (project.folder / "names.txt").write_text("green\nred\nblue\n")
    first, *lines = check.update(scored(), FILE, TITLE, COMMAND).splitlines()
    assert first == f"golden record rewritten: {TITLE}: labels moved"
    assert any(line.startswith("  labels_sha256 ") for line in lines)
    assert check.compare(scored(), FILE, TITLE, COMMAND).status == "pass"


@pytest.mark.parametrize("content", [b"<<<<<<< HEAD", b'{"format": 2, "model": "colour"}'])
def test_a_record_that_cannot_be_read_is_written_anew_only_by_an_update(scored: Scored, content: bytes) -> None:
    """A comparison leaves it as it is, and its message never has a file deleted."""
    FILE.parent.mkdir(parents=True)
    FILE.write_bytes(content)
    with pytest.raises(ConfigError, match=r"git checkout -- golden/colours/colour\.json; or, to pin what") as refused:
        check.compare(scored(), FILE, TITLE, COMMAND)
    assert "delete" not in str(refused.value)
    assert FILE.read_bytes() == content
    expected = f"golden record written anew, because it could not be read: {TITLE}, 12 images"
    assert check.update(scored(), FILE, TITLE, COMMAND) == expected
    assert check.compare(scored(), FILE, TITLE, COMMAND).status == "pass"


def test_an_update_does_not_replace_a_record_that_git_lfs_did_not_fetch(scored: Scored) -> None:
    """What it pins is whole, and elsewhere."""
    FILE.parent.mkdir(parents=True)
    FILE.write_bytes(LFS_POINTER)
    with pytest.raises(ConfigError, match=r"a Git LFS pointer, not the golden record itself: .*git lfs pull"):
        check.update(scored(), FILE, TITLE, COMMAND)
    assert FILE.read_bytes() == LFS_POINTER


def test_a_model_that_failed_has_no_verdict(scored: Scored, project: Project) -> None:
    """Neither is anything recorded: the error states the stage and the cause."""
    text = (project.folder / "imgcls.toml").read_text()
    project.configure(text.replace("nets:colour", "nets:broken"))
    for function in (check.compare, check.update):
        with pytest.raises(ModelError, match=r"colour on colours: model: .*this factory is broken"):
            function(scored(), FILE, TITLE, COMMAND)
    assert not FILE.exists()
