"""Whole runs on images that were copied, and on those that a manifest puts into groups."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import imgcls as library
from conftest import COLOURS, NETWORK, Project

Command = Callable[..., pytest.RunResult]


def _copy_images(project: Project, times: int) -> None:
    for file in sorted((project.folder / "colours").rglob("*.png")):
        for number in range(1, times):
            shutil.copy(file, file.with_stem(f"{file.stem}-{number}"))


def test_a_run_counts_the_images_that_differ(importable: Project) -> None:
    """12 images, each three times: the document keeps its counts of files, all else is that of the 12."""
    once = library.score("colour", "colours", config="imgcls.toml", store=None)
    _copy_images(importable, 3)
    thrice = library.score("colour", "colours", config="imgcls.toml", store=None)
    before, after = once.document.results[0], thrice.document.results[0]
    assert (after.scored, after.distinct, after.top1_count, after.top1) == (36, 12, 36, 100.0)
    assert after.units is not None
    assert (after.units.scored, after.units.top1_count, before.units) == (12, 12, None)
    assert (after.units.classes, after.classes["red"].scored) == (before.classes, 12)
    assert [after.top1_low, after.top5_high] == [before.top1_low, before.top5_high]
    assert thrice.interval("top1") == once.interval("top1")
    assert thrice.passes(top1=0.77, confidence=0.95) == once.passes(top1=0.77, confidence=0.95) is True
    assert not thrice.passes(top1=0.8, confidence=0.95)  # 12 of 12 show 0.7791, 36 of 36 would show 0.9202
    assert "of 12 distinct of 36 images" in repr(thrice)
    counted = "accuracies, intervals and verdicts count 12 distinct of 36 images"
    assert f"colours: {counted}, since a copy of an image is no further evidence" in thrice.notes


MANIFEST = """
[datasets.colours]
path = "list.csv"
columns = { group = "patient" }
"""


def _write_manifest(project: Project, patient: Callable[[Path], str]) -> None:
    files = sorted((project.folder / "colours").rglob("*.png"))
    rows = [f"{file.relative_to(project.folder)},{file.parent.name},{patient(file)}" for file in files]
    (project.folder / "list.csv").write_text("\n".join(["path,label,patient", *rows]) + "\n")
    text = (project.folder / "imgcls.toml").read_text()
    project.configure(text.replace('[datasets.colours]\npath = "colours"\n', MANIFEST))


@pytest.mark.slow
def test_a_manifest_names_groups(project: Project, imgcls: Command) -> None:
    """Verdicts, table and notes name them, predictions keep them, and both doors agree on what they count."""
    _write_manifest(project, lambda file: f"{file.parent.name}-{int(file.stem) // 2}")
    project.configure((project.folder / "imgcls.toml").read_text().replace("top1 = 1.0", "top1 = { min = 0.7 }"))
    result = imgcls("score", "--json", "run.json")
    assert result.ret == 1  # 6 of 6 show 0.6070, and 12 of 12 would show 0.7791
    result.stdout.fnmatch_lines(
        [
            "INCONCLUSIVE: colour on colours: top1 1.0000 (6 of 6 groups of 12), wanted 0.7 with 95 % confidence; *",
            " colour * 6 groups of 12 * 100.0 *",
            "colours: accuracies, intervals and verdicts count 6 groups of 12 images: one*",
        ]
    )
    assert "6 groups are too few to tell" in result.stdout.str()
    document = json.loads(Path("run.json").read_text())
    assert document["results"][0]["units"]["scored"] == 6
    assert {prediction["group"] for prediction in document["predictions"]} == {
        f"{c}-{n}" for c in COLOURS for n in (0, 1)
    }


def test_groups_that_have_a_copy_of_one_image_are_one(project: Project, imgcls: Command) -> None:
    """Which is noted; here all of a colour, because each copy is in the group of the next."""
    _copy_images(project, 2)
    files = sorted((project.folder / "colours" / "red").glob("*.png"))
    place = {file: number // 2 + number % 2 for number, file in enumerate(files)}
    _write_manifest(project, lambda file: f"{file.parent.name}-{place.get(file, 9)}")
    result = imgcls("score", "--json", "run.json")
    assert json.loads(Path("run.json").read_text())["results"][0]["units"]["scored"] == 3
    assert (
        "4 groups have an image of the same bytes as another group and count as one with it: red-1, red-2, red-3, red-4"
        in " ".join(result.stdout.str().split())
    )


def test_groups_count_against_a_baseline_and_between_models(project: Project, imgcls: Command) -> None:
    """Also where only the present manifest names them: the pairs of both runs are counted by group."""
    project.also(f'[models.inverse]\narch = "python:nets:colour"\noptions = {{ gain = -1.0 }}\n{NETWORK}')
    assert imgcls("score", "--save", "main.json").ret == 0
    _write_manifest(project, lambda file: file.parent.name)
    result = imgcls("score", "--baseline", "main.json", "--compare-fail", "top1:0.5", "--json", "run.json")
    document = json.loads(Path("run.json").read_text())
    [contrast] = document["contrasts"]
    assert (contrast["images"], contrast["of_images"], contrast["first_only"]) == (3, 12, 3)
    assert "groups" in result.stdout.str()
    runs = imgcls("compare", "main.json", "run.json")
    assert [c["same"] for c in document["comparisons"]] == [True, True]
    assert runs.ret == 0
    between = imgcls("compare", "run.json", "colour", "inverse")
    assert "on 3 groups of 12 common images, 3 lost and 0 gained" in between.stdout.str()
