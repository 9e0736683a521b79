"""imgcls.plugin.ownership: other people's fixtures and tests are theirs, whatever their names are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Project

Command = Callable[..., pytest.RunResult]

PLUGIN = "import pytest\n\n\n@pytest.fixture(params=[1, 2])\ndef {name}(request):\n    return request.param\n"
THEIRS = "def test_{name}({name}):\n    assert {name} in (1, 2)\n"
NAMES = ["model", "dataset", "device", "golden", "scores", "gates", "latency", "memory"]


def _write(project: Project, tests: str, **files: str) -> None:
    (project.folder / "test_models.py").write_text(tests)
    for name, text in files.items():
        (project.folder / f"{name}.py").write_text(text)


@pytest.mark.parametrize("name", NAMES)
def test_a_fixture_of_another_plugin_wins(run_pytest: Command, project: Project, name: str) -> None:
    """Before ours in any order."""
    _write(project, THEIRS.format(name=name), theirs=PLUGIN.format(name=name))
    result = run_pytest("-p", "theirs")
    assert result.ret == 0
    result.assert_outcomes(passed=2)


def test_a_fixture_of_a_plugin_that_a_conftest_names_wins(run_pytest: Command, project: Project) -> None:
    """Whichever of ours it is called like."""
    plugins = {f"their_{name}": PLUGIN.format(name=name) for name in NAMES}
    _write(project, "\n\n".join(THEIRS.format(name=name) for name in NAMES), **plugins)
    (project.folder / "conftest.py").write_text(f"pytest_plugins = {[*plugins]}\n")
    result = run_pytest()
    assert result.ret == 0
    result.assert_outcomes(passed=2 * len(NAMES))


def test_a_fixture_of_a_conftest_wins(run_pytest: Command, project: Project) -> None:
    """In its folder, where all the others are ours."""
    (project.folder / "test_models.py").unlink()
    for name in NAMES:
        folder = project.folder / f"their_{name}"
        folder.mkdir()
        (folder / "conftest.py").write_text(PLUGIN.format(name=name))
        (folder / f"test_{name}.py").write_text(THEIRS.format(name=name))
    result = run_pytest("--import-mode=importlib")
    assert result.ret == 0
    result.assert_outcomes(passed=2 * len(NAMES))


@pytest.mark.parametrize(
    "tests",
    [
        "import pytest\n\n@pytest.mark.parametrize('{name}', [1, 2])\ndef test_theirs({name}):\n    assert {name}\n",
        (
            "def pytest_generate_tests(metafunc):\n    if '{name}' in metafunc.fixturenames:\n"
            "        metafunc.parametrize('{name}', [1, 2])\n\ndef test_theirs({name}):\n    assert {name} < 3\n"
        ),
    ],
)
def test_a_parameter_of_somebody_else_wins(run_pytest: Command, project: Project, tests: str) -> None:
    """Of a mark and of a hook, and the test is run twice and not once more for each of our models."""
    (project.folder / "test_models.py").unlink()
    for name in NAMES:
        (project.folder / f"test_{name}.py").write_text(tests.format(name=name))
    result = run_pytest()
    result.assert_outcomes(passed=2 * len(NAMES))
    run = {line.removeprefix("PASSED ") for line in result.outlines if line.startswith("PASSED")}
    assert run == {f"test_{name}.py::test_theirs[{value}]" for name in NAMES for value in (1, 2)}


def test_a_failing_test_of_somebody_else_stays_failing(run_pytest: Command, project: Project) -> None:
    """Although it is marked as golden and has a fixture of that name, and the configuration has no golden dataset."""
    tests = (
        "import pytest\n\n\n@pytest.fixture\ndef golden():\n    return 1\n\n\n"
        "@pytest.mark.golden\ndef test_theirs(golden):\n    assert golden == 2\n"
    )
    _write(project, tests)
    result = run_pytest()
    assert result.ret == 1
    result.assert_outcomes(failed=1, deselected=0)


def test_the_suite_runs_beside_fixtures_of_all_our_names(run_pytest: Command, project: Project) -> None:
    """It requests what nobody else has."""
    _write(project, "from imgcls.suite import *\n", theirs="\n\n".join(PLUGIN.format(name=name) for name in NAMES))
    result = run_pytest("-p", "theirs")
    assert result.ret == 0
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["gates: 1 of 1 evaluated"])


def test_what_means_two_things_is_a_usage_error(run_pytest: Command, project: Project) -> None:
    """It names both definitions and the way out; a run that leaves the test out is not concerned."""
    tests = "def test_it(model, {}scores):\n    pass\n\n\ndef test_other():\n    pass\n"
    _write(project, tests.format(""), conftest=PLUGIN.format(name="model"))
    result = run_pytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            (
                "ERROR: test_models.py::test_it[[]*[]] means two things by `model`: the fixture in conftest.py:4, and "
                "the fixture of imgcls (imgcls.plugin.fixtures), which `scores` needs; write `imgcls_model` or "
                "`imgcls_scores` where that of imgcls is meant, or rename the other one"
            )
        ]
    )
    run_pytest("-k", "other").assert_outcomes(passed=1, deselected=2)
    _write(project, tests.format("imgcls_"))
    run_pytest("-k", "test_it").assert_outcomes(passed=2, deselected=1)


@pytest.mark.parametrize("arguments", ["model, gates", "model"])
def test_our_marker_and_their_fixture_are_a_usage_error(run_pytest: Command, project: Project, arguments: str) -> None:
    """Nobody else has a marker of that name, so it is meant also where nothing else of ours is requested."""
    tests = f"import pytest\n\n@pytest.mark.imgcls(models=['colour'])\ndef test_it({arguments}):\n    pass\n"
    _write(project, tests, conftest=PLUGIN.format(name="model"))
    result = run_pytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*means two things by `model`: *, which its marker `imgcls` needs; *"])


def test_a_fixture_that_is_built_on_ours_is_not_another_meaning(run_pytest: Command, project: Project) -> None:
    """A project may wrap our model under its short name."""
    conftest = "import pytest\n\n@pytest.fixture\ndef model(imgcls_model):\n    return imgcls_model.name\n"
    _write(project, "def test_it(model, scores):\n    assert model == scores.model\n", conftest=conftest)
    run_pytest().assert_outcomes(passed=1)


def test_a_fixture_that_every_test_uses_is_not_the_choice_of_ours(run_pytest: Command, project: Project) -> None:
    """A project may move all tests to its own ``device``."""
    conftest = "import pytest\n\n@pytest.fixture\ndef model():\n    return 0\n\n"
    conftest += "@pytest.fixture(autouse=True)\ndef seed(model):\n    return model\n"
    _write(project, "from imgcls.suite import *\n", conftest=conftest)
    run_pytest().assert_outcomes(passed=1, deselected=1)


def test_gates_take_only_what_imgcls_measured(run_pytest: Command, project: Project) -> None:
    """Anything else is one line."""
    _write(project, "def test_it(scores, gates):\n    gates.check(scores)\n", conftest=PLUGIN.format(name="scores"))
    result = run_pytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["gates.check takes what `imgcls_scores`, * measured, and here it is a int"])


def test_without_a_configuration_a_missing_fixture_is_missing(run_pytest: Command, project: Project) -> None:
    """Its test fails by itself, and the run does not end for it."""
    (project.folder / "imgcls.toml").unlink()
    _write(project, "def test_it(model):\n    pass\n")
    result = run_pytest()
    assert result.ret == 1
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["fixture 'model' not found, except in imgcls: test_models.py::test_it requests *"])


def test_the_order_of_other_tests_is_theirs(run_pytest: Command, project: Project) -> None:
    """Ours are grouped by model, and theirs keep their places relative to each other."""
    (project.folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    _write(
        project,
        "def test_a(imgcls_model):\n    pass\n\n\ndef test_1():\n    pass\n\n\n"
        "def test_b(imgcls_model):\n    pass\n\n\ndef test_2():\n    pass\n\n\ndef test_3():\n    pass\n",
    )
    names = [line.rpartition("::")[2] for line in run_pytest("--collect-only", "-q").outlines if "::" in line]
    assert [name for name in names if "[" not in name] == ["test_1", "test_2", "test_3"]


def test_reports_of_other_tests_are_left_alone(run_pytest: Command, project: Project, tmp_path: Path) -> None:
    """Their properties and places in JUnit XML are the same with imgcls and without."""
    (project.folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
    _write(
        project, "import pytest\n\n@pytest.mark.parametrize('model', [1])\ndef test_1(model):\n    assert not model\n"
    )
    run_pytest("--junitxml=with.xml")
    run_pytest("--junitxml=without.xml", "-p", "no:imgcls.plugin")
    texts = [(tmp_path / name).read_text().partition("<testcase")[2] for name in ("with.xml", "without.xml")]
    cut = [text.partition('time="')[0] + text.partition('time="')[2].partition('"')[2] for text in texts]
    assert cut[0] == cut[1]
