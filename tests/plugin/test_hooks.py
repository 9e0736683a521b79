"""The plugin in pytest runs of a small project."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import NETWORK, Project
from in_process import run_process

Command = Callable[..., pytest.RunResult]
HEAVY = ("torch", "numpy", "PIL", "timm", "scipy", "sklearn")


def _document(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_gate_that_holds_passes_and_is_reported(run_pytest: Command, project: Project) -> None:
    """The three-line project scores its images, passes, and ends with the table."""
    result = run_pytest("-m", "accuracy")
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["* colour*colours*12*100.0*", "gates: 1 of 1 evaluated"])
    assert project.images_inferred() == 12 + 1


def test_a_gate_that_does_not_hold_fails_with_every_figure(run_pytest: Command, project: Project) -> None:
    """Observed, required, n, the interval and the classes that lost most stand in the message."""
    (project.folder / "names.txt").write_text("green\nred\nblue\n")
    result = run_pytest()
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*top1 0.3333 (4 of 12), wanted 1; 95 % interval 0.1381 to 0.6094; most often wrong: green 4 of 4, red 4 of 4"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_pair_without_a_gate_is_measured_and_skipped(run_pytest: Command, project: Project) -> None:
    """No gate is never a pass: the skip states what was measured."""
    project.configure((project.folder / "imgcls.toml").read_text().partition("[gates")[0])
    result = run_pytest()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["* colour *100.0*", "*no gate for colour on colours: top1 1.0000, top5 1.0000 of 12*"])


@pytest.mark.parametrize(
    ("factory", "message"),
    [("nan", "*logits are NaN on blue/0000.png*"), ("infinite", "*logits are infinite on blue/0000.png*"),
     ("broken", "*this factory is broken*"), ("four", "*4 outputs*3 classes*"), ("absent", "*cannot be imported*")],
)  # fmt: skip
def test_one_failure_does_not_stop_the_others(
    run_pytest: Command, project: Project, factory: str, message: str
) -> None:
    """A model without predictions fails its own test with one message, and the others go on."""
    project.also(f'[models.bad]\narch = "python:nets:{factory}"\n{NETWORK}[gates.bad]\ncolours = {{ top1 = 0.1 }}\n')
    result = run_pytest()
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.fnmatch_lines(["gates: 2 of 2 evaluated"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_rejected_images_fail_until_they_are_allowed(run_pytest: Command, project: Project) -> None:
    """Every path is accounted for, and max_rejected is 0 unless it is stated."""
    (project.folder / "colours" / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff no image")
    (project.folder / "colours" / "red" / "notes.txt").write_text("ignored")
    result = run_pytest("--imgcls-json", "r.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*1 of 13 images rejected (0.0769), allowed 0 (max_rejected)*"])
    [result] = _document(project.folder / "r.json")["results"]
    assert [result[k] for k in ("listed", "scored", "rejected", "ignored", "unscored")] == [14, 12, 1, 1, 0]
    configuration = (project.folder / "imgcls.toml").read_text()
    project.configure(configuration.replace("min_images = 12", "min_images = 12, max_rejected = 0.08"))
    assert run_pytest().ret == 0


def test_a_second_run_computes_nothing(run_pytest: Command, project: Project) -> None:
    """Predictions are stored: no forward pass in the second run, and the same document."""
    assert run_pytest("--imgcls-json", "first.json").ret == 0
    project.forget_forwards()
    assert run_pytest("--imgcls-json", "second.json").ret == 0
    assert project.images_inferred() == 0
    first, second = (_document(project.folder / name) for name in ("first.json", "second.json"))
    assert first["predictions"] == second["predictions"]
    assert [r["from_store"] for r in (first["results"][0], second["results"][0])] == [0, 12]


@pytest.mark.slow
def test_the_store_never_serves_another_prediction(run_pytest: Command, project: Project) -> None:
    """Another option, input, precision, factory file or image is computed anew."""
    original = (project.folder / "imgcls.toml").read_text()
    run_pytest()
    drift = 2 * 12  # all in float32 and in bfloat16, to count what that changes
    changes = [
        (original.replace('labels = "names.txt"', 'labels = "names.txt"\noptions = { gain = 2.0 }'), 0),
        (original.replace("crop = 8", "crop = 6"), 0),
        (original.replace('labels = "names.txt"', 'labels = "names.txt"\nprecision = "bfloat16"'), drift),
    ]
    for changed, tried in changes:
        project.configure(changed)
        project.forget_forwards()
        run_pytest()
        assert project.images_inferred() == 12 + 1 + tried
    project.configure(original)
    project.forget_forwards()
    with (project.folder / "nets.py").open("a") as nets:
        nets.write("# another file\n")
    run_pytest()
    assert project.images_inferred() == 12 + 1
    project.forget_forwards()
    changed_image = project.folder / "colours" / "red" / "0000.png"
    changed_image.write_bytes((project.folder / "colours" / "red" / "0001.png").read_bytes()[:-12] + b"\0" * 12)
    run_pytest()
    assert project.images_inferred() == 1


@pytest.mark.slow
def test_with_xdist_every_image_is_scored_once(pytest_process: Command, project: Project) -> None:
    """One worker computes, the other reads, and the controller reports it once."""
    project.also(
        f'[models.twice]\narch = "python:nets:colour"\noptions = {{ gain = 2.0 }}\n{NETWORK}'
        "[gates.twice]\ncolours = { top1 = 1.0 }\n"
    )
    result = pytest_process("-n", "2", "--imgcls-json", "r.json")
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    assert project.images_inferred() == 2 * (12 + 1)
    assert result.stdout.str().count("gates: 2 of 2 evaluated") == 1
    assert result.stderr.lines.count("colours: 12 of 12 images") == 1
    document = _document(project.folder / "r.json")
    assert document["complete"] is True
    assert [len(r["verdicts"]) for r in document["results"]] == [3, 2]
    assert len(document["predictions"]) == 24


@pytest.mark.usefixtures("project")
def test_xdist_without_a_store_is_refused(run_pytest: Command) -> None:
    """Workers meet in the store, so both together are a usage error."""
    result = run_pytest("-n", "2", "--imgcls-store", "off")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--imgcls-store off and xdist do not go together*"])


@pytest.mark.slow
def test_a_killed_worker_leaves_a_run_that_is_not_complete(pytest_process: Command, project: Project) -> None:
    """The worker that computes dies: its test fails, and the document states that the run is cut short."""
    with (project.folder / "nets.py").open("a") as nets:
        nets.write(
            "\nclass Deadly(Colour):\n"
            "    def forward(self, batch):\n"
            "        os.kill(os.getpid(), 9)\n\n"
            "def deadly():\n    return Deadly()\n"
        )
    project.configure((project.folder / "imgcls.toml").read_text().replace("nets:colour", "nets:deadly"))
    result = pytest_process("-n", "1", "--max-worker-restart", "0", "--imgcls-json", "r.json")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*crashed*"])
    assert _document(project.folder / "r.json")["complete"] is False


def test_a_store_that_cannot_be_read_fails_the_tests_and_states_why(run_pytest: Command, project: Project) -> None:
    """A damaged store is a failed test with the way out, and a document that is not complete."""
    (project.folder / ".imgcls").mkdir()
    (project.folder / ".imgcls" / "predictions.sqlite3").write_bytes(b"this is no database" * 100)
    result = run_pytest("--imgcls-json", "r.json")
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*predictions.sqlite3 cannot be used*Delete the file*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert _document(project.folder / "r.json")["complete"] is False


@pytest.mark.usefixtures("project")
def test_a_document_that_cannot_be_written_is_a_usage_error(run_pytest: Command) -> None:
    """It is refused before anything is computed."""
    result = run_pytest("--imgcls-json", "nowhere/r.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*nowhere/r.json cannot be written*"])


def test_without_a_terminal_a_test_that_fails_is_a_failure(project: Project) -> None:
    """``-p no:terminal`` takes away pytest's options on how failures are shown."""
    (project.folder / "test_models.py").write_text("def test_it(imgcls_model):\n    assert not imgcls_model\n")
    result = run_process("-m", "pytest", "-p", "no:terminal")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in str(result.outlines + result.errlines)


