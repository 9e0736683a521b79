"""Goldens in real pytest processes, in a small project."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import CONFIGURATION, NETWORK, Project

Command = Callable[..., pytest.RunResult]
UPDATE = "--imgcls-update-golden"
GOLDEN = Path("golden") / "colours" / "colour.json"


@pytest.fixture
def recorded(project: Project) -> Project:
    """The project with goldens for its dataset; it has none yet."""
    project.configure(CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true'))
    return project


def test_a_missing_golden_fails_and_states_the_command_that_makes_it(run_pytest: Command, recorded: Project) -> None:
    """The command works as it stands, and the next run passes without asking the network again."""
    missing = run_pytest()
    missing.assert_outcomes(passed=1, failed=1)
    [line] = [line for line in missing.outlines if line.startswith("ERROR")]
    command = shlex.split(line.partition("make one with ")[2])
    assert command[0] == "pytest"
    made = run_pytest(*command[1:])
    made.assert_outcomes(passed=1)
    made.stdout.fnmatch_lines(["new golden record golden/colours/colour.json, 12 images"])
    assert GOLDEN.is_file()
    recorded.forget_forwards()
    held = run_pytest()
    held.assert_outcomes(passed=2)
    held.stdout.fnmatch_lines(["PASS golden/colours/colour.json: 12 images as recorded; *", "goldens: 1 of 1 compared"])
    assert recorded.images_inferred() == 0


def test_a_change_fails_and_the_document_has_it(run_pytest: Command, recorded: Project) -> None:
    """The verdict stands in the result document next to those of the gates."""
    run_pytest(UPDATE)
    recorded.configure(Path("imgcls.toml").read_text().replace("python:nets:colour", "python:nets:loud"))
    with Path("nets.py").open("a") as nets:
        nets.write("\n\ndef loud():\n    return Colour(2.0)\n")
    changed = run_pytest("--imgcls-json", "r.json")
    changed.assert_outcomes(passed=1, failed=1)
    changed.stdout.fnmatch_lines(["*golden/colours/colour.json: model moved", "*python:nets:colour {} -> *"])
    [result] = json.loads(Path("r.json").read_text())["results"]
    assert [v["status"] for v in result["verdicts"] if v["check"] == "golden"] == ["fail"]


@pytest.mark.slow
def test_an_update_prints_what_it_changes_and_leaves_what_holds(run_pytest: Command, recorded: Project) -> None:
    """A golden that holds keeps its bytes; one that does not is written anew, with the difference printed."""
    run_pytest(UPDATE)
    before = GOLDEN.read_bytes()
    recorded.forget_forwards()
    again = run_pytest(UPDATE)
    again.stdout.fnmatch_lines(["golden record as it was: golden/colours/colour.json: 12 images as recorded*"])
    assert GOLDEN.read_bytes() == before
    Path("names.txt").write_text("green\nred\nblue\n")
    changed = run_pytest(UPDATE, "-m", "golden")
    changed.assert_outcomes(passed=1)
    changed.stdout.fnmatch_lines(
        [
            "golden record rewritten: golden/colours/colour.json: labels moved",
            "*0 'red' -> 'green', 1 'green' -> 'red'*",
        ]
    )
    assert GOLDEN.read_bytes() != before
    run_pytest("-m", "golden").assert_outcomes(passed=1)


def test_goldens_are_not_written_where_ci_is_set(run_pytest: Command, recorded: Project) -> None:
    """Nobody would read the difference."""
    refused = run_pytest(UPDATE, CI="true")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*--imgcls-update-golden is refused where CI is set*"])
    assert not (recorded.folder / "golden").exists()


def test_goldens_are_not_written_of_bytes_that_nobody_looked_at(run_pytest: Command, recorded: Project) -> None:
    """An update with trusted hashes is refused; a comparison is not."""
    refused = run_pytest(UPDATE, "--imgcls-trust-mtime")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*--imgcls-update-golden and --imgcls-trust-mtime do not go together*"])
    assert not (recorded.folder / "golden").exists()
    run_pytest(UPDATE)
    assert run_pytest("--imgcls-trust-mtime").ret == 0


@pytest.mark.slow
def test_a_golden_that_no_test_read_is_reported(run_pytest: Command, recorded: Project) -> None:
    """A line by default, a failure by choice; what was merely not selected is no orphan."""
    recorded.also("")
    recorded.configure(
        CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true')
        + f'[models.second]\narch = "python:nets:colour"\n{NETWORK}'
    )
    run_pytest(UPDATE)
    assert run_pytest("-m", "golden", "--imgcls-unused-golden=fail").ret == 0
    chosen = run_pytest("-m", "golden", "--imgcls-models", "colour", "--imgcls-unused-golden=fail")
    assert chosen.ret == 0
    GOLDEN.with_name("orphan.json").write_bytes(GOLDEN.read_bytes())
    GOLDEN.with_name("of another tool.json").write_text('{"users": [], "format": 1}')
    named = run_pytest("-m", "golden")
    assert named.ret == 0
    named.stdout.fnmatch_lines(["golden records that no test read: golden/colours/orphan.json"])
    failed = run_pytest("-m", "golden", "--imgcls-unused-golden=fail")
    assert failed.ret == 1
    failed.stdout.fnmatch_lines(["FAILED golden records that no test read: golden/colours/orphan.json"])


def test_every_parameter_of_a_test_is_in_the_name_of_its_golden(run_pytest: Command, recorded: Project) -> None:
    """Two tests of one model and dataset with a parameter of their own do not overwrite each other."""
    Path("test_models.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('how', ['a/b', 'c'])\n"
        "def test_golden(golden, how):\n    golden.check()\n"
    )
    run_pytest(UPDATE).assert_outcomes(passed=2)
    names = sorted(file.name for file in GOLDEN.parent.iterdir())
    assert names == ["colour[colour-colours-a%2Fb].json", "colour[colour-colours-c].json"]
    run_pytest("--imgcls-unused-golden=fail").assert_outcomes(passed=2)
    assert recorded.images_inferred()


def test_a_record_of_a_test_that_was_deselected_is_not_unread(run_pytest: Command, recorded: Project) -> None:
    """It was collected, so that somebody reads it; one of a parameter that is gone is read by nobody."""
    test = "@pytest.mark.parametrize('size', [{sizes}])\ndef test_sizes(golden, size):\n    golden.check()\n"
    file = recorded.folder / "test_models.py"
    file.write_text("import pytest\n\n" + test.format(sizes="1, 2"))
    run_pytest(UPDATE).assert_outcomes(passed=2)
    selected = run_pytest("-k", "colours-1 or 1-colour", "--imgcls-unused-golden=fail")
    selected.assert_outcomes(passed=1, deselected=1)
    assert selected.ret == 0
    file.write_text("import pytest\n\n" + test.format(sizes="1"))
    gone = run_pytest("--imgcls-unused-golden=fail")
    assert gone.ret == 1
    gone.stdout.fnmatch_lines(["FAILED golden records that no test read: golden/colours/colour*2*.json"])


def test_a_fixture_of_ones_own_of_this_name_is_left_alone(run_pytest: Command, project: Project) -> None:
    """Its tests run, whatever the configuration states about goldens."""
    Path("test_models.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef golden():\n    return 1\n\n"
        "def test_mine(scores, golden):\n    assert golden == 1 and scores.top1 == 1.0\n"
    )
    run_pytest().assert_outcomes(passed=1, deselected=0)
    assert project.images_inferred()


def test_datasets_without_goldens_have_no_such_tests(run_pytest: Command, project: Project) -> None:
    """They are deselected, as are pairs that the configuration leaves out."""
    result = run_pytest()
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.no_fnmatch_line("*golden*:*compared*")
    assert project.images_inferred()


def test_what_no_test_compared_is_named_and_may_be_required(run_pytest: Command, recorded: Project) -> None:
    """As with gates; `imgcls score` names it, too."""
    run_pytest(UPDATE)
    named = run_pytest("-m", "accuracy")
    assert named.ret == 0
    named.stdout.fnmatch_lines(
        ["goldens: 0 of 1 compared", "  not evaluated: golden of colour on colours (its test was deselected by *"]
    )
    required = run_pytest("-m", "accuracy", "--imgcls-require-gates")
    assert required.ret == 1
    required.stdout.fnmatch_lines(["FAILED not compared: golden of colour on colours (its test was deselected by *"])
    assert recorded.images_inferred()


def test_a_missing_golden_is_not_one_that_was_compared(run_pytest: Command, recorded: Project) -> None:
    """The count leaves out a record that is not there; its test fails."""
    result = run_pytest("-m", "golden")
    assert result.ret == 1
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["goldens: 0 of 1 compared", "  not evaluated: golden of colour on colours (its test failed)"]
    )
    assert recorded.images_inferred()


def test_the_command_states_that_goldens_are_pytests(imgcls: Command, recorded: Project) -> None:
    """Its exit code is about gates."""
    result = imgcls("score")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["  not compared here: golden of colour on colours; pytest -m golden does"])
    assert recorded.images_inferred()


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("nan", "colour on colours: model: the model's logits are NaN on blue/0000.png"),
        ("broken", "colour on colours: model: *this factory is broken*"),
        ("four", "colour on colours: labels: *4 outputs*3 classes*"),
    ],
)
def test_a_model_without_predictions_fails_at_its_stage(
    run_pytest: Command, recorded: Project, factory: str, message: str
) -> None:
    """What could not be scored does not hold, nor is it written."""
    recorded.configure(Path("imgcls.toml").read_text().replace("nets:colour", f"nets:{factory}"))
    failed = run_pytest("-m", "golden", UPDATE)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines([f"*{message}*"])
    assert not GOLDEN.exists()


@pytest.mark.slow
def test_workers_compare_and_write_goldens(pytest_process: Command, recorded: Project) -> None:
    """The controller reports what its workers did."""
    recorded.configure(
        CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true')
        + f'[models.second]\narch = "python:nets:colour"\n{NETWORK}'
    )
    made = pytest_process("-n", "2", UPDATE, "-m", "golden")
    made.assert_outcomes(passed=2)
    made.stdout.fnmatch_lines_random(
        ["new golden record golden/colours/colour.json, *", "new golden record golden/colours/second.json, *"]
    )
    held = pytest_process("-n", "1", "-m", "golden", "--imgcls-unused-golden=fail")
    held.assert_outcomes(passed=2)
    held.stdout.fnmatch_lines(["goldens: 2 of 2 compared"])
    GOLDEN.unlink()
    failed = pytest_process("-n", "1", "-m", "golden")
    failed.assert_outcomes(passed=1, failed=1)


def test_a_constant_network_cannot_be_recorded(run_pytest: Command, recorded: Project) -> None:
    """There would be no unit to measure its logits in."""
    recorded.configure(Path("imgcls.toml").read_text().replace("nets:colour", "nets:still"))
    with Path("nets.py").open("a") as nets:
        nets.write("\n\ndef still():\n    return Colour(0.0)\n")
    result = run_pytest("-m", "golden", UPDATE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*all its logits are the same, so there is nothing to record*"])
