"""The HTML page of compare, predict and profile."""

import pytest

from conftest import Command, Project


def _page(project: Project) -> str:
    return (project.folder / "page.html").read_text(encoding="utf-8")


def test_two_saved_runs_are_a_page_of_the_second(project: Project, imgcls: Command) -> None:
    """With what changed since the first, and the images of the configured dataset."""
    imgcls("score", "--save", "before.json")
    project.configure(
        (project.folder / "imgcls.toml").read_text().replace("[gates", "options = { gain = -1.0 }\n[gates")
    )
    imgcls("score", "--save", "after.json")
    assert imgcls("compare", "before.json", "after.json", "--report", "page.html").ret == 0
    page = _page(project)
    assert '<section id="flips"' in page
    assert page.count("data:image/webp;base64,") == 12


def test_predictions_are_a_page_with_their_images(project: Project, imgcls: Command) -> None:
    """Images that belong to no dataset have thumbnails, too."""
    assert imgcls("predict", "colours/red", "--models", "colour", "--report", "page.html").ret == 0
    page = _page(project)
    assert "colours/red/0003.png" in page
    assert page.count("data:image/webp;base64,") == 4


def test_operators_are_a_page(project: Project, imgcls: Command) -> None:
    """A profile without any score."""
    assert imgcls("profile", "colour", "--repeats", "1", "--report", "page.html").ret == 0
    assert "aten::mean" in _page(project)


@pytest.mark.parametrize(
    "command", [("compare", "a.json", "b.json"), ("predict", "colours"), ("profile", "colour")], ids=lambda c: c[0]
)
def test_a_page_that_cannot_be_written_is_known_before_the_work(
    project: Project, imgcls: Command, command: tuple[str, ...]
) -> None:
    """One line, and nothing is scored."""
    result = imgcls(*command, "--report", "no/such/folder/page.html")
    assert result.ret != 0
    result.stderr.fnmatch_lines(["*page.html*"])
    assert project.images_inferred() == 0
