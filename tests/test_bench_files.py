"""imgcls.bench_files and ``imgcls bench-compare``: which benchmark became slower, beyond the machine's noise."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import costs
from imgcls import bench_files, cli, measuring
from imgcls.errors import ConfigError

NAME = "bench/test_latency.py::test_latency[net-cpu-SingleStream]"


def _rounds(seed: int, factor: float = 1.0) -> tuple[int, ...]:
    noise = np.random.default_rng(seed).lognormal(0, 0.02, 200)
    return tuple(round(10_000_000 * factor * value) for value in noise)


def _extra(seed: int, factor: float = 1.0) -> dict[str, Any]:
    return measuring.extra_info(costs.latency(rounds_ns=_rounds(seed, factor)))


def _write(file: Path, benchmarks: Mapping[str, Mapping[str, Any]]) -> Path:
    """As much of a saved run as there is need for."""
    listed = [{"fullname": name, "stats": {"median": 1.0}, "extra_info": extra} for name, extra in benchmarks.items()]
    file.write_text(json.dumps({"version": "5.1.0", "benchmarks": listed}))
    return file


def _compare(folder: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    files = [_write(folder / "before.json", before), _write(folder / "after.json", after)]
    return cli.main(["bench-compare", *map(str, files), "--json", str(folder / "out.json")])


@pytest.mark.parametrize(
    ("factor", "code", "said"), [(1.0, 0, "PASS NOT SLOWER"), (1.1, 1, "FAIL SLOWER"), (0.9, 0, "PASS FASTER")]
)
def test_two_saved_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float, code: int, said: str
) -> None:
    """A tenth slower fails, a tenth faster does not, and nothing at all is said to be nothing."""
    assert _compare(tmp_path, {NAME: _extra(0)}, {NAME: _extra(1, factor)}) == code
    assert capsys.readouterr().out.startswith(f"{said}: {NAME}: p50 ")
    [found] = json.loads((tmp_path / "out.json").read_text())["compared"]
    assert found["name"] == NAME
    assert found["shift"]["ratio"] == pytest.approx(factor, rel=0.02)


def test_a_noisy_machine_is_inconclusive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that becomes a third slower while it lasts tells nothing of 5 %, and that is not green."""
    drifting = _extra(0) | {"rounds_ns": [round(1e7 * (1 + number / 600)) for number in range(200)]}
    assert _compare(tmp_path, {NAME: drifting}, {NAME: drifting | {"rounds_ns": drifting["rounds_ns"][::-1]}}) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"INCONCLUSIVE: {NAME}")
    assert "the machine is too noisy, or the rounds too few" in out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"machine": asdict(replace(costs.MACHINE, cpu="Another CPU"))},
            "another machine: machine Machine(cpu='A fine",
        ),
        ({"threads": 4}, "another threads: threads 2 and 4"),
        ({"batch": 8}, "another batch: batch 1 and 8"),
        ({"input": "resize(9)"}, "another input: input resize(8, bilinear) and resize(9)"),
        ({"rounds_ns": [1, 2, 3]}, "200 and 3 rounds are too few"),
    ],
)
def test_unlike_things_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], says: str
) -> None:
    """Another machine, number of threads or amount of work is no comparison, and says which."""
    assert _compare(tmp_path, {NAME: _extra(0)}, {NAME: _extra(0) | change}) == 1
    assert f"ERROR {NAME}: cannot be compared: {says}" in capsys.readouterr().out


def test_other_weights_and_libraries_are_what_one_compares(tmp_path: Path) -> None:
    """They are no reason to refuse."""
    other = _extra(1) | {"state_sha256": "00" * 32, "versions": {"torch": "9.9"}, "precision": "bfloat16"}
    assert _compare(tmp_path, {NAME: _extra(0)}, {NAME: other}) == 0


def test_a_benchmark_that_one_run_lacks_is_not_green(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither one that was lost nor one that is new has been compared with anything."""
    assert _compare(tmp_path, {NAME: _extra(0), "lost": _extra(0)}, {NAME: _extra(1), "new": _extra(1)}) == 1
    out = capsys.readouterr().out
    assert "ERROR lost: cannot be compared: only the first of the two runs has it" in out
    assert "ERROR new: cannot be compared: only the second of the two runs has it" in out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "there is no saved run of this name; make one with pytest --benchmark-json gone.json"),
        ("{", "not a run saved by pytest-benchmark"),
        ('{"format": 1, "results": []}', "not a run saved by pytest-benchmark"),
        ('{"benchmarks": []}', "none of its 0 benchmarks used imgcls's latency fixture"),
        ('{"benchmarks": [{"fullname": "x", "extra_info": {}}]}', "none of its 1 benchmarks used imgcls's latency"),
        ('{"benchmarks": [{"fullname": "x", "extra_info": {"rounds_ns": 3}}]}', "its extra_info is not that of this"),
    ],
)
def test_what_is_no_saved_run_is_refused(tmp_path: Path, text: str | None, says: str) -> None:
    """With the file and the way to a better one."""
    file = tmp_path / "gone.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=r"gone\.json") as refused:
        bench_files.read(file)
    assert says in str(refused.value)


def test_a_missing_baseline_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command's exit code is that of a wrong command line."""
    after = _write(tmp_path / "after.json", {NAME: _extra(0)})
    assert cli.main(["bench-compare", str(tmp_path / "before.json"), str(after)]) == 2
    assert "before.json: there is no saved run of this name" in capsys.readouterr().err


def test_a_run_and_a_model_do_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of a kind, or nothing."""
    after = _write(tmp_path / "after.json", {NAME: _extra(0)})
    assert cli.main(["bench-compare", "resnet50", str(after)]) == 2
    assert "bench-compare takes two saved runs, or two models" in capsys.readouterr().err


@pytest.mark.parametrize("effect", ["0", "1", "-0.1", "5%", "nan"])
def test_an_effect_is_a_fraction(effect: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is refused by the command line."""
    with pytest.raises(SystemExit):
        cli.main(["bench-compare", "a.json", "b.json", f"--effect={effect}"])
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


def test_two_models_are_asked_in_turn(
    tmp_path: Path, imgcls: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half as much work again is found, from the configuration in reach, and a model is no slower than itself."""
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    given = (
        'labels = "names.txt"\ninput = { resize = 8, crop = 8, interpolation = "bilinear", '
        "mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }\n"
    )
    models = "".join(f'[models.{name}]\narch = "python:nets:{name}"\n{given}' for name in ("quick", "slow"))
    (tmp_path / "imgcls.toml").write_text(models)
    monkeypatch.chdir(tmp_path)
    slower = imgcls("bench-compare", "quick", "slow", "--effect", "0.2")
    assert slower.ret == 1
    slower.stdout.fnmatch_lines(["FAIL SLOWER: slow against quick on cpu, batch 1: p50 * ratio 1.*"])
    same = imgcls("bench-compare", "quick", "quick", "--effect", "0.3", "--json", "out.json")
    assert same.ret == 0
    same.stdout.fnmatch_lines(["PASS *: quick against quick on cpu, batch 1: *"])
    assert msgspec.json.decode((tmp_path / "out.json").read_bytes())["compared"][0]["shift"]["rounds"]
