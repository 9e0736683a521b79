"""imgcls.folder_imports: a module is found in the folder of the configuration that names it."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from imgcls import folder_imports


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of these tests are gone afterwards."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def _module(folder: Path, value: int) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "factories.py").write_text(f"VALUE = {value}\n")
    return folder


def test_the_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the import path, and before a module of the same name that was imported from elsewhere."""
    monkeypatch.syspath_prepend(str(_module(tmp_path / "path", 1)))
    assert import_module("factories").VALUE == 1
    first, second = _module(tmp_path / "first", 2), _module(tmp_path / "second", 3)
    values = []
    for folder in (first, second, first):
        with folder_imports.first_from(folder, "factories.net"):
            values.append(import_module("factories").VALUE)
    assert values == [2, 3, 2]
    assert str(first) not in sys.path


def test_what_was_imported_from_there_is_kept(tmp_path: Path) -> None:
    """It is the same module for every model of the configuration."""
    modules = []
    for _ in range(2):
        with folder_imports.first_from(_module(tmp_path / "first", 1), "factories"):
            modules.append(import_module("factories"))
    assert modules[0] is modules[1]


@pytest.mark.parametrize("folder", [Path(), Path("empty")])
def test_other_modules_come_from_the_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A folder without the module changes nothing, nor does a specification without a configuration."""
    monkeypatch.chdir(_module(tmp_path, 1))
    before = list(sys.path)
    with folder_imports.first_from(folder, "factories"):
        assert sys.path == before
