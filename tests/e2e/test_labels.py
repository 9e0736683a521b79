"""What folders mean, from the first folder named cat to a score: each error once, with the next step in it."""

import json
from collections import Counter
from pathlib import Path

import pytest

from conftest import COLOURS, CONFIGURATION, Command, Project

OR_FOLDERS = '; or, where it was trained on the 3 folders blue, green, red, set it to "folders"'
FOLDERS = CONFIGURATION.replace('labels = "names.txt"', 'labels = "folders"')
UNSTATED = CONFIGURATION.replace('labels = "names.txt"\n', "")
SORTED = """
class Sorted(Colour):
    def forward(self, batch):
        return super().forward(batch)[:, [2, 1, 0]]


def by_folder():
    return Sorted()
"""


@pytest.fixture
def by_folder(project: Project) -> Project:
    """A network whose outputs are blue, green and red: its training folders in sorted order."""
    nets = project.folder / "nets.py"
    nets.write_text(nets.read_text() + SORTED)
    return project


def _with_two_more(text: str) -> str:
    """The same configuration with three models."""
    model = text[text.index("[models.colour]") : text.index("[gates")]
    return (
        text
        + "".join(model.replace("colour]", f"colour{number}]") for number in (2, 3))
        + ("[gates.colour2]\ncolours = { top1 = 1.0 }\n[gates.colour3]\ncolours = { top1 = 1.0 }\n")
    )


# A head of which nothing states the classes.


def test_an_unstated_head_is_asked_about_in_one_line(project: Project, imgcls: Command) -> None:
    """It has as many outputs as there are folders, so the message says both ways."""
    project.configure(UNSTATED)
    result = imgcls("score")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["ERROR colour on colours: [[]models.colour] nothing states what the 3 outputs of python:nets:colour are: *"]
    )
    assert OR_FOLDERS in result.stdout.str()


def test_folders_are_the_classes_in_sorted_order(by_folder: Project, imgcls: Command) -> None:
    """Every image is right, the order is said, and the document has the folders as names."""
    by_folder.configure(FOLDERS.replace("nets:colour", "nets:by_folder"))
    result = imgcls("score", "--json", "r.json")
    assert result.ret == 0
    text = " ".join(result.stdout.str().split())
    assert (
        'labels = "folders": its 3 outputs are taken for the folders of colours in sorted order, blue, green, red'
        in text
    )
    document = json.loads((by_folder.folder / "r.json").read_text())
    assert {top[1]: top[0] for top in document["results"][0]["overall_top5"]} == {"blue": 0, "green": 1, "red": 2}
    assert document["results"][0]["top1_count"] == 12


def test_folders_are_never_numbered_otherwise(project: Project, imgcls: Command) -> None:
    """A network whose outputs are red, green and blue is wrong on two of three when it is said to be sorted."""
    project.configure(FOLDERS)
    result = imgcls("score", "--json", "r.json")
    assert result.ret == 1
    assert json.loads((project.folder / "r.json").read_text())["results"][0]["top1_count"] == 4


def test_another_number_of_folders_is_refused(project: Project, imgcls: Command) -> None:
    """A dataset that lacks a class would shift every class after it."""
    project.configure(FOLDERS)
    project.add_images("green", 5, "other")
    (project.folder / "colours" / "mauve").mkdir()
    (project.folder / "other" / "green" / "0004.png").rename(project.folder / "colours" / "mauve" / "0.png")
    result = imgcls("score")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["ERROR colour on colours: the model has 3 outputs and its label list the folders of colours has 4 *"]
    )


def test_a_head_of_another_size_is_the_reason_for_folders_that_do_not_match(project: Project, imgcls: Command) -> None:
    """A fine-tuned head under the published list: its size is named, not the nearest of a thousand names."""
    project.configure(CONFIGURATION.replace('"names.txt"', '"imagenet-1k"'))
    result = imgcls("score")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["ERROR colour on colours: the model has 3 outputs and its label list imagenet-1k has 1000 classes: *"]
    )
    assert OR_FOLDERS in result.stdout.str()


def test_predict_has_no_folders(project: Project, imgcls: Command) -> None:
    """Images alone name no outputs, whether the folders were asked for or nothing was stated."""
    for text, message in (
        (FOLDERS, 'labels = "folders": these images are in no folders of a dataset that could name the outputs; set *'),
        (
            UNSTATED,
            "[[]models.colour] nothing states what the 3 outputs of python:nets:colour are: set `labels` *per line)",
        ),
    ):
        project.configure(text)
        result = imgcls("predict", "colours/red/0000.png")
        assert result.ret == 2
        result.stderr.fnmatch_lines([f"imgcls: colour: {message}"])


def test_folders_hold_goldens_and_comparisons(by_folder: Project, run_pytest: Command, imgcls: Command) -> None:
    """Golden records and saved runs have the folders as names."""
    golden = FOLDERS.replace("nets:colour", "nets:by_folder").replace(
        'path = "colours"', 'path = "colours"\ngolden = true'
    )
    by_folder.configure(golden)
    assert run_pytest("-m", "golden", "--imgcls-update-golden").ret == 0
    assert run_pytest("-m", "golden").ret == 0
    record = json.loads((by_folder.folder / "golden/colours/colour.json").read_text())
    assert record["folders"] == {"blue": [0], "green": [1], "red": [2]}
    assert imgcls("score", "--save", "a.json").ret == 0
    assert imgcls("score", "--baseline", "a.json", "--compare-fail", "top1:0.9").ret == 0