def test_without_a_configuration_scores_are_a_usage_error(run_pytest: Command, project: Project) -> None:
    """The built-in dataset is nobody's default."""
    (project.folder / "imgcls.toml").unlink()
    result = run_pytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*there is no imgcls.toml*--imgcls-config FILE*"])


def test_required_gates_that_no_test_evaluated_fail_the_run(run_pytest: Command, project: Project) -> None:
    """--imgcls-require-gates turns an unevaluated gate of a selected pair into a failure, also where no test ran."""
    (project.folder / "test_models.py").write_text("def test_nothing():\n    pass\n")
    assert run_pytest().ret == 0
    result = run_pytest("--imgcls-require-gates")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["gates: 0 of 1 evaluated", "FAILED gate not evaluated: colour on colours (no test requests it*)"]
    )


def test_folders_that_match_no_class_fail_before_the_first_batch(run_pytest: Command, project: Project) -> None:
    """The message names the folder and the nearest class; nothing was computed."""
    (project.folder / "colours" / "blue").rename(project.folder / "colours" / "bluish")
    result = run_pytest()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*'bluish' is not a class of *names.txt; nearest: blue*"])
    assert project.images_inferred() <= 1


def test_the_same_bytes_count_per_path_and_once_for_min_images(run_pytest: Command, project: Project) -> None:
    """A copy is scored once and counted twice, and does not stand in for a missing image."""
    copied = project.folder / "colours" / "red" / "0000.png"
    (project.folder / "colours" / "red" / "0003.png").write_bytes(copied.read_bytes())
    result = run_pytest()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*11 different images scored, wanted 12*"])
    assert project.images_inferred() == 11 + 1


