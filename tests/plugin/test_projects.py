"""imgcls.plugin.projects: the configuration nearest to a test file holds for it, wherever pytest was started."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import CONFIGURATION, Project
from imgcls.plugin.projects import WRITTEN

Command = Callable[..., pytest.RunResult]

SUITE = "from imgcls.suite import *\n"
AUDIO = CONFIGURATION.replace("colour]", "spectrum]").replace("gates.colour", "gates.spectrum")
STARTS = {
    "the package": ("packages/vision", ()),
    "the root, naming the package": (".", ("packages/vision",)),
    "the root, naming a file": (".", ("packages/vision/tests/test_vision.py",)),
    "another package": ("packages/plain", ("../vision",)),
    "elsewhere, with -c": ("elsewhere", ("-c", "../pytest.ini", "../packages/vision/tests")),
    "elsewhere, with --rootdir": ("elsewhere", ("--rootdir", "..", "../packages/vision/tests")),
}


@pytest.fixture
def monorepo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Three packages, of which two have a configuration and networks of the same name."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --imgcls-device=cpu\n")
    for name in ("vision", "audio", "plain"):
        package = tmp_path / "packages" / name
        package.mkdir(parents=True)
        if name != "plain":
            _fill(package)
        (package / "tests").mkdir()
        (package / "tests" / f"test_{name}.py").write_text(f"def test_{name}_itself():\n    pass\n")
        if name != "plain":
            (package / "tests" / f"test_{name}.py").write_text(SUITE)
    (tmp_path / "packages" / "audio" / "imgcls.toml").write_text(
        AUDIO.replace('"python:nets:colour"', '"python:nets:loud"')
    )
    with (tmp_path / "packages" / "audio" / "nets.py").open("a") as nets:
        nets.write("\n\ndef loud():\n    return Colour(2.0)\n")
    monkeypatch.setenv("FORWARDS", str(tmp_path / "forwards.log"))
    yield tmp_path
    for name in ("nets", "test_vision", "test_audio", "test_plain", "test_more"):
        sys.modules.pop(name, None)


def _fill(package: Path) -> None:
    Project(package)
    (package / "pytest.ini").unlink()
    (package / "test_models.py").unlink()


def _document(file: Path) -> dict[str, Any]:
    """What does not depend on when and how fast it was made."""
    document: dict[str, Any] = json.loads(file.read_text())
    kept = {name: document[name] for name in ("complete", "predictions", "rejections", "datasets")}
    changing = {"images_per_second", "from_store", "set_seconds"}
    return kept | {"results": [{k: v for k, v in r.items() if k not in changing} for r in document["results"]]}


@pytest.mark.slow
def test_every_start_gives_the_same_document(
    run_pytest: Command, monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From six places, and from the root with all packages, where each document lies beside its configuration."""
    documents = {}
    vision, audio = monorepo / "packages" / "vision", monorepo / "packages" / "audio"
    for name, (folder, arguments) in STARTS.items():
        monkeypatch.chdir(monorepo / folder)
        result = run_pytest(*arguments, f"--imgcls-json={monorepo / 'r.json'}")
        assert result.ret == 0, name
        result.assert_outcomes(passed=1, deselected=1)
        documents[name] = _document(monorepo / "r.json")
        assert {place.parent for place in monorepo.rglob(".imgcls")} == {vision}, name
        shutil.rmtree(vision / ".imgcls")
    monkeypatch.chdir(monorepo)
    everything = run_pytest("--imgcls-json", "r2.json")
    everything.assert_outcomes(passed=3, deselected=2)
    documents["the root"] = _document(vision / "r2.json")
    first = documents["the package"]
    assert [name for name, document in documents.items() if document != first] == []
    assert [result["model"] for result in first["results"]] == ["colour"]
    assert [result["model"] for result in _document(audio / "r2.json")["results"]] == ["spectrum"]
    assert {place.parent for place in monorepo.rglob(".imgcls")} == {vision, audio}
    titles = [line for line in everything.outlines if line.startswith("==") and " imgcls, " in line]
    assert [title.strip("= ") for title in titles] == [
        "imgcls, packages/audio/imgcls.toml",
        "imgcls, packages/vision/imgcls.toml",
    ]