# Each message once.


def test_score_says_each_message_once(project: Project, imgcls: Command) -> None:
    """Three models with one error are one line that names them."""
    project.configure(_with_two_more(CONFIGURATION))
    (project.folder / "colours" / "blue").rename(project.folder / "colours" / "mauve")
    result = imgcls("score")
    assert result.ret == 2
    assert result.stdout.str().count("'mauve' is not a class of") == 1
    result.stdout.fnmatch_lines(["ERROR colour, colour2, colour3 on colours: 1 of 3 folders does not match *"])
    assert "gates: 3 of 3 evaluated" in result.stdout.str()
    result = imgcls("predict", "colours/red", "--models", "colour")
    assert result.ret == 0


@pytest.mark.parametrize("options", [(), ("-x",), ("--tb=no",)], ids=["all", "first", "no tracebacks"])
def test_pytest_says_each_message_once(project: Project, run_pytest: Command, options: tuple[str, ...]) -> None:
    """In the first test that fails for it; the others name that one, and the summary names the models."""
    project.configure(_with_two_more(CONFIGURATION))
    (project.folder / "colours" / "blue").rename(project.folder / "colours" / "mauve")
    result = run_pytest("-m", "accuracy", *options)
    assert result.ret == 1
    assert result.stdout.str().count("'mauve' is not a class of") == 1
    shown = "1 of 3 folders does not match *" if "--tb=no" in options else "not scored, see the failed tests"
    result.stdout.fnmatch_lines([f"ERROR colour, colour2, colour3 on colours: {shown}"])
    if not options:
        counts = Counter(line for line in result.outlines if line.startswith("fails for the same reason as "))
        assert counts == {"fails for the same reason as test_models.py::test_accuracy[colour-colours]": 2}


def test_goldens_say_it_once_too(project: Project, run_pytest: Command) -> None:
    """A golden test fails for the reason that the accuracy test has named."""
    project.configure(CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true'))
    (project.folder / "colours" / "blue").rename(project.folder / "colours" / "mauve")
    result = run_pytest()
    result.assert_outcomes(failed=2)
    assert result.stdout.str().count("'mauve' is not a class of") == 1


# Folders and lists as people have them.


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("names.json", json.dumps({str(index): name for index, name in enumerate(COLOURS)})),
        ("config.json", json.dumps({"id2label": {str(index): name for index, name in enumerate(COLOURS)}})),
        ("names.csv", "index,name\n2,blue\n0,red\n1,green\n"),
        ("names.txt", "\ufeffred\r\ngreen\r\nblue\r\n\r\n"),
    ],
)
def test_a_list_in_any_form_scores_the_same(project: Project, imgcls: Command, name: str, text: str) -> None:
    """The order of the outputs is the list's, not the file's."""
    (project.folder / name).write_text(text)
    project.configure(CONFIGURATION.replace("names.txt", name))
    assert imgcls("score").ret == 0


@pytest.mark.parametrize("form", ["{number:03}_{name}", "{number}-{name}", "{one}.{name}"])
def test_folders_with_numbers_and_names(project: Project, imgcls: Command, form: str) -> None:
    """Numbered from 0 or from 1, they are the classes they are called."""
    for number, name in enumerate(COLOURS):
        folder = form.format(number=number, one=number + 1, name=name.title())
        (project.folder / "colours" / name).rename(project.folder / "colours" / folder)
    assert imgcls("score").ret == 0


def test_folders_that_contradict_themselves_stop_the_run(project: Project, imgcls: Command) -> None:
    """Numbers of another order than the network's are no score."""
    for number, name in enumerate(sorted(COLOURS)):
        (project.folder / "colours" / name).rename(project.folder / "colours" / f"{number}_{name}")
    result = imgcls("score")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["ERROR colour on colours: 2 of 3 folders *: '0_blue' contradicts itself: 0 is 0 red, and *"]
    )


@pytest.mark.slow
@pytest.mark.shared
def test_a_suggested_map_scores_photographs(
    shared_data: Path, tmp_path: Path, imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On fifty photographs of ten words, as with the map that a person wrote, but for one in the top five."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imgcls.toml").write_text(
        f'[datasets.photos10]\npath = "{shared_data}/photos10"\nlabels = {{ file = "classes.csv" }}\n'
        f'[models.squeezenet]\narch = "torchvision:squeezenet1_0"\nlabels = "imagenet-1k"\n'
        f'weights = "{shared_data}/weights/squeezenet1_0.deep_compression_in1k.safetensors"\n'
    )
    suggested = imgcls("labels", "suggest", f"{shared_data}/photos10", "--models", "squeezenet", "--out", "classes.csv")
    assert suggested.ret == 0
    assert imgcls("score", "--json", "r.json").ret == 0
    [result] = json.loads((tmp_path / "r.json").read_text())["results"]
    assert (result["top1_count"], result["top5_count"], result["scored"]) == (39, 46, 50)