def test_a_users_own_model_fixture_overrides_ours(run_pytest: Command, project: Project) -> None:
    """A project may use the name model for something else."""
    (project.folder / "test_models.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef model():\n    return 'mine'\n\n"
        "def test_mine(model):\n    assert model == 'mine'\n"
    )
    result = run_pytest()
    result.assert_outcomes(passed=1)
    assert project.images_inferred() == 0


def test_the_model_handle_loads_once_and_shares(run_pytest: Command, project: Project) -> None:
    """Two tests that load the same handle get the same network."""
    (project.folder / "test_models.py").write_text(
        "loaded = []\n\n"
        "def test_one(model):\n    loaded.append(model.load())\n    assert model.name == 'colour'\n\n"
        "def test_two(model):\n    assert model.load() is loaded[0]\n"
    )
    run_pytest().assert_outcomes(passed=2)


@pytest.mark.usefixtures("project")
def test_models_and_datasets_can_be_selected(run_pytest: Command) -> None:
    """An unknown name is a usage error that knows the nearest one; a known one leaves the others out."""
    assert run_pytest("--imgcls-models", "colour", "--imgcls-datasets", "colours").ret == 0
    result = run_pytest("--imgcls-models", "color")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no model 'color'*did you mean 'colour'*"])


def test_a_pair_that_the_configuration_leaves_out_is_not_run(run_pytest: Command, project: Project) -> None:
    """``datasets`` of a model decides which tests there are; neither dataset has goldens."""
    project.also('[datasets.more]\npath = "colours"\n')
    text = (project.folder / "imgcls.toml").read_text()
    project.configure(text.replace('labels = "names.txt"', 'labels = "names.txt"\ndatasets = ["colours"]'))
    result = run_pytest()
    result.assert_outcomes(passed=1, deselected=3)


