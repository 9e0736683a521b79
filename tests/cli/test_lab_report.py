"""imgcls.cli.lab_report: what a report of models is about, and what is refused before the work."""

from pathlib import Path

import pytest

from conftest import Command, Project


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["colour"], "a report of models is about one set of images: name a folder with --data DIR, or a dataset of *"),
        (["colour", "--datasets", "colours", "--data", "colours"], "--data names the images, and --datasets does too*"),
        (["colour", "--datasets", "colours,more"], "*--datasets names 2: name one of them"),
        (
            ["colour", "--data", "colours", "--runs", "colours"],
            "--runs colours: not a folder that `imgcls train` wrote*",
        ),
        (["color", "--data", "colours"], "no model 'color' in the configuration; did you mean 'colour'?*"),
        (["colour", "--data", "colours", "-o", "colours"], "colours holds blue, green, red already, and a report*"),
        (["colour", "--data", "colours", "-o", "no/where"], "no/where cannot be made: name a folder within one*"),
    ],
)
def test_what_cannot_become_a_report_is_refused_before_the_work(
    project: Project, imgcls: Command, arguments: list[str], message: str
) -> None:
    """In one line that states what to write."""
    project.also('[datasets.more]\npath = "colours"\n')
    result = imgcls("report", *arguments, *([] if "-o" in arguments else ["-o", "out"]))
    assert result.ret == 2
    result.stderr.fnmatch_lines([f"imgcls: {message}"])
    assert len(result.errlines) == 1
    assert project.images_inferred() == 0
    assert not Path("out").exists()


def test_without_any_score_there_is_no_report(project: Project, imgcls: Command) -> None:
    """The reason is there, and what to do where the folders are no classes."""
    project.add_images("red", 2, folder="holiday/day 1")
    result = imgcls("report", "colour", "--data", "holiday", "-o", "out", "--store", "off")
    assert result.ret == 2
    result.stderr.fnmatch_lines(
        [
            "imgcls: colour: *",
            "imgcls: no model was scored, so out was not written; where the folders * out with --labels none",
        ]
    )
    assert not Path("out").exists()
