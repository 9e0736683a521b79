"""imgcls.cli.cache: what the store holds is printed, checked and removed, and nothing is created."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import stored
from imgcls.cli.main import main
from imgcls.store.connection import DAY_SECONDS
from imgcls.store.database import Store
from stored import KEY, OTHER_KEY

FILE = Path("predictions.sqlite3")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder's own store: five predictions of one key, two of another, and a compiled model."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".imgcls"
    with closing(Store(folder)) as store:
        store.put({KEY: (1000, stored.outputs(range(5))), OTHER_KEY: (10, stored.outputs(range(2)))})
    (folder / "compiled" / "one").mkdir(parents=True)
    (folder / "compiled" / "one" / "openvino.bin").write_bytes(bytes(1_500_000))
    return folder


def _change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as other:
        for statement in statements:
            other.execute(statement)


def _age(folder: Path, days: int) -> None:
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as other:
        stored.age(other, KEY, days * DAY_SECONDS)


def test_info_prints_folder_sizes_and_rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The store's folder, the size of its file, the rows of every table, and what runtimes compiled."""
    assert main(["cache", "info"]) == 0
    first, *tables, last = capsys.readouterr().out.splitlines()
    assert first == f"store: {folder / FILE}, {(folder / FILE).stat().st_size / 1e6:.1f} MB"
    assert {"  keys: 2 rows", "  answers: 7 rows", "  outcomes: 0 rows"} <= set(tables)
    assert last == "compiled models: 1, 1.5 MB"


@pytest.mark.usefixtures("folder")
def test_verify_prints_how_many_predictions_were_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """A store without damage is exit code 0."""
    assert main(["cache", "verify"]) == 0
    assert capsys.readouterr().out == "7 predictions and all other rows checked, none is damaged\n"


def test_verify_prints_a_line_for_each_damage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Damage is exit code 3; a few are named, and the others counted."""
    _change(folder, "update answers set body = x'00'", "update keys set classes = '3'")
    assert main(["cache", "verify"]) == 3
    captured = capsys.readouterr()
    first, *lines, last = captured.err.splitlines()
    assert captured.out == ""
    assert first.startswith("imgcls: the store ")
    assert first.endswith("is damaged; delete the file")
    assert all(line.startswith("  the row of answers for ") for line in lines)
    assert (len(lines), last) == (3, "  and 6 more")


def test_a_file_that_is_not_a_store_is_exit_code_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message is one line, and the file stays."""
    (folder / FILE).write_bytes(b"somebody's diary " * 100)
    assert main(["cache", "verify"]) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert "cannot be used: file is not a database" in line
    assert (folder / FILE).read_bytes() == b"somebody's diary " * 100


def test_prune_removes_what_no_run_used_for_a_month(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By default 30 days: keys with their predictions, and compiled models; what is younger stays."""
    _age(folder, 31)
    then = time.time() - 31 * DAY_SECONDS
    os.utime(folder / "compiled" / "one", (then, then))
    assert main(["cache", "prune"]) == 0
    assert capsys.readouterr().out == (
        "not used for 30 days, and removed: 1 key with 5 predictions, 1 compiled model; 1.5 MB freed\n"
    )
    with closing(Store(folder)) as store:
        assert (store.classes(KEY), store.classes(OTHER_KEY), store.verify()) == (None, 10, 2)


@pytest.mark.parametrize(("days", "left"), [("31", 7), ("29", 2)])
def test_prune_takes_a_number_of_days(folder: Path, days: str, left: int) -> None:
    """A key that was used 30 days ago is removed where fewer days are given."""
    _age(folder, 30)
    assert main(["cache", "prune", "--unused-for", days]) == 0
    with closing(Store(folder)) as store:
        assert store.verify() == left


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("days", ["0", "-1", "soon"])
def test_days_are_a_whole_number_above_0(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is a wrong command line."""
    with pytest.raises(SystemExit, match="2"):
        main(["cache", "prune", "--unused-for", days])
    assert f"'{days}' is not a whole number above 0" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["info", "verify", "prune"])
def test_a_store_that_does_not_exist_is_exit_code_2(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message is one line that names the folder and the option, and nothing is created."""
    monkeypatch.chdir(tmp_path)
    for options in ([], ["--store", "elsewhere"]):
        assert main(["cache", command, *options]) == 2
        [line] = capsys.readouterr().err.splitlines()
        folder = tmp_path / (options[1] if options else ".imgcls")
        assert line == f"imgcls: there is no store in {folder}: name its folder with --store DIR"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_a_store_that_is_off_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to look at."""
    assert main(["cache", "info", "--store", "off"]) == 2
    assert capsys.readouterr().err.startswith("imgcls: with the store off there is nothing to look at")


def test_another_folder_is_named_by_the_option(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--store DIR`` as everywhere."""
    folder.rename(folder.with_name("elsewhere"))
    assert main(["cache", "info", "--store", "elsewhere"]) == 0
    assert capsys.readouterr().out.startswith(f"store: {folder.with_name('elsewhere') / FILE}, ")


@pytest.mark.usefixtures("folder")
def test_no_command_imports_torch(python: Callable[[str], pytest.RunResult]) -> None:
    """Nor torchvision or timm, which take seconds as well."""
    result = python(
        "import sys\nfrom imgcls.cli.main import main\n"
        "for command in ('info', 'verify', 'prune'):\n    assert main(['cache', command]) == 0\n"
        "assert not {'torch', 'torchvision', 'timm'} & set(sys.modules)\n"
    )
    assert (result.ret, result.errlines) == (0, [])
