"""imgcls init: what is printed, and what is written."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from conftest import Command
from first_hour import CYRILLIC, NESTED, write_checkpoint, write_images


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network with ImageNet's classes in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / "net.safetensors")
    return tmp_path


def _listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_found_guessed_and_written_is_printed_in_a_few_lines(folder: Path, imgcls: Command) -> None:
    """In at most 80 characters, with the next two commands at the end."""
    write_images(folder / "photos", {"tabby": 3, "goldfish": 2})
    result = imgcls("init")
    assert result.ret == 0
    assert result.errlines == []
    assert result.outlines == [
        "found    photos: 2 classes, 5 images (5 png)",
        "         no exact duplicates, no near duplicates",
        "models   net: timm:test_resnet, net.safetensors",
        "guessed  photos/, because no --data names another folder",
        "         net: the only checkpoint here, and no --models names another",
        "         net: net.safetensors is timm:test_resnet, as it states",
        "written  imgcls.toml, test_models.py, pytest.ini",
        "",
        "next     pytest -m accuracy",
        "         pytest -m accuracy --imgcls-save main.json",
    ]
    assert _listed(folder) == ["imgcls.toml", "net.safetensors", "photos", "pytest.ini", "test_models.py"]


def test_copies_and_near_copies_are_counted(folder: Path, imgcls: Command) -> None:
    """Of the images that are different, the gate wants as many; bytes of two labels are left out by name."""
    write_images(folder / "photos", {"tabby": 3, "goldfish": 3})
    shutil.copy(folder / "photos/tabby/0.png", folder / "photos/tabby/copy.png")
    shutil.copy(folder / "photos/goldfish/0.png", folder / "photos/tabby/wrong.png")
    with Image.open(folder / "photos/tabby/1.png") as image:
        image.save(folder / "photos/tabby/again.jpg", quality=90)
    result = imgcls("init")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "found    photos: 2 classes, 7 images (6 png, 1 jpg)",
            "         1 exact duplicate, 1 near duplicate",
            '*duplicates = "drop" leaves out 2 images, *',
        ]
    )
    result.stdout.no_fnmatch_line("*ignored, because*")
    text = (folder / "imgcls.toml").read_text()
    assert "2 classes, 7 images, 1 copy among them" in text
    assert "min_images = 6" in text
    assert imgcls("labels", "check").ret == 0


def test_without_a_checkpoint_a_small_published_network_is_proposed(folder: Path, imgcls: Command) -> None:
    """Nothing is fetched for it, and what was published is said to be of other images."""
    (folder / "net.safetensors").unlink()
    write_images(folder / "photos", {"tabby": 6, "goldfish": 6})
    result = imgcls("init")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "models   mobilenet_v3_large: torchvision:mobilenet_v3_large, published weights",
            "           IMAGENET1K_V2",
            "*mobilenet_v3_large: small to fetch and quick on a CPU, and no --models*",
        ]
    )
    assert "published 0.753, which is of ImageNet's" in (folder / "imgcls.toml").read_text()


def test_a_map_file_is_to_be_checked_first(folder: Path, imgcls: Command) -> None:
    """Doubtful folders are named, and the check of labels agrees with what is claimed."""
    write_images(folder / "photos", NESTED)
    result = imgcls("init", "--data", folder / "photos", "--models", "net.safetensors,timm:test_vit")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "found    photos: 3 classes, 9 images (9 png)",
            "*net: timm:test_resnet, net.safetensors",
            "*test_vit: timm:test_vit, published weights",
            "guessed  the classes are the 3 folders below animals, vehicles; photos.csv lists",
            "*classes.csv: which classes are right for each folder; doubtful: cat",
            "next     imgcls labels check",
            "         pytest -m accuracy",
        ]
    )
    assert max(map(len, result.outlines)) <= 80
    check = imgcls("labels", "check")
    assert check.ret == 0
    check.stdout.fnmatch_lines(["ok   net on photos: 3 folders, *", "ok   test_vit on photos: 3 folders, *"])


def test_what_is_missing_has_its_next_step_and_another_exit_code(folder: Path, imgcls: Command) -> None:
    """The files are written all the same."""
    write_images(folder / "photos", CYRILLIC)
    result = imgcls("init")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "missing  грузовик: no class of imagenet-1k has this name, nor one like it",
            "         кошка: *",
            "         собака: *",
            "next     fill in classes.csv; imgcls labels search WORD lists classes",
            "         imgcls labels check",
        ]
    )
    assert (folder / "classes.csv").read_text(encoding="utf-8").count(",,,CHECK: nothing found") == 3


def test_a_model_to_complete_is_shown_with_its_problem(folder: Path, imgcls: Command) -> None:
    """And is a comment of the configuration."""
    write_images(folder / "photos", {"tabby": 1})
    (folder / "own.pth").write_bytes(b"no weights")
    result = imgcls("init", "--models", "own.pth")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "models   own: an unknown architecture, own.pth",
            "missing  own: *",
            "next     complete imgcls.toml where it has a model as a comment",
        ]
    )


def test_lines_to_add_by_hand_are_printed(folder: Path, imgcls: Command) -> None:
    """Where settings of pytest exist, which are left as they are."""
    write_images(folder / "photos", {"tabby": 1})
    (folder / "pyproject.toml").write_text("[project]\nname = 'mine'\n")
    result = imgcls("init")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "to do    add to pyproject.toml, so that a run without imgcls fails:",
            "         [[]tool.pytest.ini_options[]]",
            '         required_plugins = [[]"imgcls"[]]',
        ]
    )
    assert (folder / "pyproject.toml").read_text() == "[project]\nname = 'mine'\n"


def test_a_dry_run_prints_the_files_and_writes_none(folder: Path, imgcls: Command) -> None:
    """Also where files of these names exist."""
    write_images(folder / "photos", {"tabby": 1})
    (folder / "imgcls.toml").write_text("mine")
    result = imgcls("init", "--data", "photos", "--ci", "gitlab", "--dry-run")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "--- imgcls.toml",
            "[[]datasets.photos[]]",
            "--- test_models.py",
            "from imgcls.suite import test_latency, test_memory",
            "--- pytest.ini",
            "--- .gitlab-ci.yml",
            "--- requirements.txt",
            "would be imgcls.toml, test_models.py, pytest.ini, .gitlab-ci.yml,",
        ]
    )
    assert _listed(folder) == ["imgcls.toml", "net.safetensors", "photos"]
    assert (folder / "imgcls.toml").read_text() == "mine"


def test_a_workflow_comes_later_too(folder: Path, imgcls: Command) -> None:
    """Where a configuration is there only the workflow is new; a second time it is refused."""
    write_images(folder / "photos", {"tabby": 1})
    assert imgcls("init").ret == 0
    before = _listed(folder)
    dry = imgcls("init", "--ci", "github", "--dry-run")
    assert [line for line in dry.outlines if line.startswith("--- ")] == [
        "--- .github/workflows/models.yml", "--- requirements.txt",
    ]  # fmt: skip
    assert _listed(folder) == before
    result = imgcls("init", "--ci", "github")
    assert result.ret == 0
    assert result.outlines == [
        "found    imgcls.toml, which stays as it is",
        "written  .github/workflows/models.yml, requirements.txt",
        "to do    add to test_models.py, so that the workflow measures time and memory,",
        "           too:",
        "         from imgcls.suite import test_latency, test_memory",
        "",
        "next     commit the images, too, or let the workflow fetch them before it tests",
    ]
    assert _listed(folder) == sorted([*before, ".github", "requirements.txt"])
    again = imgcls("init", "--ci", "github")
    assert again.ret == 2
    again.stderr.fnmatch_lines(["imgcls: .github/workflows/models.yml exists and is left as it is, and nothing was*"])


def test_nothing_is_overwritten(folder: Path, imgcls: Command) -> None:
    """A second init is refused, and names what is there."""
    write_images(folder / "photos", {"tabby": 1})
    assert imgcls("init").ret == 0
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    result = imgcls("init")
    assert result.ret == 2
    assert result.outlines == []
    result.stderr.fnmatch_lines(
        ["imgcls: imgcls.toml, test_models.py exist and are left as they are, and nothing was written: *"]
    )
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ((), 2, "imgcls: flat holds 2 images and no folder per class: *"),
        (("--data", "nowhere"), 2, "imgcls: --data nowhere: there is no such folder; *"),
        (("--data", "flat"), 2, "imgcls: flat holds 2 images and no folder per class: *"),
        (("--data", "empty"), 2, "imgcls: empty has no folder in it: *"),
        (("--data", "photos\udcff"), 2, "imgcls: photos\\xff: this name is not UTF-8, *rename it"),
        (("--ci", "jenkins"), 2, "*jenkins*github, gitlab*"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: tuple[str, ...], code: int, expected: str, folder: Path, imgcls: Command
) -> None:
    """With the next step, and nothing is written."""
    (folder / "empty").mkdir()
    write_images(folder / "flat", {"": 2})
    if "photos\udcff" in arguments:
        write_images(folder / "photos\udcff", {"tabby": 1})
    result = imgcls("init", *arguments)
    assert result.ret == code
    assert result.outlines == []
    assert len(result.errlines) == 1
    result.stderr.fnmatch_lines([expected])
    assert not (folder / "imgcls.toml").exists()


def test_a_read_only_folder_is_one_line(folder: Path, imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the exit code of a machine that cannot."""
    write_images(folder / "photos", {"tabby": 1})
    monkeypatch.setattr("os.access", lambda *_: False)
    result = imgcls("init")
    assert result.ret == 3
    assert len(result.errlines) == 1
    result.stderr.fnmatch_lines(["imgcls: this folder takes no files, and nothing was written (Permission denied): *"])


def test_names_with_controls_are_printed_as_escapes(folder: Path, imgcls: Command) -> None:
    """And read back by the configuration as they are."""
    write_images(folder / 'my "odd"\n\\photos', {"tabby": 1})
    result = imgcls("init")
    assert result.ret == 0
    result.stdout.fnmatch_lines(['found    my "odd"\\n\\photos: 1 class, 1 image (1 png)'])
    assert imgcls("labels", "check").ret == 0
