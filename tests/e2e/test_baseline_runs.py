"""Runs that are held against saved ones, and models against each other, in real processes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import NETWORK, Project

Command = Callable[..., pytest.RunResult]


def _document(path: Path) -> Any:
    return json.loads(path.read_text())


def _spoil(project: Project) -> None:
    """The network's predictions are the opposite of what they were."""
    text = (project.folder / "imgcls.toml").read_text()
    project.configure(text.replace('labels = "names.txt"', 'labels = "names.txt"\noptions = { gain = -1.0 }'))


def _ungated(project: Project) -> None:
    project.configure((project.folder / "imgcls.toml").read_text().partition("[gates")[0])


def _lines(result: pytest.RunResult, start: str) -> list[str]:
    return [line for line in result.outlines if line.startswith(start)]


def test_a_model_against_itself_is_the_same(run_pytest: Command, project: Project) -> None:
    """Equal prediction keys pass whatever the number of images, and count as an evaluated gate."""
    project.also("[compare]\ntop1 = { margin = 0.0 }\n")
    saved = run_pytest("--imgcls-save", "main.json")
    assert saved.ret == 0
    saved.stdout.fnmatch_lines(["compare: *no baseline was named, so nothing was compared*", "gates: 1 of 1 evaluated"])
    result = run_pytest("--imgcls-baseline", "main.json", "--imgcls-compare-fail", "top1:0.001")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["PASS SAME: * top1 *", "colour on colours, main.json of * -> this run", "  SAME: *", "gates: 2 of 2 evaluated"]
    )  # fmt: skip


@pytest.mark.slow
def test_the_first_baseline_is_made_by_the_run_that_has_none(
    run_pytest: Command, imgcls: Command, project: Project
) -> None:
    """With a margin and nothing to compare with, saving passes at both doors and says so; without it the run fails."""
    project.also("[compare]\ntop1 = { margin = 0.01 }\n")
    note = "compare: no baseline was named, so nothing was compared; this run is saved as one: main.json"
    for result in (run_pytest("--imgcls-save", "main.json"), imgcls("score", "--save", "main.json")):
        assert result.ret == 0
        result.stdout.fnmatch_lines(["PASS colour on colours: top1 *", note, "gates: 1 of 1 evaluated"])
        assert _document(project.folder / "main.json")["complete"]
    missing = run_pytest()
    assert missing.ret == 1
    missing.stdout.fnmatch_lines(["FAILED gate not evaluated: colour on colours, compare (no baseline was named)"])
    assert imgcls("score").ret == 1


def _also(name: str, factory: str) -> str:
    """One more model, its gate, and a margin for all."""
    return (
        f'[models.{name}]\narch = "python:nets:{factory}"\n{NETWORK}[gates.{name}]\ncolours = {{ top1 = 0.9 }}\n'
        "[compare]\ntop1 = { margin = 0.01 }\n"
    )


@pytest.mark.slow
def test_a_new_model_and_a_new_dataset_are_not_red(run_pytest: Command, imgcls: Command, project: Project) -> None:
    """Each is reported as new, and held against what needs no baseline; a model that is gone is named."""
    project.also(_also("old", "colour"))
    assert run_pytest("--imgcls-save", "main.json").ret == 0
    project.also(_also("next", "colour") + '[datasets.more]\npath = "colours"\n')
    doors = ((run_pytest, ("--imgcls-baseline", "main.json")), (imgcls, ("score", "--baseline", "main.json")))
    for run, arguments in doors:
        result = run(*arguments)
        assert result.ret == 0
        for line in (
            "SKIPPED NEW: next on colours: not in main.json of *, so nothing is compared, and its other gates hold *",
            "SKIPPED NEW: colour on more: *",
            "compare: old on colours is in main.json of *, and no more in the configuration",
            "gates: 3 of 3 evaluated",
        ):
            result.stdout.fnmatch_lines([line])
        result.stdout.no_fnmatch_line("*cannot be compared*")
    project.also(_also("next", "nan"))
    for run, arguments in doors:
        assert run(*arguments).ret == 1


def test_a_margin_on_top5_of_three_classes_compares_nothing(
    run_pytest: Command, imgcls: Command, project: Project
) -> None:
    """Every door refuses it, and names the accuracy to compare, although all predictions are equal."""
    _ungated(project)
    assert imgcls("score", "--save", "main.json").ret == 0
    for result in (
        run_pytest("--imgcls-baseline", "main.json", "--imgcls-compare-fail", "top5:0.01"),
        imgcls("score", "--baseline", "main.json", "--compare-fail", "top5:0.01"),
        imgcls("compare", "main.json", "main.json", "--compare-fail", "top5:0.01"),
    ):
        assert result.ret == 1
        result.stdout.fnmatch_lines(["*any network has a top5 of 1, which compares nothing: compare top1*"])