def test_a_module_is_that_of_its_own_configuration(
    run_pytest: Command, monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both packages have a ``nets``, and each network is built from the one beside its configuration."""
    monkeypatch.chdir(monorepo)
    test = "def test_gain(imgcls_model):\n    assert float(imgcls_model.load().classifier.module.gain) == {}\n"
    for name, gain in (("vision", 1.0), ("audio", 2.0)):
        (monorepo / "packages" / name / "tests" / f"test_{name}.py").write_text(test.format(gain))
    run_pytest().assert_outcomes(passed=3)


def test_golden_records_lie_beside_their_configuration(
    run_pytest: Command, monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written from the root and compared from the package; those of another tool in the root are not read."""
    vision = monorepo / "packages" / "vision"
    text = CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true')
    (vision / "imgcls.toml").write_text(text)
    (monorepo / "golden" / "api").mkdir(parents=True)
    (monorepo / "golden" / "api" / "users.json").write_text("[]")
    monkeypatch.chdir(monorepo)
    assert run_pytest("-m", "golden", "--imgcls-update-golden").ret == 0
    assert [file.relative_to(monorepo).as_posix() for file in monorepo.rglob("colour.json")] == [
        "packages/vision/golden/colours/colour.json"
    ]
    monkeypatch.chdir(vision)
    held = run_pytest("--imgcls-unused-golden=fail")
    assert held.ret == 0
    held.stdout.fnmatch_lines(["PASS golden/colours/colour.json: 12 images as recorded; *"])


@pytest.mark.parametrize("option", WRITTEN)
def test_one_file_for_several_configurations_is_refused(
    run_pytest: Command, monorepo: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """With both ways out: a relative path, or one package."""
    monkeypatch.chdir(monorepo)
    refused = run_pytest(f"--imgcls-{option}={monorepo / 'r.json'}")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(
        [
            (
                f"ERROR: --imgcls-{option} */r.json is one file, and tests of 2 configurations run here "
                "(packages/audio/imgcls.toml, packages/vision/imgcls.toml): name a relative path*"
            )
        ]
    )


def test_a_name_selects_in_the_configuration_that_has_it(
    run_pytest: Command, monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests of the others are left out; a name that none has is an error."""
    monkeypatch.chdir(monorepo)
    selected = run_pytest("--imgcls-models", "spectrum", "--imgcls-profile", "spectrum")
    selected.assert_outcomes(passed=2, deselected=3)
    selected.stdout.fnmatch_lines(["gates: 1 of 1 evaluated"])
    unknown = run_pytest("--imgcls-models", "spectrim")
    assert unknown.ret == pytest.ExitCode.USAGE_ERROR
    unknown.stderr.fnmatch_lines(["*no model 'spectrim' in *audio/imgcls.toml; did you mean 'spectrum'?"])


def test_a_test_without_a_configuration_fails_by_itself(
    run_pytest: Command, monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line; everything else runs."""
    (monorepo / "packages" / "plain" / "tests" / "test_more.py").write_text("from imgcls.suite import test_accuracy\n")
    monkeypatch.chdir(monorepo)
    result = run_pytest()
    assert result.ret == 1
    result.assert_outcomes(passed=3, errors=1, deselected=2)
    result.stdout.fnmatch_lines(
        ["packages/plain/tests/test_more.py::test_accuracy requests gates and scores, and there is no imgcls.toml or *"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_configuration_of_addopts_is_relative_to_the_ini_file(
    run_pytest: Command, monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one of the command line to the working folder; its store and golden records stay in the rootdir."""
    config = "packages/vision/imgcls.toml"
    (monorepo / "pytest.ini").write_text(f"[pytest]\naddopts = --imgcls-config {config}\n")
    monkeypatch.chdir(monorepo / "packages" / "plain")
    (monorepo / "packages" / "plain" / "tests" / "test_plain.py").write_text("from imgcls.suite import test_accuracy\n")
    run_pytest().assert_outcomes(passed=1)
    assert (monorepo / ".imgcls").is_dir()
    (monorepo / "pytest.ini").write_text("[pytest]\n")
    run_pytest("--imgcls-config", f"../../{config}").assert_outcomes(passed=1)


@pytest.mark.parametrize("place", ["out.json", "with blank/out.json"])
def test_an_option_whose_file_exists_changes_nothing(
    run_pytest: Command, project: Project, tmp_path_factory: pytest.TempPathFactory, place: str
) -> None:
    """pytest takes its value for a path of tests and moves the rootdir there; the configuration stays."""
    (project.folder / "pytest.ini").unlink()
    file = tmp_path_factory.mktemp("artefacts") / place
    file.parent.mkdir(exist_ok=True)
    for _ in range(2):
        result = run_pytest("--imgcls-json", str(file), "--imgcls-device", "cpu")
        assert result.ret == 0
        result.assert_outcomes(passed=1, deselected=1)
    assert _document(file)["complete"] is True
    assert (project.folder / ".imgcls").is_dir()


@pytest.mark.slow
def test_workers_of_xdist_have_the_configuration_of_each_file(
    pytest_process: Command, monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller, which collects nothing, writes the document of each."""
    monkeypatch.chdir(monorepo)
    result = pytest_process("-n", "2", "--imgcls-json", "r.json")
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    assert result.stdout.str().count("gates: 1 of 1 evaluated") == 2
    for name, model in (("vision", "colour"), ("audio", "spectrum")):
        document = _document(monorepo / "packages" / name / "r.json")
        assert document["complete"] is True
        assert [result["model"] for result in document["results"]] == [model]
    selected = pytest_process("-n", "1", "--imgcls-models", "spectrum")
    assert selected.ret == 0
    selected.assert_outcomes(passed=2)