@pytest.mark.parametrize("arguments", [("--help",), ("--collect-only", "-q"), ("-q",)])
def test_runs_that_ask_for_no_model_import_nothing_heavy(
    python: Command, project: Project, arguments: tuple[str, ...]
) -> None:
    """With the configuration in reach, --help, collecting the suite, and plain tests import no heavy library."""
    if arguments == ("-q",):
        (project.folder / "test_models.py").write_text("def test_nothing():\n    pass\n")
    code = (
        "import sys, pytest\n"
        f"rc = pytest.main([*{arguments!r}, '-p', 'no:benchmark', '-p', 'no:hypothesispytest'])\n"
        f"heavy = [name for name in {(*HEAVY, 'imgcls.store.database')!r} if name in sys.modules]\n"
        "print('exit code', int(rc), 'heavy', heavy)\n"
    )
    result = python(code)
    result.stdout.fnmatch_lines(["exit code 0 heavy [[][]]"])
    assert not (project.folder / ".imgcls").exists()


def test_collecting_imports_only_what_collects(python: Command, project: Project) -> None:
    """Neither what scores, judges and measures nor what writes documents: all of it would take longer than the rest."""
    (project.folder / "test_models.py").write_text("def test_accuracy(scores, gates):\n    gates.check(scores)\n")
    unused = (
        "msgspec", "numpy", "imgcls.documents", "imgcls.gates.accuracy", "imgcls.golden.check", "imgcls.plugin.checks",
        "imgcls.plugin.costs", "imgcls.records.evaluation", "imgcls.records.performance", "imgcls.records.report",
    )  # fmt: skip
    code = (
        "import sys, pytest\n"
        "rc = pytest.main(['--collect-only', '-q', '-p', 'no:benchmark', '-p', 'no:hypothesispytest'])\n"
        f"imported = [name for name in {unused!r} if name in sys.modules]\n"
        "print('exit code', int(rc), 'imgcls.plugin.hooks' in sys.modules, imported)\n"
    )
    result = python(code)
    result.stdout.fnmatch_lines(["*test_models.py::test_accuracy*", "exit code 0 True [[][]]"])


def test_scores_that_are_asked_for_late_fail_as_well(run_pytest: Command, project: Project) -> None:
    """A model without predictions fails a test that gets its scores by name in the middle, too."""
    project.configure((project.folder / "imgcls.toml").read_text().replace("nets:colour", "nets:nan"))
    (project.folder / "test_models.py").write_text(
        "def test_late(model, dataset, request):\n    assert request.getfixturevalue('scores').rejected == 0\n"
    )
    result = run_pytest()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*logits are NaN on blue/0000.png*"])


def test_required_gates_see_through_xfail(run_pytest: Command, project: Project) -> None:
    """A gate that does not hold is a failure under --imgcls-require-gates, whatever the test is marked as."""
    (project.folder / "names.txt").write_text("green\nred\nblue\n")
    (project.folder / "test_models.py").write_text(
        "import pytest\n\n@pytest.mark.xfail\ndef test_it(scores, gates):\n    gates.check(scores)\n"
    )
    assert run_pytest().ret == 0
    result = run_pytest("--imgcls-require-gates")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED gate: colour on colours: top1 0.3333*"])


def test_a_document_is_written_only_by_runs(run_pytest: Command, project: Project) -> None:
    """Collecting leaves yesterday's document as it was; a run that ends in a collection error is not complete."""
    document = project.folder / "r.json"
    document.write_text("yesterday's")
    run_pytest("--collect-only", "--imgcls-json", "r.json")
    assert document.read_text() == "yesterday's"
    (project.folder / "test_broken.py").write_text("import nothing_of_this_name\n")
    assert run_pytest("--imgcls-json", "r.json").ret != 0
    assert _document(document)["complete"] is False


