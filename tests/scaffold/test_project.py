"""Everything that init writes and states, before any of it is written."""

from pathlib import Path

import pytest

from first_hour import CYRILLIC, NESTED, write_checkpoint, write_image, write_images
from imgcls.config import loader
from imgcls.errors import ConfigError, MachineError
from imgcls.scaffold import project
from imgcls.scaffold.project import Project, Request


@pytest.fixture(autouse=True)
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network with ImageNet's classes in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_checkpoint(Path("net.safetensors"))


def _proposed(**values: object) -> Project:
    return project.proposed(Request(Path.cwd(), **values), may_exist=False)  # type: ignore[arg-type]


def test_a_folder_of_known_classes_needs_three_files() -> None:
    """Nothing is written yet."""
    write_images(Path("photos"), {"tabby": 2, "goldfish": 2})
    result = _proposed()
    assert list(result.files) == ["imgcls.toml", "test_models.py", "pytest.ini"]
    assert result.files["test_models.py"] == "from imgcls.suite import *\n"
    assert (result.problems, result.to_add) == ([], ())
    assert result.chosen == "photos/, because no --data names another folder"
    assert not Path("imgcls.toml").exists()


def test_nested_classes_and_map_files_are_files_too() -> None:
    """Under names that the configuration has."""
    write_images(Path("photos"), NESTED)
    result = _proposed(data=Path("photos"))
    assert list(result.files) == ["imgcls.toml", "test_models.py", "photos.csv", "classes.csv", "pytest.ini"]
    assert result.chosen is None


def test_every_file_that_exists_is_named_before_the_images_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only this folder needs among them."""
    monkeypatch.setattr("imgcls.scaffold.findings.inspected", lambda *_: pytest.fail("looked at"))
    write_images(Path("photos"), NESTED)
    for name in ("imgcls.toml", "classes.csv", "photos.csv"):
        Path(name).touch()
    with pytest.raises(ConfigError, match=r"^imgcls.toml, photos.csv, classes.csv exist and are left as they are"):
        _proposed(data=Path("photos"))


def test_a_folder_without_images_needs_no_class() -> None:
    """Unless it is one: images may come."""
    write_images(Path(), {"tabby": 1, "dog": 1})
    for name in ("src", "goldfish"):
        Path(name).mkdir()
    result = _proposed()
    assert result.problems == []
    assert "goldfish" in result.files["classes.csv"]
    assert "src" not in result.files["classes.csv"]


def test_a_configuration_in_pyproject_is_one(tmp_path: Path) -> None:
    """A second one would be an error of every run."""
    write_images(Path("photos"), {"tabby": 1})
    Path("pyproject.toml").write_text("[tool.imgcls]\n")
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/pyproject.toml has \[tool.imgcls\] already, and nothing was"):
        _proposed()


def test_settings_of_pytest_are_printed_where_there_are_some() -> None:
    """They are never edited."""
    write_images(Path("photos"), {"tabby": 1})
    Path("pyproject.toml").write_text("[project]\nname = 'x'\n")
    result = _proposed()
    assert "pytest.ini" not in result.files
    [text] = result.to_add
    assert text.splitlines()[:3] == [
        "add to pyproject.toml, so that a run without imgcls fails:",
        "[tool.pytest.ini_options]",
        'required_plugins = ["imgcls"]',
    ]


def test_ci_adds_its_workflow_and_the_tests_that_it_runs(tmp_path: Path) -> None:
    """And what it installs, unless there is a list of that."""
    write_images(Path("photos"), {"tabby": 2}, (".heic", ".png"))
    result = _proposed(service="github")
    assert list(result.files)[-2:] == [".github/workflows/models.yml", "requirements.txt"]
    assert result.files["requirements.txt"] == "imgcls[heif]\n"
    assert result.files["test_models.py"].splitlines()[1] == "from imgcls.suite import test_latency, test_memory"
    Path("requirements.txt").write_text("torch\n")
    (tmp_path.parent / ".git").mkdir()
    lacking, place = _proposed(service="gitlab").to_add
    assert lacking == "add to requirements.txt, which the workflow installs:\nimgcls"
    assert place.startswith(f"move .gitlab-ci.yml to {tmp_path.parent}, the only place where it is read")
    (tmp_path.parent / ".git").rmdir()


def test_what_is_missing_is_named_by_its_folder_and_its_model() -> None:
    """The rest is proposed all the same, and loads."""
    write_images(Path("photos"), CYRILLIC)
    Path("own.pth").write_bytes(b"no weights")
    result = _proposed(models=["net.safetensors", "own.pth"])
    assert [problem.partition(":")[0] for problem in result.problems] == ["own", *sorted(CYRILLIC)]
    Path("imgcls.toml").write_text(result.files["imgcls.toml"])
    assert list(loader.load([Path("imgcls.toml")]).models) == ["net"]


def test_a_folder_that_takes_no_files_is_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is looked for; what is only printed needs no room."""
    write_images(Path("photos"), {"tabby": 1})
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(MachineError, match="this folder takes no files"):
        _proposed()
    assert project.proposed(Request(Path.cwd()), may_exist=True).files


def test_what_is_done_is_said() -> None:
    """While files are hashed, for a line of progress."""
    write_images(Path("photos"), {"tabby": 2})
    said: list[str] = []
    _proposed(say=said.append)
    assert said[:2] == ["1 file hashed", "2 files hashed"]


def test_a_file_in_place_of_a_folder_is_refused() -> None:
    """As everywhere, with the next step."""
    write_image(Path("cat.png"))
    with pytest.raises(ConfigError, match="neither a folder nor a manifest"):
        _proposed(data=Path("cat.png"))


def test_a_workflow_for_a_project_with_tests_of_time_and_memory_lacks_nothing() -> None:
    """As init writes them together with a workflow."""
    Path("imgcls.toml").touch()
    Path("test_models.py").write_text(project.SUITE + project.COST_TESTS)
    Path("requirements.txt").write_text("imgcls\n")
    existing = project.configured(Path.cwd())
    assert existing == Path.cwd() / "imgcls.toml"
    added = project.added_workflow(Request(Path.cwd(), service="gitlab"), existing, may_exist=False)
    assert (list(added.files), added.to_add) == ([".gitlab-ci.yml"], ())
    Path("deeper").mkdir()
    assert project.configured(Path.cwd() / "deeper") is None
