"""imgcls report: a saved run becomes one page, with the images that are in reach."""

import json
from pathlib import Path

import pytest

from conftest import CONFIGURATION, Command, Project
from report_pages import section


@pytest.fixture
def run(project: Project, imgcls: Command) -> Project:
    """A project whose run is saved."""
    assert imgcls("score", "--save", "run.json").ret == 0
    return project


def _page(name: str = "report.html") -> str:
    return Path(name).read_text()


def test_a_saved_run_becomes_a_page_with_its_images(run: Project, imgcls: Command) -> None:
    """From the dataset of the configuration in reach; a second time it is the same, byte for byte."""
    assert run
    result = imgcls("report", "run.json", "-o", "report.html")
    assert (result.ret, result.outlines, result.errlines) == (0, ["the report is report.html"], [])
    assert _page().count("data:image/webp") == 12
    assert "12 have a thumbnail, 0 have none" in section(_page(), "images")
    imgcls("report", "run.json", "-o", "again.html")
    assert _page("again.html") == _page()


def test_it_embeds_the_file_as_it_is(run: Project, imgcls: Command) -> None:
    """The document can be taken out again."""
    assert run
    imgcls("report", "run.json", "-o", "report.html")
    text = _page().partition('<script type="application/json" id="document">')[2].partition("</script>")[0]
    assert json.loads(text) == json.loads(Path("run.json").read_text())


def test_images_that_changed_or_are_gone_are_not_shown(run: Project, imgcls: Command) -> None:
    """Their rows stay."""
    (run.folder / "colours" / "red" / "0000.png").unlink()
    (run.folder / "colours" / "red" / "0001.png").write_bytes((run.folder / "colours/red/0002.png").read_bytes())
    imgcls("report", "run.json", "-o", "report.html")
    images = section(_page(), "images")
    assert "10 have a thumbnail, 2 have none" in images
    assert "red/0000.png" in images


def test_data_names_where_the_images_are(run: Project, imgcls: Command) -> None:
    """By the name of the dataset, which may be left out where there is one."""
    (run.folder / "colours").rename(run.folder / "moved")
    result = imgcls("report", "run.json", "-o", "report.html")
    assert result.ret == 0
    assert result.errlines[-1].endswith("--data colours=DIR names where they are")
    for data in ("colours=moved", "moved"):
        imgcls("report", "run.json", "--data", data, "-o", "report.html")
        assert "12 have a thumbnail" in section(_page(), "images")


def test_without_a_configuration_there_are_no_images(run: Project, imgcls: Command) -> None:
    """Only what is in the document."""
    (run.folder / "imgcls.toml").unlink()
    result = imgcls("report", "run.json", "-o", "report.html")
    assert (result.ret, result.errlines) == (
        0,
        ["no images of colours: no configuration in reach has it; --data colours=DIR names its folder"],
    )


def test_a_baseline_is_compared_and_embedded(run: Project, imgcls: Command) -> None:
    """Its flips have a section, and are in the document."""
    run.configure(CONFIGURATION.replace("nets:colour", "nets:colour").replace("top1 = 1.0", "top1 = 0.0"))
    names = Path("names.txt").read_text()
    Path("nets.py").write_text(Path("nets.py").read_text().replace("batch.mean(dim=(2, 3))", "-batch.mean(dim=(2, 3))"))
    Path("names.txt").write_text(names)
    assert imgcls("score", "--save", "other.json").ret == 0
    assert imgcls("report", "other.json", "--baseline", "run.json", "-o", "report.html").ret == 0
    flips = section(_page(), "flips")
    assert "12 flips: 12 right to wrong." in flips
    text = _page().partition('id="document">')[2].partition("</script>")[0]
    assert len(json.loads(text)["comparisons"][0]["flips"]) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "colors=."], "--data colors=.: no dataset 'colors' in the run; did you mean 'colours'?"),
        (["--data", "colours="], "--data colours=: expected NAME=DIR, with one of the datasets colours"),
        (["run.json"], "a report is about one saved run: name one, another one with --baseline, or only models"),
        (["--baseline", "gone.json"], "gone.json: there is no saved run of this name"),
        (["-o", "gone/report.html"], "gone/report.html cannot be written: name a file in a folder that exists"),
    ],
)
def test_what_a_user_can_mend_is_one_line(run: Project, imgcls: Command, arguments: list[str], message: str) -> None:
    """With exit code 2."""
    assert run
    result = imgcls("report", "-o", "report.html", "run.json", *arguments)
    assert (result.ret, len(result.errlines)) == (2, 1)
    assert message in result.errlines[0]
    assert not Path("report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "run.json"], "--baseline goes with a report of a saved run, not of models"),
        (["--data", "a", "--data", "b"], "a report of models is about one set of images: give --data once"),
    ],
)
def test_options_of_a_run_and_of_models_are_told_apart(
    project: Project, imgcls: Command, arguments: list[str], message: str
) -> None:
    """With exit code 2."""
    assert project
    result = imgcls("report", "colour", "-o", "report", *arguments)
    assert (result.ret, result.errlines) == (2, [f"imgcls: {message}"])


def test_a_run_writes_its_report_itself(project: Project, imgcls: Command) -> None:
    """With its verdicts, also where a gate fails."""
    project.configure(CONFIGURATION.replace("min_images = 12", "min_images = 13"))
    assert imgcls("score", "--report", "report.html").ret == 1
    assert "1 failed" in section(_page(), "verdicts")
    assert "12 have a thumbnail" in section(_page(), "images")


@pytest.mark.slow
def test_pytest_writes_the_report(project: Project, run_pytest: Command) -> None:
    """With ``--imgcls-report``."""
    assert project
    assert run_pytest("--imgcls-report", "report.html").ret == 0
    assert "of 3 verdicts" in section(_page(), "verdicts")
