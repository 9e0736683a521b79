"""What the settings of pytest lack, and where lines are added."""

from pathlib import Path

import pytest

from imgcls.scaffold import pytest_settings


def _lacking(file: Path, text: str) -> str | None:
    file.write_text(text)
    settings = pytest_settings.in_reach(file.parent)
    assert settings is not None
    assert settings.path == file
    return pytest_settings.to_add(settings)


def test_a_project_without_settings(tmp_path: Path) -> None:
    """Next to the new tests it is where they belong; above it is another project."""
    (tmp_path / "below").mkdir()
    assert pytest_settings.in_reach(tmp_path) is None
    assert _lacking(tmp_path / "pyproject.toml", "[project]\n") == (
        '[tool.pytest.ini_options]\nrequired_plugins = ["imgcls"]\naddopts = ["--strict-markers"]'
    )
    assert pytest_settings.in_reach(tmp_path / "below") is None


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("tox.ini", "[pytest]\n", "required_plugins = imgcls\naddopts = --strict-markers"),
        ("pytest.ini", "[pytest]\naddopts = -q\n", "required_plugins = imgcls"),
        ("setup.cfg", "[tool:pytest]\naddopts =\nrequired_plugins = a\n  b\n", "required_plugins = a b imgcls"),
        (
            "pytest.toml",
            '[pytest]\nrequired_plugins = ["imgcls-extra"]\naddopts = []',
            '[pytest]\nrequired_plugins = ["imgcls-extra", "imgcls"]',
        ),
        (
            "pyproject.toml",
            "[tool.pytest]\nstrict = true\n",
            '[tool.pytest]\nrequired_plugins = ["imgcls"]\naddopts = ["--strict-markers"]',
        ),
    ],
)
def test_what_to_add_has_the_form_of_the_file(name: str, text: str, lines: str, tmp_path: Path) -> None:
    """Into the table that is there, with what it has already, and without the options that somebody chose."""
    assert _lacking(tmp_path / name, text) == lines


@pytest.mark.parametrize("plugin", ["imgcls", "imgcls>=0.1", "imgcls==0.1.0"])
def test_nothing_where_the_plugin_is_required(plugin: str, tmp_path: Path) -> None:
    """In whatever version; what ``init`` writes needs nothing more either."""
    assert _lacking(tmp_path / "tox.ini", f"[pytest]\nrequired_plugins = other {plugin}\n") is None
    assert _lacking(tmp_path / "pytest.ini", pytest_settings.TEXT) is None
