"""imgcls.reporting.lab.training_runs: what a training left in its folder."""

import json
from pathlib import Path

import pytest
import torch

from imgcls.errors import ConfigError
from imgcls.reporting.lab import training_runs
from imgcls.training import checkpoints, export, history
from lab_parts import make_run

RUN = make_run("run")


def _write(out: Path) -> Path:
    """The files of :data:`RUN` that are read, as ``imgcls train`` writes them."""
    out.mkdir(parents=True)
    (out / "metrics.csv").write_text(history.table(RUN.epochs))
    stated = {
        "recipe": RUN.recipe,
        "weights": RUN.weights,
        "pictures": {"learnt": RUN.train_images, "held_out": RUN.validation_images},
    }
    metadata = {"arch": RUN.arch, **{key: json.dumps(value) for key, value in stated.items()}}
    checkpoints.write_weights(out / export.WEIGHTS, {"weight": torch.zeros(1)}, metadata)
    return out


def test_a_run_is_read_as_it_was_trained(tmp_path: Path) -> None:
    """Every epoch to the last digit, the images, the recipe, and what it began with."""
    [run] = training_runs.read([_write(tmp_path / "run")])
    assert run == RUN
    assert run.best.number == 3
    assert run.seconds() == [10.0, 10.0, 10.0]


WITHOUT_SECONDS = (
    b"epoch,learning_rate,train_loss,train_top1,train_macro_f1,val_loss,val_top1,val_macro_f1,images_per_second\n"
    b"1,0.1,1,0.5,0.5,1,0.5,0.5,0\n"
)
"""Of an older training that states a rate of 0."""


def test_two_folders_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the paths that were given."""
    monkeypatch.chdir(tmp_path)
    folders = [_write(Path(name) / "run") for name in ("a", "b")]
    assert [run.name for run in training_runs.read(folders)] == ["a/run", "b/run"]


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("metrics.csv", None, "*(metrics.csv: No such file or directory)"),
        ("metrics.csv", b"epoch\n", "*has no epoch*"),
        ("metrics.csv", b"epoch,learning_rate\n1,0.1\n", "*it lacks 'train_loss'*"),
        ("metrics.csv", b"epoch\none\n", "*could not convert*"),
        ("metrics.csv", WITHOUT_SECONDS, "*division by zero*"),
        ("metrics.csv", history.table(RUN.epochs).replace("0.5,", "nan,", 1).encode(), "*a figure that is not finite*"),
        ("metrics.csv", b"\xff\xfe\n", "*codec can't decode*"),
        ("best.safetensors", None, "*(No such file or directory: *best.safetensors)"),
        ("best.safetensors", b"short", "*best.safetensors: *"),
    ],
)
def test_what_is_no_training_is_named_with_the_reason(
    tmp_path: Path, file: str, content: bytes | None, why: str
) -> None:
    """One line, with what to name instead."""
    out = _write(tmp_path / "run")
    (out / file).unlink()
    if content is not None:
        (out / file).write_bytes(content)
    with pytest.raises(ConfigError, match="not a folder that `imgcls train` wrote") as error:
        training_runs.read([out])
    pytest.LineMatcher([str(error.value)]).fnmatch_lines([f"{why}; name the --out of a training"])


def _configure(out: Path, *images: bytes) -> Path:
    """A configuration as a training writes it, on these validation images."""
    (out / "val" / "cat").mkdir(parents=True)
    for number, content in enumerate(images):
        (out / "val" / "cat" / f"{number}.jpg").write_bytes(content)
    (out / export.CONFIGURATION).write_text(
        '[datasets.validation]\npath = "val"\n'
        '[models.trained]\narch = "timm:test_resnet"\nweights = "best.safetensors"\n'
    )
    return out


def test_the_networks_of_trainings_have_the_names_of_their_folders(tmp_path: Path) -> None:
    """With the best weights, and on the images that all were validated on."""
    folders = [_configure(_write(tmp_path / name), b"1", b"2") for name in ("numpy", "torch")]
    networks = training_runs.networks(folders, training_runs.read(folders))
    assert {name: (spec.name, spec.weights) for name, spec in networks.items()} == {
        folder.name: (folder.name, folder / export.WEIGHTS) for folder in folders
    }
    assert Path(training_runs.validation(folders).path) == folders[0] / "val"


def test_trainings_with_other_validation_images_have_none_in_common(tmp_path: Path) -> None:
    """Also where only one more was in one of them."""
    one, other = _configure(tmp_path / "a", b"1"), _configure(tmp_path / "b", b"1", b"2")
    with pytest.raises(ConfigError, match=r"--runs: .*a and .*b were validated on different images, .* with --data"):
        training_runs.validation([one, other])


@pytest.mark.parametrize("left", ['[datasets.validation]\npath = "val"\n', '[models.trained]\narch = "timm:x"\n'])
def test_a_configuration_that_lost_its_model_or_dataset_is_refused(tmp_path: Path, left: str) -> None:
    """With what to name instead."""
    out = _configure(tmp_path / "a", b"1")
    (out / export.CONFIGURATION).write_text(left)
    with pytest.raises(ConfigError, match=r"has no model or no dataset any more, .*; name the models of the report"):
        training_runs.validation([out])
