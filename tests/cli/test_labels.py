"""imgcls labels: which classes there are, which are right for folders, and whether folders and classes match."""

import shutil
from pathlib import Path

import pytest
import torch

from conftest import COLOURS, CONFIGURATION, Command, Project

TIMM = """
[models.small]
arch = "timm:test_resnet"
weights = "random:1"
labels = "imagenet-1k"
[models.large]
arch = "timm:test_vit"
weights = "random:1"
labels = "imagenet-21k"
"""


def test_labels_check_tells_what_folders_mean(project: Project, imgcls: Command) -> None:
    """Every pair is checked without running a network."""
    result = imgcls("labels", "check")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["ok   colour on colours: 3 folders, 3 classes of *names.txt"])
    (project.folder / "colours" / "blue").rename(project.folder / "colours" / "mauve")
    result = imgcls("labels", "check")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["FAIL colour on colours: *'mauve' is not a class of *"])
    assert project.images_inferred() == 0


def test_labels_check_names_models_with_one_error_together(project: Project, imgcls: Command) -> None:
    """One line for both, with the command that helps both."""
    project.configure(f"{TIMM}{TIMM.replace('models.', 'models.other-')}[datasets.animals]\npath = 'animals'\n")
    project.add_images("red", 1, "animals")
    (project.folder / "animals" / "red").rename(project.folder / "animals" / "cat")
    result = imgcls("labels", "check")
    assert result.ret == 2
    way = "`imgcls labels suggest animals --models small,large,other-small,other-large --out classes.csv` writes *"
    assert len(result.outlines) == 2
    result.stdout.fnmatch_lines(
        [
            f"FAIL small, other-small on animals: 1 of 1 folder does not match imagenet-1k: *'cat'; {way}",
            "FAIL large, other-large on animals: *",
        ]
    )


def test_labels_check_shows_folders_that_are_the_classes(project: Project, imgcls: Command) -> None:
    """Their order is said, because nothing can prove it."""
    project.configure(CONFIGURATION.replace('labels = "names.txt"', 'labels = "folders"'))
    result = imgcls("labels", "check")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["ok   colour on colours: 3 folders, 3 classes of the folders of colours; labels = *, blue, green, red"]
    )


def test_labels_check_needs_images(project: Project, imgcls: Command) -> None:
    """Where none is there, nothing is checked, and that is no success; what was guessed of a manifest is said."""
    (project.folder / "list.csv").write_text("file,class\ngone.png,blue\n")
    dataset = 'path = "list.csv"'
    project.configure(CONFIGURATION.replace('path = "colours"', dataset))
    result = imgcls("labels", "check")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["FAIL colour on colours: *'colours': no image among 1 rejected and 0 ignored files; gone.png: missing: *"]
    )
    shutil.copy(next((project.folder / "colours" / "blue").iterdir()), project.folder / "gone.png")
    result = imgcls("labels", "check")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["ok   colour on colours: 1 folder, *; list.csv: its column 'file' is taken for *"])


@pytest.mark.parametrize("target", ["imagenet-1k", "small", "timm:test_resnet.r160_in1k"])
def test_labels_list(project: Project, imgcls: Command, target: str) -> None:
    """A list, a model of the configuration, or an architecture: number, WordNet id, name."""
    project.also(TIMM)
    result = imgcls("labels", "list", target)
    assert (result.ret, len(result.outlines)) == (0, 1000)
    assert result.outlines[281] == "281\tn02123045\ttabby, tabby cat"


def test_labels_list_without_a_list(project: Project, imgcls: Command) -> None:
    """It prints which there are: those of the package, and those of configured models."""
    unstated = (
        '[models.own]\narch = "python:nets:colour"\n[models.folders]\narch = "timm:test_vit"\nlabels = "folders"\n'
    )
    project.also(f"{TIMM}{unstated}")
    result = imgcls("labels", "list")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "imagenet-1k: 1000 classes",
            "imagenet-21k: 21843 classes",
            "digits: 10 classes",
            "colour: 3 classes of *names.txt",
            "small: 1000 classes of imagenet-1k",
            "own: its classes are stated nowhere",
            "folders: the folders of a dataset",
            "imgcls labels list NAME prints *",
        ]
    )
    (project.folder / "imgcls.toml").unlink()
    assert len(imgcls("labels", "list").outlines) == 4


