"""imgcls.plugin.generation: which models, datasets and devices a test is given."""

from collections.abc import Callable

import pytest

from conftest import NETWORK, Project

Command = Callable[..., pytest.RunResult]

SECOND = f'[models.second]\narch = "python:nets:colour"\n{NETWORK}[datasets.more]\npath = "colours"\n'


@pytest.fixture
def several(project: Project) -> Project:
    """Two models and two datasets."""
    project.also(SECOND)
    return project


def _passed(result: pytest.RunResult) -> list[str]:
    return [line.partition("::")[2] for line in result.outlines if line.startswith("PASSED")]


def _write(project: Project, mark: str, arguments: str = "scores", body: str = "pass") -> None:
    (project.folder / "test_models.py").write_text(
        f"import pytest\n\n\n{mark}\ndef test_it({arguments}):\n    {body}\n"
    )


@pytest.mark.parametrize(
    ("mark", "names"),
    [
        ("@pytest.mark.parametrize('model', ['second'], indirect=True)", ["[colours-second]", "[more-second]"]),
        ("@pytest.mark.parametrize('imgcls_model', ['second'], indirect=True)", ["[colours-second]", "[more-second]"]),
        ("@pytest.mark.parametrize(['model'], [('second',)], indirect=True)", ["[colours-second]", "[more-second]"]),
        (
            (
                "@pytest.mark.parametrize('model,dataset', [('colour', 'more'), "
                "pytest.param('second', 'colours', id='x')], indirect=True)"
            ),
            ["[colour-more]", "[x]"],
        ),
        (
            "@pytest.mark.parametrize(('how', 'model'), [('a', 'second')], indirect=['model'])",
            ["[colours-a-second]", "[more-a-second]"],
        ),
        ("@pytest.mark.imgcls(models=['second'], datasets=['more'])", ["[second-more]"]),
        ("@pytest.mark.imgcls(models=('second',))", ["[second-colours]", "[second-more]"]),
    ],
)
def test_a_mark_names_what_a_test_is_for(run_pytest: Command, several: Project, mark: str, names: list[str]) -> None:
    """Whether or not the test requests the model itself; scores are those of the named pair."""
    how = ", how" if "how" in mark else ""
    _write(several, mark, f"scores{how}")
    assert _passed(run_pytest()) == [f"test_it{name}" for name in names]
    _write(
        several,
        mark,
        f"model, scores, dataset{how}",
        "assert (model.name, dataset.name) == (scores.model, scores.dataset)",
    )
    assert sorted(_passed(run_pytest())) == sorted(f"test_it{name}" for name in names)


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (
            "@pytest.mark.parametrize('model', ['secnd'], indirect=True)",
            "@pytest.mark.parametrize: no model 'secnd' in imgcls.toml; did you mean 'second'?",
        ),
        (
            "@pytest.mark.parametrize('dataset', [3], indirect=True)",
            "*no dataset 3 in imgcls.toml; known: colours, more",
        ),
        ("@pytest.mark.parametrize('device', ['x'], indirect=True)", "*no device 'x'; known: cpu, cuda, mps"),
        (
            "@pytest.mark.parametrize('imgcls_model', ['colour'])",
            "@pytest.mark.parametrize: imgcls_model is a fixture of imgcls; name values with indirect=True",
        ),
        ("@pytest.mark.imgcls(models=['colur'])", "@pytest.mark.imgcls: no model 'colur' in *; did you mean 'colour'?"),
        ("@pytest.mark.imgcls(model=['colour'])", "@pytest.mark.imgcls: model; did you mean 'models'?"),
        ("@pytest.mark.imgcls(models='colour')", "@pytest.mark.imgcls: models = 'colour' is not a list of names"),
        ("@pytest.mark.imgcls(['colour'])", "@pytest.mark.imgcls takes models=[[]...[]] and datasets=[[]...[]]"),
    ],
)
def test_a_wrong_name_is_found_at_collection(run_pytest: Command, several: Project, mark: str, message: str) -> None:
    """In one line, before anything is scored."""
    _write(several, mark, "scores, device")
    result = run_pytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"test_models.py::test_it: {message}"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert several.images_inferred() == 0


def test_a_wrong_name_in_the_marker_is_found_whatever_the_test_requests(run_pytest: Command, several: Project) -> None:
    """A right one changes nothing in a test that requests nothing of ours, as one of a marked class may."""
    _write(several, "@pytest.mark.imgcls(datasets=['mor'])", "tmp_path")
    result = run_pytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*@pytest.mark.imgcls: no dataset 'mor' in imgcls.toml; did you mean 'more'?"])
    _write(several, "@pytest.mark.imgcls(datasets=['more'])", "tmp_path")
    assert _passed(run_pytest()) == ["test_it"]


def test_what_is_marked_and_not_selected_is_left_out(run_pytest: Command, several: Project) -> None:
    """As every other test of a model that is not selected."""
    _write(several, "@pytest.mark.imgcls(models=['second'], datasets=['more'])")
    run_pytest("--imgcls-models", "colour").assert_outcomes(deselected=1)


def test_tests_are_selected_by_their_names(run_pytest: Command, several: Project) -> None:
    """By ``-k`` and by identity, with the names of model and dataset first."""
    _write(several, "@pytest.mark.parametrize('how', [1, 2])", "scores, how")
    assert _passed(run_pytest("-k", "second and more")) == ["test_it[second-more-1]", "test_it[second-more-2]"]
    assert _passed(run_pytest("test_models.py::test_it[colour-more-2]")) == ["test_it[colour-more-2]"]


def test_a_hook_of_somebody_else_goes_before_ours(run_pytest: Command, several: Project) -> None:
    """A test that requests only a device may get it from a conftest, and one that requests only a model gets ours."""
    (several.folder / "conftest.py").write_text(
        "def pytest_generate_tests(metafunc):\n    if 'device' in metafunc.fixturenames:\n"
        "        metafunc.parametrize('device', ['theirs'])\n"
    )
    (several.folder / "test_models.py").write_text(
        "def test_device(device):\n    assert device == 'theirs'\n\n\ndef test_model(model):\n    assert model.spec\n"
    )
    assert _passed(run_pytest()) == ["test_device[theirs]", "test_model[colour]", "test_model[second]"]


def test_reporters_know_parameters_by_name(run_pytest: Command, several: Project) -> None:
    """Allure and others print the ``repr`` of each."""
    (several.folder / "conftest.py").write_text(
        "def pytest_itemcollected(item):\n    print('parameters', sorted(item.callspec.params.items()))\n"
    )
    _write(several, "@pytest.mark.imgcls(models=['second'], datasets=['more'])")
    result = run_pytest("-s")
    result.stdout.fnmatch_lines(["*parameters [[]('imgcls_dataset', more), ('imgcls_model', second)[]]"])


def test_a_fixture_that_is_requested_late_states_what_it_needs(run_pytest: Command, several: Project) -> None:
    """A model by its name at run time has no parameter."""
    (several.folder / "test_models.py").write_text("def test_it(request):\n    request.getfixturevalue('scores')\n")
    result = run_pytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *imgcls has a model for tests that request it as an argument*"])