@pytest.mark.slow
def test_flips_are_named(run_pytest: Command, pytest_process: Command, project: Project) -> None:
    """Ten in the terminal, all in the document, most confident first; the same with xdist and in the command."""
    _ungated(project)
    assert run_pytest("--imgcls-save", "main.json").ret == 0
    _spoil(project)
    against = ("--imgcls-baseline", "main.json", "--imgcls-compare-fail", "top1:0.1", "--imgcls-json", "r.json")
    result = run_pytest(*against)
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["FAIL WORSE: colour on colours: *margin 0.1",
         "*top1 1.0000 -> 0.0000 on 12 common images, 12 lost and 0 gained (exact McNemar p = 0.0005)*",
         "  flips: 12 right to wrong, 0 wrong to right, 0 wrong to otherwise wrong (the first 10 below; *"]
    )  # fmt: skip
    assert len(_lines(result, " right to wrong")) == 10
    [comparison] = _document(project.folder / "r.json")["comparisons"]
    assert [flip["change"] for flip in comparison["flips"]] == 12 * ["right to wrong"]
    assert {flip["label"] for flip in comparison["flips"]} == {"red", "green", "blue"}
    confidence = [flip["after"][2] for flip in comparison["flips"]]
    assert confidence == sorted(confidence, reverse=True)
    assert comparison["changed"] == ["state"]
    assert pytest_process(*against, "-n", "1").ret == 1
    assert _document(project.folder / "r.json")["comparisons"] == [comparison]


@pytest.mark.slow
def test_the_last_run_is_saved_unless_it_failed(run_pytest: Command, project: Project) -> None:
    """``last`` is the last run in which nothing failed, so that a failure repeated is a failure again."""
    last = project.folder / ".imgcls" / "last.json"
    assert run_pytest().ret == 0
    before = last.read_bytes()
    _spoil(project)
    _ungated(project)
    for _ in range(2):
        result = run_pytest("--imgcls-baseline", "last", "--imgcls-compare-fail", "top1:0.1")
        assert result.ret == 1
        result.stdout.fnmatch_lines(["FAIL WORSE: *"])
        assert last.read_bytes() == before


def test_in_ci_nothing_is_saved_unless_it_was_requested(run_pytest: Command, imgcls: Command, project: Project) -> None:
    """Where CI is set there is no last run, and --imgcls-save writes all the same."""
    assert run_pytest("--imgcls-save", "main.json", CI="true").ret == 0
    assert imgcls("score", "--save", "command.json", CI="true").ret == 0
    assert not (project.folder / ".imgcls" / "last.json").exists()
    plugin, command = (_document(project.folder / name) for name in ("main.json", "command.json"))
    assert plugin["predictions"] == command["predictions"]
    assert imgcls("score").ret == 0
    assert (project.folder / ".imgcls" / "last.json").exists()


def test_a_run_that_is_not_whole_is_not_saved(run_pytest: Command, imgcls: Command, project: Project) -> None:
    """A model that failed leaves a hole; the file stays as it was, and the run fails."""
    (project.folder / "main.json").write_text("yesterday's")
    project.also(f'[models.broken]\narch = "python:nets:broken"\n{NETWORK}')
    for result in (run_pytest("--imgcls-save", "main.json"), imgcls("score", "--save", "main.json")):
        assert result.ret == 1
        pytest.LineMatcher(result.outlines + result.errlines).fnmatch_lines(
            ["*main.json was left as it was: this run is not whole*"]
        )
    assert (project.folder / "main.json").read_text() == "yesterday's"


@pytest.mark.slow
def test_images_of_only_one_run_fail_until_they_are_left_out(run_pytest: Command, project: Project) -> None:
    """They are named, and --imgcls-compare-common compares the others."""
    _ungated(project)
    assert run_pytest("--imgcls-save", "main.json").ret == 0
    (project.folder / "colours" / "red" / "0000.png").unlink()
    project.add_images("blue", 5)
    result = run_pytest("--imgcls-baseline", "main.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*: 1 image only in the baseline (red/0000.png) and 1 image only in this run (blue/0004.png); --compare-*"]
    )  # fmt: skip
    assert run_pytest("--imgcls-baseline", "main.json", "--imgcls-compare-common").ret == 0


