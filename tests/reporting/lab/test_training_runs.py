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
    stated = {"recipe": RUN.recipe, "pictures": {"learnt": RUN.train_images, "held_out": RUN.validation_images}}
    metadata = {"arch": RUN.arch, **{key: json.dumps(value) for key, value in stated.items()}}
    checkpoints.write_weights(out / export.WEIGHTS, {"weight": torch.zeros(1)}, metadata)
    return out


def test_a_run_is_read_as_it_was_trained(tmp_path: Path) -> None:
    """Every epoch to the last digit, the images, the recipe, and the seconds that follow from them."""
    [run] = training_runs.read([_write(tmp_path / "run")])
    assert run == RUN
    assert run.best.number == 3
    assert run.seconds() == [10.0, 10.0, 10.0]


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
