"""imgcls.config.discovery: the nearest configuration upwards, and looking for it costs next to nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from imgcls.config import discovery
from imgcls.errors import ConfigError

TABLE = "[project]\nname = 'x'\n\n[tool.imgcls]\n"


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """A folder two floors down."""
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(("name", "text"), [("imgcls.toml", ""), ("pyproject.toml", TABLE)])
def test_the_nearest_wins(nested: Path, name: str, text: str) -> None:
    """The configuration of the folder itself comes first, then that of the nearest folder above."""
    outermost, outer, inner = (folder / name for folder in (nested.parent.parent, nested.parent, nested))
    outermost.write_text(text)
    assert discovery.find(nested) == outermost
    outer.write_text(text)
    assert discovery.find(nested) == outer
    inner.write_text(text)
    assert discovery.find(nested) == inner


def test_the_two_kinds_shadow_each_other(nested: Path) -> None:
    """A nearer ``[tool.imgcls]`` hides a farther ``imgcls.toml``, and the other way round, and that is not an error."""
    (nested.parent / "imgcls.toml").touch()
    (nested / "pyproject.toml").write_text(TABLE)
    (nested.parent.parent / "pyproject.toml").write_text(TABLE)
    assert discovery.find(nested) == nested / "pyproject.toml"
    assert discovery.find(nested.parent) == nested.parent / "imgcls.toml"


@pytest.mark.parametrize("header", ["[tool.imgcls]", "[tool.imgcls.datasets.photos]"])
def test_both_in_one_folder_are_an_error(tmp_path: Path, header: str) -> None:
    """``imgcls.toml`` next to a ``[tool.imgcls]`` is refused, naming both files."""
    (tmp_path / "imgcls.toml").touch()
    (tmp_path / "pyproject.toml").write_text(f"{header}\n")
    with pytest.raises(ConfigError, match=r"imgcls\.toml and \[tool\.imgcls\] in .*pyproject\.toml are both there"):
        discovery.find(tmp_path)


def test_another_projects_pyproject_is_no_configuration(nested: Path) -> None:
    """A ``pyproject.toml`` without our table is passed by."""
    (nested / "pyproject.toml").write_text("[tool.ruff]\n")
    (nested.parent / "imgcls.toml").touch()
    assert discovery.find(nested) == nested.parent / "imgcls.toml"


def test_folders_of_that_name_are_no_configuration(nested: Path) -> None:
    """Only files are found."""
    (nested / "imgcls.toml").mkdir()
    (nested / "pyproject.toml").mkdir()
    (nested.parent / "imgcls.toml").touch()
    assert discovery.find(nested) == nested.parent / "imgcls.toml"


def test_none_in_reach_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a configuration up to the root there is none, and no error."""
    monkeypatch.setattr(Path, "is_file", lambda _: False)
    assert discovery.find(Path("/nowhere/at/all")) is None


def test_looking_imports_nothing_heavy() -> None:
    """What every pytest run in the environment imports pulls in none of the large libraries."""
    heavy = {"torch", "torchvision", "timm", "numpy", "scipy", "PIL", "msgspec", "rich", "imgcls.config.loader"}
    program = f"import sys, imgcls.plugin, imgcls.config.discovery; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