def test_labels_of_a_checkpoint(importable: Project, imgcls: Command) -> None:
    """Classes that a training script saved next to the weights are the model's."""
    weights = {"0.gain": torch.tensor(1.0), "1.weight": torch.ones(4, 3), "1.bias": torch.zeros(4)}
    torch.save({"state_dict": weights, "classes": ["red", "green", "blue", "grey"]}, "trained.pth")
    own = CONFIGURATION.replace('labels = "names.txt"', 'weights = "trained.pth"')
    importable.configure(own.replace("nets:colour", "nets:four"))
    assert imgcls("labels", "list", "colour").outlines == ["0\tred", "1\tgreen", "2\tblue", "3\tgrey"]
    result = imgcls("labels", "check")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["ok   colour on colours: 3 folders, 3 classes of *trained.pth"])


def test_labels_list_of_a_file(project: Project, imgcls: Command) -> None:
    """Without WordNet ids there are two columns; what is no list is one line."""
    assert imgcls("labels", "list", "names.txt").outlines == ["0\tred", "1\tgreen", "2\tblue"]
    (project.folder / "names.txt").write_bytes("gr\u00fcn\n".encode("cp1252"))
    result = imgcls("labels", "list", "names.txt")
    assert result.ret == 2
    assert result.errlines == [
        "imgcls: names.txt, line 1: the label list is not UTF-8 (byte 0xfc): save it as UTF-8",
    ]
    result = imgcls("labels", "list", "absent.txt")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["imgcls: *absent.txt*"])


def test_labels_search(project: Project, imgcls: Command) -> None:
    """The classes of the configured models by meaning and by name; exit code 1 where there is nothing."""
    project.configure(TIMM.partition("[models.large]")[0] + "[datasets.colours]\npath = 'colours'\n")
    result = imgcls("labels", "search", "cat")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["imagenet-1k: kinds of cat (true cat) n02121620", "  281\tn02123045\ttabby, tabby cat", "imagenet-1k: by name"]
    )
    result = imgcls("labels", "search", "qqq", "--list", "imagenet-1k")
    assert (result.ret, result.outlines) == (1, [])
    assert result.errlines == ["imgcls: no class has 'qqq' in its name, and none is a kind of it"]


def test_labels_suggest_writes_a_map_that_both_heads_take(project: Project, imgcls: Command) -> None:
    """From folders that match nothing to a check that is green, with the command that the message names."""
    project.configure(f"{TIMM}[datasets.animals]\npath = 'animals'\n")
    for colour, folder in zip(COLOURS, ("cat", " big dog", "goldfish"), strict=True):
        project.add_images(colour, 1, "animals")
        (project.folder / "animals" / colour).rename(project.folder / "animals" / folder)
    result = imgcls("labels", "suggest", "animals", "--models", "small,large", "--out", "classes.csv")
    assert result.ret == 0
    result.stderr.fnmatch_lines(
        [
            " big dog: 190 classes of dog (domestic dog): Chihuahua, *; CHECK: by its last word; *",
            "cat: 20 classes of cat (true cat): tabby, tiger cat, Persian cat, Siamese cat, Egyptian cat, *",
            "goldfish: 1 class of goldfish (Carassius auratus): goldfish",
            'classes.csv: review it, then set labels = { file = "classes.csv" } of the dataset',
        ]
    )
    project.configure(f"{TIMM}[datasets.animals]\npath = 'animals'\nlabels = {{ file = 'classes.csv' }}\n")
    result = imgcls("labels", "check")
    assert result.ret == 0
    assert result.outlines == [
        "ok   small on animals: 3 folders, 124 classes of imagenet-1k, 87 ids of the map are not among them",
        "ok   large on animals: 3 folders, 211 classes of imagenet-21k-goog",
    ]


