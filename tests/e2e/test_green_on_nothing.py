"""Nothing is green by accident: where nothing was shown, pytest ends with an error that states why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import NETWORK, Project

Command = Callable[..., pytest.RunResult]
README = Path(__file__).parents[2] / "README.md"
SUICIDE = """
class Deadly(Colour):
    def forward(self, batch):
        os.kill(os.getpid(), 9)


def deadly():
    return Deadly()
"""


def _images(project: Project) -> list[Path]:
    return sorted((project.folder / "colours").rglob("*.png"))


def _replace(project: Project, old: str, new: str) -> None:
    text = (project.folder / "imgcls.toml").read_text()
    assert old in text
    project.configure(text.replace(old, new))


def _saved(project: Project, **changes: Any) -> None:
    """A saved run with one image that the project does not have."""
    pair = {"model": "colour", "dataset": "colours"}
    stranger = {**pair, "path": "red/old.png", "image_sha256": 64 * "0", "label": "red", "top": [[0, "red", 0.9]]}
    document = {"format": 1, "complete": True, "results": [pair], "predictions": [stranger], **changes}
    (project.folder / "main.json").write_text(json.dumps(document))


def empty_folder(project: Project) -> None:
    for image in _images(project):
        image.unlink()


def all_files_broken(project: Project) -> None:
    for image in _images(project):
        image.write_bytes(image.read_bytes()[:60])


def nan_logits(project: Project) -> None:
    _replace(project, "nets:colour", "nets:nan")


def infinite_logits(project: Project) -> None:
    _replace(project, "nets:colour", "nets:infinite")


def model_that_does_not_load(project: Project) -> None:
    _replace(project, "nets:colour", "nets:broken")


def nothing(_: Project) -> None:
    pass


def baseline_of_other_images(project: Project) -> None:
    _saved(project)


def baseline_cut_short(project: Project) -> None:
    _saved(project, complete=False)


def baseline_without_predictions(project: Project) -> None:
    _saved(project, predictions=None)


def baseline_of_another_model(project: Project) -> None:
    _saved(project, results=[{"model": "other", "dataset": "colours"}])


def the_readmes_template(project: Project) -> None:
    [template] = [part for part in README.read_text().split("```toml\n")[1:] if "required_plugins" in part]
    (project.folder / "pytest.ini").unlink()
    (project.folder / "pyproject.toml").write_text(template.partition("```")[0])


def deadly_model(project: Project) -> None:
    with (project.folder / "nets.py").open("a") as nets:
        nets.write(SUICIDE)
    _replace(project, "nets:colour", "nets:deadly")


def unreadable_store(project: Project) -> None:
    (project.folder / ".imgcls").mkdir()
    (project.folder / ".imgcls" / "predictions.sqlite3").write_bytes(b"this is no database" * 100)


def another_gated_model(project: Project) -> None:
    project.also(f'[models.other]\narch = "python:nets:colour"\n{NETWORK}[gates.other]\ncolours = {{ top1 = 0.5 }}\n')


def margins_without_a_baseline(project: Project) -> None:
    project.also("[compare]\ntop1 = { margin = 0.01 }\n")


def misspelt_gate_key(project: Project) -> None:
    _replace(project, "top1 = 1.0", "top_1 = 1.0")


def threshold_in_per_cent(project: Project) -> None:
    _replace(project, "top1 = 1.0", "top1 = 76")


def proven_threshold_that_few_images_cannot_show(project: Project) -> None:
    _replace(project, "top1 = 1.0", "top1 = { min = 0.9, confidence = 0.95 }")


def top5_of_three_classes(project: Project) -> None:
    _replace(project, "top1 = 1.0", "top5 = 0.9")


def folders_that_accept_every_class(project: Project) -> None:
    _replace(project, 'path = "colours"', 'path = "colours"\nlabels = { file = "classes.csv" }')
    rows = [f"{folder},{index}" for folder in ("red", "green", "blue") for index in range(3)]
    (project.folder / "classes.csv").write_text("\n".join(["folder,index", *rows]))


def duplicates_for_missing_images(project: Project) -> None:
    first, *others = _images(project)[:3]
    for copy in others:
        copy.write_bytes(first.read_bytes())


def one_image_under_two_labels(project: Project) -> None:
    copied = project.folder / "colours" / "red" / "0000.png"
    (project.folder / "colours" / "blue" / "0000.png").write_bytes(copied.read_bytes())


NEVER_GREEN = [
    (empty_folder, "", "*no image was scored*"),
    (all_files_broken, "", "*no image was scored, 12 of 12 rejected*"),
    (nan_logits, "", "*logits are NaN on blue/0000.png*"),
    (infinite_logits, "", "*logits are infinite on blue/0000.png*"),
    (model_that_does_not_load, "", "*this factory is broken*"),
    (
        nothing,
        "--imgcls-baseline main.json",
        "*main.json: there is no saved run of this name*--imgcls-save *main.json *",
    ),
    (nothing, "--imgcls-baseline last", "*there is no last run*"),
    (nothing, "--imgcls-compare-fail top1:0.01", "*--imgcls-compare-fail needs something to compare with*"),
    (baseline_of_other_images, "--imgcls-baseline main.json", "*the two have none in common (1 before, 12 after)*"),
    (baseline_cut_short, "--imgcls-baseline main.json", "*main.json: the run was cut short*"),
    (baseline_without_predictions, "--imgcls-baseline main.json", "*main.json: it holds no predictions*"),
    (baseline_of_another_model, "--imgcls-baseline main.json", "*has no colour on colours; it has other on colours*"),
    (margins_without_a_baseline, "--imgcls-require-gates", "*colour on colours, compare (no baseline was named)*"),
    (the_readmes_template, "-p no:imgcls.plugin", "*Missing required plugins: imgcls*"),
    (unreadable_store, "", "*predictions.sqlite3 cannot be used*Delete the file*"),
    (another_gated_model, "--imgcls-models colour --imgcls-require-gates", "*gate not evaluated: other on colours*"),
    (another_gated_model, "-k colour] --imgcls-require-gates", "*gate not evaluated: other on colours*"),
    (misspelt_gate_key, "", "*[[]gates.colour.colours[]] top_1: unknown key; did you mean 'top1'?*"),
    (threshold_in_per_cent, "", "*top1: 76 is not a fraction in [[]0, 1[]]; write 0.76*"),
    (proven_threshold_that_few_images_cannot_show, "", "*INCONCLUSIVE: colour on colours: top1 1.0000 (12 of 12)*"),
    (top5_of_three_classes, "", "*a top5 gate cannot fail on a model with 3 classes*use top1 or macro_f1 instead*"),
    (folders_that_accept_every_class, "", "*a top1 gate cannot fail*of which 3 or more are right for every folder*"),
    (duplicates_for_missing_images, "", "*10 different images scored, wanted 12*"),
    (one_image_under_two_labels, "", "*blue/0000.png*red/0000.png*"),
]


@pytest.mark.parametrize(
    ("arrange", "arguments", "message"),
    NEVER_GREEN,
    ids=[f"{case[0].__name__} {case[1]}".strip() for case in NEVER_GREEN],
)
def test_it_ends_with_an_error_that_states_why(
    run_pytest: Command, project: Project, arrange: Callable[[Project], None], arguments: str, message: str
) -> None:
    """Pytest's exit code is not 0, the reason is in its output, and there is no traceback of ours."""
    arrange(project)
    _assert_red(run_pytest(*arguments.split()), message)


@pytest.mark.slow
def test_a_dead_worker_is_an_error(pytest_process: Command, project: Project) -> None:
    """A network that kills its process, which is a worker of xdist."""
    deadly_model(project)
    _assert_red(pytest_process("-n", "1"), "*crashed*")


def _assert_red(result: pytest.RunResult, message: str) -> None:
    assert result.ret != 0
    pytest.LineMatcher(result.outlines + result.errlines).fnmatch_lines([message])
    assert "src/imgcls" not in result.stdout.str()


def test_cuda_that_was_requested_and_is_absent(run_pytest: Command, project: Project) -> None:
    """A device that is not there is never replaced by another."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("cuda: this machine has it")
    result = run_pytest("--imgcls-device", "cuda")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*device 'cuda' was requested*"])
    assert project.images_inferred() == 0