def test_inconclusive_gates_may_warn(run_pytest: Command, imgcls: Command, project: Project) -> None:
    """Too few images fail a proven gate, or are a warning where that was requested."""
    text = (project.folder / "imgcls.toml").read_text()
    project.configure(text.replace("top1 = 1.0", "top1 = { min = 0.9 }"))
    message = (
        "INCONCLUSIVE: colour on colours: top1 1.0000 (12 of 12), wanted 0.9 with 95 % confidence; lower bound 0.7791"
    )
    result = run_pytest("--imgcls-inconclusive", "warn")
    assert result.ret == 0
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines([f"*InconclusiveWarning: {message}*", f"{message}*"])
    assert imgcls("score").ret == 1
    assert imgcls("score", "--inconclusive", "warn").ret == 0


@pytest.mark.slow
def test_the_command_compares_saved_runs(imgcls: Command, project: Project) -> None:
    """Without a margin it describes, with one it judges; another input is refused by name."""
    assert imgcls("score", "--save", "a.json").ret == 0
    _ungated(project)
    _spoil(project)
    assert imgcls("score", "--baseline", "a.json", "--compare-fail", "top1:0.1", "--save", "b.json").ret == 1
    described = imgcls("compare", "a.json", "b.json", "--json", "c.json")
    assert described.ret == 0
    described.stdout.fnmatch_lines(
        ["colour on colours, a.json of * -> b.json of * (state)", "  flips: 12 right to wrong*"]
    )
    assert len(_document(project.folder / "c.json")["comparisons"][0]["flips"]) == 12
    judged = imgcls("compare", "b.json", "a.json", "--compare-fail", "top1:0.1")
    assert judged.ret == 0
    judged.stdout.fnmatch_lines(["PASS NOT WORSE: *", "  flips: 0 right to wrong, 12 wrong to right*"])
    assert imgcls("compare", "a.json", "b.json", "--compare-fail", "top1:0.1").ret == 1
    text = (project.folder / "imgcls.toml").read_text()
    project.configure(text.replace("crop = 8", "crop = 6"))
    refused = imgcls("score", "--baseline", "a.json")
    assert refused.ret == 1
    refused.stdout.fnmatch_lines(["ERROR colour on colours cannot be compared with a.json of *: input spec: * -> *"])


@pytest.mark.slow
@pytest.mark.usefixtures("quick_memory")
def test_the_command_compares_models(imgcls: Command, project: Project) -> None:
    """Two models flip images; of three it is stated which differ and which cannot be told apart."""
    project.also(
        "".join(
            f'[models.{name}]\narch = "python:nets:colour"\noptions = {{ gain = {gain} }}\n{NETWORK}'
            for name, gain in (("twice", 2.0), ("opposite", -1.0))
        )
    )
    two = imgcls("compare", "colour", "opposite")
    assert two.ret == 0
    two.stdout.fnmatch_lines(["colour -> opposite on colours (state)", "  flips: 12 right to wrong*"])
    three = imgcls("compare", "colour", "twice", "opposite")
    assert three.ret == 0
    three.stdout.fnmatch_lines(
        ["*colours*colour*twice*+0.00*no difference*", "*colour*opposite*-100.00*A is better*",
         "*twice*opposite*-100.00*A is better*"]
    )  # fmt: skip
    assert imgcls("score", "--save", "a.json").ret == 0
    saved = imgcls("compare", "a.json", "colour", "twice", "--compare-fail", "top1:0.5")
    assert saved.ret == 0
    saved.stdout.fnmatch_lines(["PASS NOT WORSE: *", "colours: colour, twice cannot be told apart on 12 images; *"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.json"], "*a.json is one saved run: name the later one too, as in imgcls compare a.json now.json*"),
        (["colour", "a.json"], "*colour is not a file, so it names a model of a.json: name another one of it too*"),
        (["a.json", "b.json", "--data", "photos"], "*--data goes with models that are scored now*"),
        (["a.json", "b.json"], "*a.json: there is no saved run of this name*"),
        (["colour", "color"], "*no model 'color'*did you mean 'colour'*"),
        (["a", "b", "c", "--compare-fail", "top1:0.1"], "*name two*"),
        (["a.json", "b.json", "--compare-fail", "top1:5"], "*top1:5*margin: 5.0 is not a fraction*write 0.05*"),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_cannot_be_compared_is_a_wrong_command_line(imgcls: Command, arguments: list[str], message: str) -> None:
    """Exit code 2, and one line that states what to write instead."""
    result = imgcls("compare", *arguments)
    assert result.ret == 2
    result.stderr.fnmatch_lines([message])