def test_labels_suggest_prints_without_a_file(project: Project, imgcls: Command) -> None:
    """The map on standard output, what is said of it on the other; exit code 1 where a folder has nothing."""
    project.add_images("green", 1, "things")
    project.add_images("red", 1, "things")
    (project.folder / "things" / "green").rename(project.folder / "things" / "qqq")
    result = imgcls("labels", "suggest", "things", "--list", "names.txt")
    assert result.ret == 1
    nothing = "CHECK: nothing found; `imgcls labels search WORD` finds classes"
    assert result.outlines == ["folder,name,class_name,review", f"qqq,,,{nothing}", "red,red,red,the same"]
    assert result.errlines == ["qqq: nothing found", "red: 1 class of red (redness): red"]


def test_labels_suggest_takes_a_configured_dataset_and_a_manifest(project: Project, imgcls: Command) -> None:
    """By its name, or by its file."""
    (project.folder / "list.csv").write_text("path,label\ncolours/red/0000.png,red\ncolours/blue/0000.png,blue\n")
    shutil.move(project.folder / "colours", project.folder / "moved")
    shutil.copytree(project.folder / "moved", project.folder / "colours")
    for data, folders in (("list.csv", ["blue", "red"]), ("colours", ["blue", "green", "red"])):
        result = imgcls("labels", "suggest", data)
        assert [line.partition(",")[0] for line in result.outlines[1:]] == folders
    project.configure(CONFIGURATION.replace("colours", "set").replace('path = "set"', 'path = "moved"'))
    assert len(imgcls("labels", "suggest", "set").outlines) == 4


def test_labels_suggest_overwrites_nothing(project: Project, imgcls: Command) -> None:
    """A map file that somebody has reviewed is not lost."""
    (project.folder / "classes.csv").write_text("reviewed")
    result = imgcls("labels", "suggest", "colours", "--out", "classes.csv")
    assert result.ret == 2
    assert result.errlines == [
        "imgcls: classes.csv exists and is left as it is: name another file with --out, or remove it"
    ]
    assert (project.folder / "classes.csv").read_text() == "reviewed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "colour", "--list", "names.txt"], "--models and --list do not go together: name the one or *"),
        (
            ["--list", "absent.txt"],
            "--list absent.txt: there is no such file; it is imagenet-1k, imagenet-21k, digits, *",
        ),
        (["--models", "colour,small"], "imagenet-1k has WordNet ids and *names.txt has none, and a map file has one *"),
        (
            ["--models", "sorted"],
            "[[]models.sorted] its classes are the folders of a dataset: set `labels` to a list, *",
        ),
        (
            ["--models", "nothing"],
            "[[]models.nothing] its classes are stated nowhere: set `labels` to a list, or name *",
        ),
    ],
)
def test_labels_suggest_needs_lists(project: Project, imgcls: Command, options: list[str], message: str) -> None:
    """One line says what is missing."""
    own = CONFIGURATION[CONFIGURATION.index("[models") : CONFIGURATION.index("[gates")]
    sorted_folders = own.replace("models.colour", "models.sorted").replace('"names.txt"', '"folders"')
    nothing = own.replace("models.colour", "models.nothing").replace('labels = "names.txt"\n', "")
    project.also(TIMM + sorted_folders + nothing)
    result = imgcls("labels", "suggest", "colours", *options)
    assert result.ret == 2
    assert len(result.errlines) == 1
    result.stderr.fnmatch_lines([f"imgcls: {message}"])


def test_without_a_configuration_lists_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imgcls: Command
) -> None:
    """Nobody's default is ImageNet."""
    monkeypatch.chdir(tmp_path)
    result = imgcls("labels", "search", "cat")
    assert (result.ret, len(result.errlines)) == (2, 1)
    result.stderr.fnmatch_lines(["imgcls: name the classes: --models A,B or --list L, where there is no *"])
    assert imgcls("labels", "search", "cat", "--list", "imagenet-1k").ret == 0
