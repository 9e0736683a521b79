"""``imgcls bench-compare``: which benchmark became slower, beyond the machine's noise."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from builders import MACHINE, extra_info, write_saved_run
from imgcls.cli import main as cli_main
from imgcls.reporting import progress

NAME = "bench/test_latency.py::test_latency[net-cpu-SingleStream]"


def _compare(folder: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    files = [write_saved_run(folder / "before.json", before), write_saved_run(folder / "after.json", after)]
    return cli_main.main(["bench-compare", *map(str, files), "--json", str(folder / "out.json")])


@pytest.mark.parametrize(
    ("factor", "code", "words"), [(1.0, 0, "PASS NOT SLOWER"), (1.1, 1, "FAIL SLOWER"), (0.9, 0, "PASS FASTER")]
)
def test_two_saved_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float, code: int, words: str
) -> None:
    """A tenth slower exits 1, a tenth faster and an equal run exit 0, each with its word, and the change is written."""
    assert _compare(tmp_path, {NAME: extra_info(0)}, {NAME: extra_info(1, factor)}) == code
    assert capsys.readouterr().out.startswith(f"{words}: {NAME}: p50 ")
    [compared] = json.loads((tmp_path / "out.json").read_text())["compared"]
    assert compared["name"] == NAME
    assert compared["shift"]["ratio"] == pytest.approx(factor, rel=0.02)


def test_a_noisy_machine_is_inconclusive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that becomes a third slower while it lasts shows nothing about 5 %, and exits 1."""
    drifting = extra_info(0) | {"rounds_ns": [round(1e7 * (1 + number / 600)) for number in range(200)]}
    assert _compare(tmp_path, {NAME: drifting}, {NAME: drifting | {"rounds_ns": drifting["rounds_ns"][::-1]}}) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"INCONCLUSIVE: {NAME}")
    assert "the machine is too noisy, or the rounds too few" in out


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"machine": asdict(replace(MACHINE, cpu="Another CPU"))},
            "another machine: cpu A fine CPU and Another CPU",
        ),
        ({"threads": 4}, "another threads: threads 2 and 4"),
        ({"batch": 8}, "another batch: batch 1 and 8"),
        ({"input": "resize(9)"}, "another input: input resize(8, bilinear) and resize(9)"),
        ({"rounds_ns": [1, 2, 3]}, "200 and 3 rounds are too few"),
    ],
)
def test_other_work_is_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], reason: str
) -> None:
    """Another machine, number of threads or amount of work exits 1, with what differs."""
    assert _compare(tmp_path, {NAME: extra_info(0)}, {NAME: extra_info(0) | change}) == 1
    assert f"ERROR {NAME}: cannot be compared: {reason}" in capsys.readouterr().out


def test_other_weights_and_libraries_are_compared(tmp_path: Path) -> None:
    """Weights, versions and precision are what one compares, and not a reason to refuse."""
    other = extra_info(1) | {"state_sha256": "00" * 32, "versions": {"torch": "9.9"}, "precision": "bfloat16"}
    assert _compare(tmp_path, {NAME: extra_info(0)}, {NAME: other}) == 0


def test_a_benchmark_that_one_run_lacks_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither one that was lost nor one that is new has been compared with anything."""
    assert (
        _compare(
            tmp_path,
            {NAME: extra_info(0), "lost": extra_info(0) | {"model": "a"}},
            {NAME: extra_info(1), "new": extra_info(1) | {"model": "b"}},
        )
        == 1
    )
    out = capsys.readouterr().out
    assert "ERROR lost: cannot be compared: only the first of the two runs has it" in out
    assert "ERROR new: cannot be compared: only the second of the two runs has it" in out


def test_a_moved_test_file_is_the_same_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was measured is compared, whichever file and test measured it."""
    assert _compare(tmp_path, {NAME: extra_info(0)}, {"tests/test_speed.py::test_it": extra_info(1, 1.1)}) == 1
    assert capsys.readouterr().out.startswith(f"FAIL SLOWER: tests/test_speed.py::test_it (before: {NAME}): p50 ")


def test_a_missing_baseline_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command exits 2, as for a wrong command line."""
    after = write_saved_run(tmp_path / "after.json", {NAME: extra_info(0)})
    assert cli_main.main(["bench-compare", str(tmp_path / "before.json"), str(after)]) == 2
    assert "before.json: there is no saved run of this name" in capsys.readouterr().err


def test_a_run_and_a_model_do_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs or two models are compared; one of each exits 2."""
    after = write_saved_run(tmp_path / "after.json", {NAME: extra_info(0)})
    assert cli_main.main(["bench-compare", "resnet50", str(after)]) == 2
    message = f"{after} is a saved run and resnet50 a model: bench-compare takes two saved runs, or two models"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("effect", ["0", "1", "-0.1", "5%", "nan"])
def test_an_effect_is_a_fraction(effect: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything but a fraction between 0 and 1 is refused by the command line."""
    with pytest.raises(SystemExit):
        cli_main.main(["bench-compare", "a.json", "b.json", f"--effect={effect}"])
    assert "is not a fraction between 0 and 1, as in 0.05" in capsys.readouterr().err


NETS = """
import time
import torch


class Busy(torch.nn.Module):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls
        self.weight = torch.nn.Parameter(torch.eye(192))

    def forward(self, batch):
        features = batch.flatten(1)
        for _ in range(self.calls):
            features = features @ self.weight
        return features[:, :3]


def quick():
    return Busy(200)


def slow():
    return Busy(300)
"""


@pytest.mark.slow
def test_two_models_are_run_in_turn(
    tmp_path: Path, imgcls: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half as much work again is SLOWER, and a model is not slower than itself; the configuration in reach is read."""
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    given = (
        'labels = "names.txt"\ninput = { resize = 8, crop = 8, interpolation = "bilinear", '
        "mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }\n"
    )
    models = "".join(f'[models.{name}]\narch = "python:nets:{name}"\n{given}' for name in ("quick", "slow"))
    (tmp_path / "imgcls.toml").write_text(models)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "LOG_S", 0.0)
    slower = imgcls("bench-compare", "quick", "slow", "--effect", "0.2")
    assert slower.ret == 1
    slower.stdout.fnmatch_lines(["FAIL SLOWER: slow against quick on cpu, batch 1: p50 * ratio 1.*"])
    slower.stderr.fnmatch_lines(["quick and slow: warming up", "quick and slow: 20 rounds of each model, in turn"])
    same = imgcls("bench-compare", "quick", "quick", "--effect", "0.3", "--json", "out.json")
    assert same.ret == 0
    same.stdout.fnmatch_lines(["PASS *: quick against quick on cpu, batch 1: *"])
    assert msgspec.json.decode((tmp_path / "out.json").read_bytes())["compared"][0]["shift"]["rounds"]
