"""imgcls.doctor.configuration: which configuration counts here, and what keeps pytest from loading the plugin."""

from pathlib import Path

import pytest

from examined import evidence, of_level
from imgcls.doctor import configuration
from imgcls.doctor.findings import Finding

TOML = '[datasets.photos]\npath = "photos"\n[models.net]\narch = "torchvision:resnet18"\n'


def test_no_configuration(tmp_path: Path) -> None:
    """It is a note with the command that writes one."""
    assert list(configuration.configuration(evidence(tmp_path))) == [
        Finding("note", f"none in {tmp_path} or above", "imgcls init")
    ]


def test_a_configuration_above(tmp_path: Path) -> None:
    """Where it was found, and what it has."""
    (tmp_path / "imgcls.toml").write_text(TOML)
    (tmp_path / "photos").mkdir()
    [finding] = configuration.configuration(evidence(tmp_path / "photos"))
    assert finding == Finding("ok", f"{tmp_path / 'imgcls.toml'}: 1 model, 1 dataset")


def test_a_configuration_in_a_project(tmp_path: Path) -> None:
    """The table is named."""
    (tmp_path / "pyproject.toml").write_text(
        TOML.replace("[", "[tool.imgcls.", 1).replace("[models", "[tool.imgcls.models")
    )
    (tmp_path / "photos").mkdir()
    [finding] = configuration.configuration(evidence(tmp_path))
    assert finding.text == f"{tmp_path / 'pyproject.toml'} [tool.imgcls]: 1 model, 1 dataset"


def test_two_configurations(tmp_path: Path) -> None:
    """Both at once is what every run would refuse."""
    (tmp_path / "imgcls.toml").write_text(TOML)
    (tmp_path / "pyproject.toml").write_text("[tool.imgcls]\n")
    [(text, _)] = of_level(configuration.configuration(evidence(tmp_path)), "broken")
    assert text.endswith("are both there: keep one of them")


@pytest.mark.parametrize("toml", ["[datasets", "[modles.net]\n", "[datasets.photos]\n"])
def test_a_configuration_that_does_not_load(tmp_path: Path, toml: str) -> None:
    """The loader's own message names file and key."""
    (tmp_path / "imgcls.toml").write_text(toml)
    [(text, _)] = of_level(configuration.configuration(evidence(tmp_path)), "broken")
    assert str(tmp_path / "imgcls.toml") in text


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    """The configuration loads, and its images are elsewhere."""
    (tmp_path / "imgcls.toml").write_text(TOML)
    [(text, _)] = of_level(configuration.configuration(evidence(tmp_path)), "warning")
    assert text == f"[datasets.photos] path: {tmp_path / 'photos'} does not exist"


def test_pytest_without_a_configuration(tmp_path: Path) -> None:
    """Its version is one short line."""
    [finding] = configuration.pytest_setup(evidence(tmp_path, packages={"pytest": "9.2.0"}))
    assert finding.level == "ok"
    assert finding.text.startswith("pytest 9.2.0, ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\nrequired_plugins = ["imgcls", "pytest-absent>=2"]\n'),
        ("pyproject.toml", '[tool.pytest]\nrequired_plugins = ["imgcls", "pytest-absent>=2"]\n'),
        ("pytest.ini", "[pytest]\nrequired_plugins = imgcls pytest-absent>=2\n"),
        ("tox.ini", "[pytest]\nrequired_plugins =\n  imgcls\n  pytest-absent>=2\n"),
        ("setup.cfg", "[tool:pytest]\nrequired_plugins = imgcls pytest-absent>=2\n"),
    ],
)
def test_required_plugins_that_are_not_installed(tmp_path: Path, name: str, text: str) -> None:
    """In every file that pytest reads; it would not start."""
    (tmp_path / name).write_text(text)
    results = configuration.pytest_setup(evidence(tmp_path, packages={"imgcls": "0.1.0"}))
    assert of_level(results, "broken") == [
        (
            f"{tmp_path / name} requires pytest-absent>=2, which is not installed: pytest does not start",
            "pip install 'pytest-absent>=2'",
        )
    ]


def test_a_required_plugin_that_is_no_requirement(tmp_path: Path) -> None:
    """No command is made of it, which somebody would copy into a shell."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nrequired_plugins = a';id;'\n")
    [(text, remedy)] = of_level(configuration.pytest_setup(evidence(tmp_path)), "broken")
    assert "which is not a requirement" in text
    assert remedy == "correct required_plugins there"


@pytest.mark.parametrize(
    ("environ", "ini", "words"),
    [
        ({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD is set"),
        ({"PYTEST_ADDOPTS": "-q -p no:imgcls.plugin"}, "", "PYTEST_ADDOPTS keeps the plugin out"),
        ({}, "addopts = -pno:imgcls.plugin -q\n", "addopts in "),
    ],
)
def test_what_keeps_the_plugin_out(tmp_path: Path, environ: dict[str, str], ini: str, words: str) -> None:
    """A variable or an option, without which no test of imgcls would be collected."""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}")
    [(text, _)] = of_level(configuration.pytest_setup(evidence(tmp_path, environ=environ)), "warning")
    assert text.startswith(words)


@pytest.mark.parametrize("text", ["[tool", "[tool]\npytest = 3\n", "[project]\nname = 'a'\n"])
def test_files_that_do_not_configure_pytest(tmp_path: Path, text: str) -> None:
    """They are passed over, as pytest does, or reports itself."""
    (tmp_path / "pyproject.toml").write_text(text)
    assert of_level(configuration.pytest_setup(evidence(tmp_path)), "broken", "warning") == []


def test_plugins_that_change_what_tests_of_imgcls_do(tmp_path: Path) -> None:
    """Each that is installed is a note."""
    results = configuration.pytest_setup(evidence(tmp_path, packages=dict.fromkeys(configuration.INTERACTIONS, "1")))
    assert len(of_level(results, "note")) == len(configuration.INTERACTIONS)
