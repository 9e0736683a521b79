"""``imgcls profile``: the operators of a model, and which of them moved."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Project
from imgcls.cli import main as cli_main
from imgcls.errors import ConfigError

Command = Callable[..., pytest.RunResult]

CONFIGURATION = """
[models.small]
arch = "torchvision:squeezenet1_1"
weights = "random:0"
input = { resize = 32, crop = 32 }

[models.other]
arch = "torchvision:squeezenet1_1"
weights = "random:1"
input = { resize = 32, crop = 32 }

[models.larger]
arch = "torchvision:squeezenet1_1"
weights = "random:0"
input = { resize = 48, crop = 48 }
"""


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command in this process, with three networks of random weights in reach."""
    (tmp_path / "imgcls.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        options = cli_main.parser().parse_args(["profile", *arguments])
        code: int = options.command(options)
        return code

    return run


def _saved(name: str = "a.json") -> Any:
    return json.loads(Path(name).read_text())


def test_the_ten_operators_are_shown_and_all_are_saved(
    profile: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The document has every operator and the conditions; the trace is one that Chrome opens."""
    assert profile("small", "--batch", "2", "--repeats", "3", "--json", "a.json", "--trace", "t.json") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("operators of small (untrained) on cpu, batch 2, ")
    assert ", median of 3 profiled calls " in " ".join(shown.split()) + " "
    assert "what moved" not in shown
    document = _saved()
    [profiled] = document["profiles"]
    assert shown.count("\n aten::") == 10
    assert f"and {len(profiled['operators']) - 10} more operators" in shown
    assert document.keys() == {"format", "made_at", "profiles", "seal"}
    assert document["format"] == 1
    assert profiled["conditions"]["batch"] == 2
    assert len(profiled["repeats_cpu_ns"]) == 3
    calls = {row["name"]: row["calls"] for row in profiled["operators"]}
    assert calls["aten::conv2d"] == 26
    assert [event["name"] for event in _saved("t.json")["traceEvents"]].count("aten::conv2d") == 26


def test_operators_may_be_sorted_by_memory(profile: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """What allocates is above what computes."""
    assert profile("small", "--repeats", "1", "--sort", "memory") == 0
    first, *_ = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith(" aten::")]
    assert first in {"aten::empty", "aten::resize_"}


def test_a_profile_is_held_against_one_that_was_saved(
    profile: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is before and this run is after; the other weights are named and not refused."""
    assert profile("small", "--repeats", "2", "--json", "a.json") == 0
    [before] = _saved()["profiles"]
    capsys.readouterr()
    assert profile("other", "--repeats", "3", "--against", "a.json", "--json", "a.json") == 0
    shown = capsys.readouterr().out
    assert "\nother, what moved in CPU time: model small -> other, weights " in shown
    assert "\n total " in shown
    assert " ".join(shown.split()).endswith(
        "too few repeats to tell a change from noise: profile both with --repeats 4 or more"
    )
    [after], [movement] = _saved()["profiles"], _saved()["movements"]
    assert after["conditions"]["model"] == "other"
    for side, side_of in ((before, "before_ns"), (after, "after_ns")):
        times = {row["name"]: row["self_cpu_ns"] for row in side["operators"]}
        assert {mover["name"]: mover[side_of] for mover in movement["movers"]} == times
        assert movement["total"][side_of] == sum(times.values())


def test_other_work_is_refused_and_leaves_the_files_as_they_were(
    profile: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another input or batch; nothing is profiled, and nothing is written over what was saved."""
    assert profile("small", "--repeats", "1", "--json", "a.json") == 0
    before = Path("a.json").read_bytes()
    monkeypatch.setattr("imgcls.performance.profiler.profile", None)
    with pytest.raises(ConfigError, match="another input: input resize"):
        profile("larger", "--repeats", "1", "--against", "a.json", "--json", "a.json")
    with pytest.raises(ConfigError, match=r"another batch: batch 1 and 2$"):
        profile("small", "--repeats", "1", "--batch", "2", "--against", "a.json", "--json", "a.json")
    assert Path("a.json").read_bytes() == before


def test_what_cannot_be_read_or_written_is_named_before_the_work(
    profile: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is loaded for a name that is wrong."""
    monkeypatch.setattr("imgcls.models.loader.load", None)
    with pytest.raises(ConfigError, match=r"^missing\.json: there is no profile of this name"):
        profile("small", "--against", "missing.json")
    for option in ("--json", "--trace"):
        with pytest.raises(ConfigError, match=r"^nowhere/a\.json cannot be written"):
            profile("small", option, "nowhere/a.json")
    with pytest.raises(ConfigError, match="neither torchvision nor timm has a model 'smal'"):
        profile("smal")


@pytest.mark.parametrize(("option", "value"), [("--repeats", "0"), ("--batch", "-1"), ("--sort", "name")])
def test_numbers_are_above_0(
    profile: Callable[..., int], option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As argparse has it."""
    with pytest.raises(SystemExit, match="2"):
        profile("small", option, value)
    assert f"imgcls profile: {option}: " in capsys.readouterr().err


@pytest.mark.usefixtures("project")
@pytest.mark.slow
def test_the_command_prints_only_its_table(imgcls: Command, imgcls_process: Command) -> None:
    """What torch's collector would log is not shown; a refusal is exit code 2 and one line."""
    result = imgcls_process("profile", "colour", "--json", "a.json")
    assert (result.ret, result.errlines) == (0, [])
    result.stdout.fnmatch_lines(["operators of colour on cpu, batch 1, 1 thread: *", "* aten::mean *"])
    result = imgcls("profile", "colour", "--against", "a.json", OMP_NUM_THREADS="2")
    assert result.ret == 2
    assert result.errlines == ["imgcls: the profiles cannot be compared: another threads: threads 1 and 2"]


def test_what_is_profiled_is_what_the_network_infers(project: Project, imgcls: Command) -> None:
    """Three calls to warm up and five that are profiled, of two images each, and one that counts its work."""
    assert imgcls("profile", "colour", "--batch", "2").ret == 0
    assert project.images_inferred() == 2 * (3 + 5) + 1


@pytest.mark.usefixtures("project")
def test_several_models_are_compared(profile: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """A table each, and the totals of all next to the first."""
    documents = ("--json", "p.json", "--csv", "p.csv", "--markdown", "p.md")
    assert profile("small", "larger", "--repeats", "1", *documents) == 0
    shown = capsys.readouterr().out
    assert shown.count("operators of ") == 2
    totals = shown[shown.index("totals of a call") :]
    assert re.search(r"^ small \(untrained\) .* 100\.0 %", totals, re.MULTILINE)
    assert re.search(r"^ larger \(untrained\) .* %", totals, re.MULTILINE)
    profiles = _saved("p.json")["profiles"]
    assert [of["conditions"]["model"] for of in profiles] == ["small", "larger"]
    lines = list(csv.DictReader(Path("p.csv").read_text().splitlines()))
    assert len(lines) == sum(len(of["operators"]) for of in profiles)
    assert Path("p.md").read_text().count("| operator |") == 2
    with pytest.raises(ConfigError, match="--trace writes the timeline of one model"):
        profile("small", "larger", "--trace", "t.json")
