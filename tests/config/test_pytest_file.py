"""imgcls.config.pytest_file: the file that pytest takes its settings from, and what it has."""

from pathlib import Path

import pytest
from _pytest.config.findpaths import locate_config

from imgcls.config import pytest_file


@pytest.mark.parametrize(
    ("name", "text", "table"),
    [
        ("pytest.toml", "", "pytest"),
        (".pytest.toml", "[pytest]\n", "pytest"),
        ("pytest.ini", "", "pytest"),
        (".pytest.ini", "not INI", "pytest"),
        ("pyproject.toml", "[tool.pytest.ini_options]\n", "tool.pytest.ini_options"),
        ("pyproject.toml", "[tool.pytest]\nstrict = true\n", "tool.pytest"),
        ("tox.ini", "[pytest]\n", "pytest"),
        ("setup.cfg", "[tool:pytest]\n", "tool:pytest"),
    ],
)
def test_settings_count_from_folders_above(name: str, text: str, table: str, tmp_path: Path) -> None:
    """Whatever the nearest file is; files of pytest itself also without a table."""
    (tmp_path / name).write_text(text)
    (tmp_path / "below").mkdir()
    settings = pytest_file.nearest(tmp_path / "below")
    assert settings is not None
    assert (settings.path, settings.table) == (tmp_path / name, table)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project]\n"),
        ("pyproject.toml", "[tool.pytest]\n"),
        ("pyproject.toml", "[tool]\npytest = 3\n"),
        ("pyproject.toml", "not TOML"),
        ("tox.ini", "[tox]\n"),
        ("setup.cfg", "\xff"),
    ],
)
def test_files_about_something_else_have_no_settings(name: str, text: str, tmp_path: Path) -> None:
    """They are passed over, as pytest does."""
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    assert pytest_file.nearest(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\naddopts =\n  -q\n  -x\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = "-q -x"\n'),
        ("pyproject.toml", '[tool.pytest]\naddopts = ["-q", "-x"]\n'),
    ],
)
def test_words_of_a_key(name: str, text: str, tmp_path: Path) -> None:
    """The same ones in every form; none where the key is not there."""
    (tmp_path / name).write_text(text)
    settings = pytest_file.nearest(tmp_path)
    assert settings is not None
    assert (settings.words("addopts"), settings.words("required_plugins")) == (["-q", "-x"], [])


def test_the_order_is_that_of_pytest(tmp_path: Path) -> None:
    """Of all files in one folder, the installed pytest takes the same one, and then the next."""
    for name, tables in pytest_file._TABLES.items():
        value = '["-q"]' if name.endswith(".toml") else "-q"
        (tmp_path / name).write_text(f"[{tables[0]}]\naddopts = {value}\n")
    if int(pytest.__version__.partition(".")[0]) < 9:  # it knows no pytest.toml
        for name in ("pytest.toml", ".pytest.toml"):
            (tmp_path / name).unlink()
    while settings := pytest_file.nearest(tmp_path):
        assert locate_config(tmp_path, [tmp_path])[1] == settings.path
        settings.path.unlink()