def test_exits_inside_foreign_code_are_failures(run_pytest: Command, project: Project) -> None:
    """A factory that ends the process does not end the run with success."""
    with (project.folder / "nets.py").open("a") as nets:
        nets.write("\ndef leaving():\n    raise SystemExit(0)\n")
    project.configure((project.folder / "imgcls.toml").read_text().replace("nets:colour", "nets:leaving"))
    result = run_pytest()
    assert result.ret == 1
    result.assert_outcomes(failed=1)


def test_a_direct_parameter_with_our_scores_is_named(run_pytest: Command, project: Project) -> None:
    """Scores are of a configured model and dataset, and a mark names one with ``indirect=True``."""
    test = "import pytest\n\n@pytest.mark.parametrize('model', ['colour']{})\ndef test_it(model, scores):\n    pass\n"
    (project.folder / "test_models.py").write_text(test.format(""))
    refused = run_pytest()
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(
        ["*means two things by `model`: its parameter, which is direct without indirect=True,*"]
    )
    (project.folder / "test_models.py").write_text(test.format(", indirect=True"))
    run_pytest().assert_outcomes(passed=1)


@pytest.mark.slow
def test_capturing_may_be_off(run_pytest: Command, pytest_process: Command, project: Project) -> None:
    """The progress needs no capture manager, and datasets that share images share predictions under xdist."""
    project.also('[datasets.again]\npath = "colours"\n')
    assert run_pytest("-p", "no:capture").ret == 0
    project.forget_forwards()
    assert pytest_process("-n", "2", "--imgcls-store", "other").ret == 0
    assert project.images_inferred() <= 12 + 2


@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n", "1"), marks=pytest.mark.slow)], ids=["one process", "xdist"]
)
def test_a_document_that_nothing_writes_is_named(
    run_pytest: Command, pytest_process: Command, project: Project, workers: tuple[str, ...]
) -> None:
    """Where no configuration is in reach, options that need one state it; the tests of others pass as they are."""
    (project.folder / "imgcls.toml").unlink()
    (project.folder / "test_models.py").write_text("def test_nothing():\n    pass\n")
    result = (pytest_process if workers else run_pytest)("--imgcls-json=run.json", "--imgcls-require-gates", *workers)
    assert result.ret == 0
    lines = [line for line in result.outlines if "no effect" in line]
    assert len(lines) == 1
    assert lines[0].startswith("imgcls: --imgcls-json, --imgcls-require-gates have no effect: no test here uses imgcls")
    assert not (project.folder / "run.json").exists()


WRONG = {
    "a key": ("[models.colour]", "[models.colour]\nwieghts = 1", (), "*[[]models.colour[]] wieghts: unknown key*"),
    "a model": ("", "", ("--imgcls-models", "typo"), "*no model 'typo' in */imgcls.toml*"),
    "a baseline": ("", "", ("--imgcls-baseline", "x.json"), "*x.json: there is no saved run of this name*"),
}
"""What may be wrong with a configuration, as what is written for what, with which options, and what that is called."""


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_with_xdist_what_is_wrong_is_the_business_of_our_tests(
    run_pytest: Command, project: Project, wrong: str
) -> None:
    """As without it: where one of them is run it is a usage error, and tests of others run."""
    old, new, options, message = WRONG[wrong]
    (project.folder / "imgcls.toml").write_text((project.folder / "imgcls.toml").read_text().replace(old, new, 1))
    (project.folder / "test_others.py").write_text("def test_nothing():\n    pass\n")
    ours = run_pytest("-n", "1", "-m", "accuracy", *options)
    assert ours.ret == pytest.ExitCode.USAGE_ERROR
    ours.stderr.fnmatch_lines([message])
    assert project.images_inferred() == 0 or wrong == "a baseline"
    others = run_pytest("-n", "1", "test_others.py", *options)
    assert (others.ret, others.parseoutcomes()) == (0, {"passed": 1})
