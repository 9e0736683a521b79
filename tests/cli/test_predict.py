"""imgcls predict: classes of images that need no labels."""

from conftest import Command, Project


def test_predict_prints_the_five_best_per_image_and_overall(project: Project, imgcls: Command) -> None:
    """Class number, name and probability, for a file and for a folder without labels."""
    result = imgcls("predict", "colours/red/0000.png", "colours/blue", "--models", "colour")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["colours/red/0000.png  colour", "*class*name*probability*", "*0   red *", "colours/blue/0003.png  colour",
         "*2   blue *", "overall, 5 images  colour"]
    )  # fmt: skip
    assert not (project.folder / ".imgcls").exists()


def test_predict_says_which_image_it_could_not_read(project: Project, imgcls: Command) -> None:
    """The others are predicted all the same; the exit code is 1."""
    (project.folder / "broken.png").write_bytes(b"no image")
    result = imgcls("predict", "broken.png", "nowhere.jpg", "colours/red/0000.png", "--models", "colour")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["colours/red/0000.png  colour"])
    result.stderr.fnmatch_lines_random(["imgcls: broken.png: not_an_image: *", "imgcls: nowhere.jpg: missing: *"])


def test_predict_takes_architectures_without_a_configuration(project: Project, imgcls: Command) -> None:
    """A name that is no configured model is an architecture; an unknown one names the nearest."""
    (project.folder / "imgcls.toml").unlink()
    result = imgcls("predict", "colours/red/0000.png", "--models", "resnet5O")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*neither torchvision nor timm has a model 'resnet5O'; nearest: resnet50*"])
    assert imgcls("predict", "colours/red/0000.png").ret == 2
