"""imgcls labels check: what the folders of a dataset mean to a model."""

from conftest import Command, Project


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
