"""imgcls.session.sharding: which shard a process is, from an option or from what started it, or one line why not."""

import re
from pathlib import Path

import pytest

from imgcls.config import loader as configuration
from imgcls.errors import ConfigError
from imgcls.records.shards import Shard
from imgcls.session import sharding

SLURM = {
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURM_ARRAY_TASK_MIN": "1",
    "SLURM_ARRAY_TASK_MAX": "8",
    "SLURM_ARRAY_TASK_COUNT": "8",
}
TORCHRUN = {"RANK": "2", "WORLD_SIZE": "8"}
KUBERNETES = {"JOB_COMPLETION_INDEX": "2"}


@pytest.mark.parametrize(("text", "shard"), [("1/8", Shard(1, 8)), ("8/8", Shard(8, 8)), ("1/1", Shard(1, 1))])
def test_a_shard_is_a_number_of_a_number(text: str, shard: Shard) -> None:
    """Counted from 1."""
    assert sharding.shard("--shard", text, {}) == shard


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0/8", "--shard 0/8: shards are counted from 1: write --shard 1/8 for the first"),
        ("9/8", "--shard 9/8: there are only 8: write --shard 8/8 for the last"),
        ("1/0", "--shard 1/0: a run has at least one shard: write --shard 1/1 for all of it"),
        ("a/b", "--shard a/b: not a shard: write I/N, as in --shard 1/8, or --shard auto"),
        ("3-12", "--shard 3-12: not a shard: write I/N, as in --shard 3/12, or --shard auto"),
        ("3 of 12", "--shard 3 of 12: not a shard: write I/N, as in --shard 3/12, or --shard auto"),
        ("5", "--shard 5: not a shard: write I/N, as in --shard 1/8, or --shard auto"),
    ],
)
def test_what_is_not_a_shard_is_one_line(text: str, message: str) -> None:
    """With the nearest one that is."""
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        sharding.shard("--shard", text, {})


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("auto", SLURM),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "7"}),
        (
            "auto",
            {**SLURM, "SLURM_ARRAY_TASK_ID": "20", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "70"}
            | {"SLURM_ARRAY_TASK_STEP": "10"},
        ),
        ("auto", TORCHRUN),
        ("auto/8", KUBERNETES),
        ("auto", {**SLURM, **TORCHRUN}),
        ("auto", {**KUBERNETES, **TORCHRUN}),
    ],
)
def test_the_shard_is_what_started_the_process(text: str, variables: dict[str, str]) -> None:
    """SLURM counts from where the array begins, torchrun and Kubernetes from 0."""
    assert sharding.shard("--shard", text, variables) == Shard(3, 8)


@pytest.mark.parametrize(
    ("text", "variables", "message"),
    [
        ("auto", {}, "--shard auto: none of SLURM_ARRAY_TASK_ID, RANK and JOB_COMPLETION_INDEX is set here: write I/N"),
        (
            "auto",
            KUBERNETES,
            "no variable states of how many: write --shard auto/N, where N is the job's `completions`",
        ),
        (
            "auto",
            {**SLURM, "RANK": "0", "WORLD_SIZE": "2"},
            "SLURM_ARRAY_TASK_ID states shard 3 of 8, RANK states shard 1 of 2: write which one is meant",
        ),
        ("auto/4", SLURM, "SLURM_ARRAY_TASK_ID states shard 3 of 8, --shard states 4: write which one is meant"),
        ("auto", {"RANK": "0"}, "WORLD_SIZE is not set: write I/N"),
        ("auto", {"RANK": "x", "WORLD_SIZE": "2"}, "RANK is 'x', which is not a number: write I/N"),
        ("auto/2", KUBERNETES, "there are only 2"),
        (
            "auto",
            {**SLURM, "SLURM_ARRAY_TASK_MAX": "11"},
            "the tasks of this array are not numbered without gaps: write --array=1-8",
        ),
    ],
)
def test_what_states_no_shard_is_one_line(text: str, variables: dict[str, str], message: str) -> None:
    """It names what was seen; nothing is guessed."""
    with pytest.raises(ConfigError, match=re.escape(message)) as error:
        sharding.shard("--shard", text, variables)
    assert "\n" not in str(error.value)


def _check(**given: object) -> None:
    sharding.check({**dict.fromkeys(sharding.OPTIONS), "store": Path("store"), **given}, "--")


@pytest.mark.parametrize("option", sharding.OF_WHOLE)
def test_what_is_about_a_whole_run_is_refused(option: str) -> None:
    """Each in one line that states where it belongs."""
    with pytest.raises(ConfigError, match=rf"--shard and --{option} do not go together: .*imgcls store merge"):
        _check(**{option: "given"})


def test_something_is_left_of_a_shard() -> None:
    """Its store, or its document."""
    with pytest.raises(ConfigError, match="--shard and --store off leave nothing of a shard: name a folder"):
        _check(store=None)
    _check(store=None, json=Path("1.json"))


def test_a_shard_has_nothing_to_be_held_against(tmp_path: Path) -> None:
    """Neither gates, margins and limits, nor golden records, exports and serving."""
    (tmp_path / "imgcls.toml").write_text(
        '[datasets.photos]\npath = "photos"\ngolden = true\n[models.net]\narch = "timm:test_resnet"\n'
        "[gates.net]\nphotos = { top1 = 0.5 }\n[compare]\ntop1 = { margin = 0.01 }\n"
        "[latency.net]\np95_ms = 4\n[memory.net]\nhost = '1 GB'\n[models.net.exports.onnx]\npath = 'net.onnx'\n"
    )
    settings = configuration.load([tmp_path / "imgcls.toml"])
    left = sharding.without_gates(settings)
    assert settings.golden_pairs() == settings.parity_pairs() == settings.pairs() == left.pairs()
    assert [left.golden_pairs(), left.parity_pairs()] == [[], []]
    assert [left.gates, left.margins, left.latency, left.memory, left.parity] == [{}] * 5
