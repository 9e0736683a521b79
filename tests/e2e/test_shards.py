"""Shards of a run, merged, are the run: the same document, nothing lost, nothing counted twice, nothing smaller."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import CONFIGURATION, Command, Project
from imgcls.data import shards
from imgcls.store import schema

TIMES = {"made_at", "passes", "seal", "images_per_second", "set_seconds", "from_store"}
"""What depends on the time, and on what was stored already."""

SHARED = Path(__file__).parents[3] / "shared" / "data"


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in TIMES}
    return [_lasting(inner) for inner in value] if isinstance(value, list) else value


def _document(file: str) -> str:
    """The document without times, as text: with every key in its place."""
    return json.dumps(_lasting(json.loads(Path(file).read_text())))


def _hostile(project: Project) -> None:
    """Files that are no images, that do not decode, and one whose bytes are there twice."""
    folder = project.folder / "colours"
    (folder / "red/notes.txt").write_text("not an image")
    (folder / "red/empty.png").touch()
    (folder / "blue/cut.png").write_bytes((folder / "blue/0001.png").read_bytes()[:50])
    (folder / "blue/copy.png").write_bytes((folder / "blue/0001.png").read_bytes())
    (folder / "stray.png").write_bytes((folder / "blue/0002.png").read_bytes())
    project.configure(CONFIGURATION.replace("min_images = 12", "min_images = 12, max_rejected = 0.5"))


@pytest.fixture
def hostile(project: Project) -> Project:
    """The project with files of all kinds."""
    _hostile(project)
    return project


def _score_shards(imgcls: Command, count: int, *options: str) -> None:
    for number in range(1, count + 1):
        shard = f"{number}/{count}"
        assert imgcls("score", "--shard", shard, "--store", f"s{number}", "--json", f"{number}.json", *options).ret == 0


# Stores.


def test_merged_stores_are_the_store_of_one_process(hostile: Project, imgcls: Command) -> None:
    """The whole run on them computes nothing, and writes the same document, whatever files there are."""
    count = 3
    one = imgcls("score", "--json", "whole.json", "--store", "whole")
    inferred = hostile.images_inferred()
    hostile.forget_forwards()
    _score_shards(imgcls, count)
    copies = {shards.number_of(f"blue/{name}.png", count) for name in ("0001", "copy")}
    outputs = count - 1  # each shard counts the outputs of the network with one more image
    assert hostile.images_inferred() == inferred + outputs + len(copies) - 1
    hostile.forget_forwards()

    merged = imgcls("store", "merge", *(f"s{number}" for number in range(1, count + 1)), "-o", "all")
    assert (merged.ret, merged.outlines[-1]) == (0, "next: imgcls score --store all")
    again = imgcls("score", "--json", "again.json", "--store", "all")

    assert hostile.images_inferred() == 0
    assert _document("again.json") == _document("whole.json")
    assert (again.ret, again.outlines[0]) == (one.ret, one.outlines[0])


@pytest.mark.usefixtures("project")
def test_a_shard_that_is_missing_is_computed_and_not_left_out(project: Project, imgcls: Command) -> None:
    """The whole run on what was merged is never smaller than the dataset."""
    imgcls("score", "--json", "whole.json", "--store", "whole")
    imgcls("score", "--shard", "1/3", "--store", "s1")
    imgcls("store", "merge", "s1", "-o", "all")
    project.forget_forwards()
    assert imgcls("score", "--json", "again.json", "--store", "all").ret == 0
    assert 0 < project.images_inferred() < 12
    assert _document("again.json") == _document("whole.json")


@pytest.mark.slow
def test_killed_shards_are_repeated(project: Project, imgcls: Command, imgcls_process: Command) -> None:
    """A killed process leaves what it stored; it computes some images twice, and none is lost or counted twice."""
    project.configure(CONFIGURATION.replace('colours"', 'many"').replace(":colour", ":mortal"))
    for colour in ("red", "green", "blue"):
        project.add_images(colour, 60, "many")
    imgcls("score", "--json", "whole.json", "--store", "whole")
    project.forget_forwards()
    for number, life in ((1, 45), (2, None)):
        shard = ("score", "--shard", f"{number}/2", "--store", f"s{number}")
        if life:
            assert imgcls_process(*shard, LIFE=str(life)).ret == -signal.SIGKILL
        assert imgcls(*shard).ret == 0
    assert project.images_inferred() > 180 + 3  # with one image per process to count the outputs
    imgcls("store", "merge", "s1", "s2", "-o", "all")
    project.forget_forwards()
    imgcls("score", "--json", "again.json", "--store", "all")
    assert project.images_inferred() == 0
    assert _document("again.json") == _document("whole.json")


@pytest.mark.usefixtures("project")
def test_shards_of_another_library_are_named(imgcls: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their predictions have other keys: both are kept, and the merge states which part of the keys differs."""
    imgcls("score", "--shard", "1/3", "--store", "s1")
    imgcls("score", "--shard", "3/3", "--store", "s3")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("torch.__version__", "2.0.0")
        imgcls("score", "--shard", "2/3", "--store", "s2")
    merged = imgcls("store", "merge", "s1", "s2", "s3", "-o", "all")
    assert merged.ret == 0
    here = torch.__version__
    merged.stdout.fnmatch_lines(
        [
            "all: 12 predictions, 2 prediction keys",
            (
                "  NOTE python:nets:colour: predictions of s1, s3 and of s2 have different keys: "
                f"torch {here} in s1, s3 and 2.0.0 in s2"
            ),
        ]
    )


# Plans.


@pytest.mark.usefixtures("project")
def test_a_plan_makes_shards_agree(project: Project, imgcls: Command) -> None:
    """The runtime that it names is taken, also where a shard by itself would take another one."""
    imgcls("score", "--json", "whole.json", "--store", "whole")
    planned = imgcls("plan", "-o", "plan.json", "--store", "planned")
    assert planned.outlines[0] == "colour on colours: eager, 12 images"
    _score_shards(imgcls, 2, "--plan", "plan.json")
    imgcls("store", "merge", "s1", "s2", "-o", "all")
    project.forget_forwards()
    imgcls("score", "--store", "all", "--json", "again.json")
    assert project.images_inferred() == 0
    assert _document("again.json") == _document("whole.json")


@pytest.mark.usefixtures("project")
def test_a_machine_that_cannot_give_planned_predictions_says_why(
    imgcls: Command, run_pytest: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3, and what differs from the plan; nothing is computed with another key."""
    imgcls("plan", "-o", "plan.json")
    here = torch.__version__
    monkeypatch.setattr("torch.__version__", "2.0.0")
    result = imgcls("score", "--shard", "1/2", "--plan", "plan.json")
    assert result.ret == 3
    expected = (
        "ERROR colour on colours: predictions would not be those of the plan: "
        f"torch {here} in the plan and 2.0.0 here. Run where these agree, or plan again with imgcls plan -o FILE"
    )
    assert result.outlines[0] == expected
    assert "would not be those of the plan" in run_pytest("--imgcls-plan=plan.json", "-m", "accuracy").stdout.str()


@pytest.mark.usefixtures("project")
def test_a_plan_without_a_model_is_one_line(project: Project, imgcls: Command) -> None:
    """Exit code 2 and the command that writes a better one, as for a file that is not a plan."""
    imgcls("plan", "-o", "plan.json")
    project.configure(CONFIGURATION.replace("colour]", "grey]"))
    result = imgcls("score", "--plan", "plan.json")
    message = "the plan has no runtime for this pair of model and dataset: write it again with imgcls plan -o FILE"
    assert (result.ret, result.outlines[0]) == (2, f"ERROR grey on colours: {message}")
    result = imgcls("score", "--plan", "imgcls.toml")
    assert (result.ret, len(result.errlines)) == (2, 1)


# Documents.


def test_merged_documents_are_judged_as_one_run(hostile: Project, imgcls: Command) -> None:
    """Every count and verdict is that of one process; only the overall five classes are not known."""
    one = imgcls("score", "--json", "whole.json", "--store", "whole")
    _score_shards(imgcls, 3)
    merged = imgcls("merge", "3.json", "1.json", "2.json", "--json", "merged.json", "--save", "main.json")
    assert (merged.ret, merged.outlines[0]) == (one.ret, one.outlines[0])
    whole, joined = (json.loads(_document(file)) for file in ("whole.json", "merged.json"))
    for document in (whole, joined):
        [result] = document["results"]
        del result["overall_top5"], result["notes"]
        document["rejections"].sort(key=str)
    assert joined == whole
    assert imgcls("score", "--store", "whole", "--baseline", "main.json").ret == 0
    assert hostile.folder.joinpath("main.json").exists()


@pytest.mark.usefixtures("project")
def test_a_shard_that_is_missing_or_doubled_makes_every_gate_red(imgcls: Command) -> None:
    """By name, with exit code 1, and what is written is no baseline."""
    _score_shards(imgcls, 3)
    assert imgcls("score", "--shard", "1/3", "--store", "s1", "--json", "again.json").ret == 0
    for names, reason in (
        ("1 3", "shard 2 of 3 is missing: merge it as well"),
        ("1 2 again 3", "shard 1 of 3 is in 1.json and in again.json: leave one of them out"),
    ):
        files = [f"{name}.json" for name in names.split()]
        merged = imgcls("merge", *files, "--json", "merged.json")
        assert (merged.ret, merged.outlines[0]) == (1, f"ERROR colour on colours: {reason}")
        assert not json.loads(Path("merged.json").read_text())["complete"]
    assert imgcls("score", "--baseline", "merged.json").ret == 2
    assert imgcls("merge", "1.json", "3.json", "--save", "main.json").ret == 1
    assert not Path("main.json").exists()


@pytest.mark.usefixtures("project")
def test_the_same_document_twice_is_named(imgcls: Command) -> None:
    """Under one name or two, of a shard or of a whole run, with exit code 2."""
    imgcls("score", "--json", "a.json")
    Path("b.json").write_bytes(Path("a.json").read_bytes())
    for files, message in (
        (("a.json", "a.json"), "imgcls: a.json is given twice: name each document once"),
        (("a.json", "b.json"), "imgcls: a.json and b.json are one document: leave one of them out"),
    ):
        result = imgcls("merge", *files)
        assert (result.ret, result.errlines) == (2, [message])


@pytest.mark.usefixtures("project")
def test_a_shard_is_never_taken_for_a_whole_run(imgcls: Command) -> None:
    """Its document states that it is one, and is refused wherever a run is read."""
    _score_shards(imgcls, 2)
    assert json.loads(Path("1.json").read_text())["shard"] == {"number": 1, "count": 2}
    assert not Path("s1/last.json").exists()
    refused = (
        "imgcls: *1.json is shard 1 of 2, not a whole run: join all shards with imgcls merge, or their stores with "
        "imgcls store merge"
    )
    for command in (
        ("score", "--baseline", "1.json"),
        ("compare", "1.json", "2.json"),
        ("show", "1.json", "--model", "colour"),
        ("card", "1.json"),
        ("report", "1.json", "-o", "1.html"),
    ):
        result = imgcls(*command)
        assert result.ret == 2
        result.stderr.fnmatch_lines([refused])
    Path("runs").mkdir()
    Path("1.json").rename("runs/1.json")
    result = imgcls("history", "runs")
    assert result.ret == 2
    assert "is shard 1 of 2, not a whole run" in result.stderr.str()


@pytest.mark.parametrize("policy", ["drop", "keep_first"])
def test_what_duplicates_leave_out_is_that_of_the_whole_run(project: Project, imgcls: Command, policy: str) -> None:
    """A shard leaves out nothing, because the same bytes are in others, too: stores agree, documents are refused."""
    project.configure(CONFIGURATION.replace('colours"\n', f'colours"\nduplicates = "{policy}"\n', 1))
    data = (project.folder / "colours/blue/0001.png").read_bytes()
    for folder, number in (("red", 1), ("green", 1), ("blue", 2)):
        names = (f"copy{n}.png" for n in range(99))
        name = next(name for name in names if shards.number_of(f"{folder}/{name}", 2) == number)
        (project.folder / "colours" / folder / name).write_bytes(data)
    (project.folder / "colours/blue/0001.png").unlink()
    imgcls("score", "--json", "whole.json", "--store", "whole")
    assert json.loads(Path("whole.json").read_text())["results"][0]["ignored"] > 0
    for number in (1, 2):
        imgcls("score", "--shard", f"{number}/2", "--store", f"s{number}", "--json", f"{number}.json")

    merged = imgcls("merge", "1.json", "2.json")
    assert merged.ret == 2
    merged.stderr.fnmatch_lines(["imgcls: colour on colours*: the same bytes have two labels, *"])
    imgcls("store", "merge", "s1", "s2", "-o", "all")
    project.forget_forwards()
    imgcls("score", "--json", "again.json", "--store", "all")
    assert project.images_inferred() == 0
    assert _document("again.json") == _document("whole.json")


def test_a_later_store_next_to_those_of_shards_is_ignored_by_git(project: Project, imgcls: Command) -> None:
    """The folder that they share is made by the first of them."""
    imgcls("score", "--shard", "1/2")
    imgcls("score")
    assert (project.folder / ".imgcls" / schema.FILE).is_file()
    assert (project.folder / ".imgcls" / ".gitignore").read_text() == "*\n"


# Doors.


def test_a_shard_of_tests_scores_and_judges_nothing(project: Project, run_pytest: Command, imgcls: Command) -> None:
    """Tests of scores are skipped with the reason, all others too, and each shard has a store of its own."""
    project.also("[latency.colour]\np95_ms = 0.000001\n")
    (project.folder / "test_models.py").write_text(
        "from imgcls.suite import test_accuracy, test_contract, test_memory\n"
        "def test_own(scores):\n    assert scores.top1 > 2\n"
    )
    for number in (1, 2):
        result = run_pytest(f"--imgcls-shard={number}/2", f"--imgcls-json={number}.json")
        assert result.ret == 0
        assert result.parseoutcomes().keys() <= {"skipped", "deselected"}
        result.stdout.fnmatch_lines(
            [f"shard {number} of 2: gates are evaluated by the whole run (imgcls store merge)", "SKIPPED*"]
        )
    assert imgcls("merge", "1.json", "2.json").ret == 0
    assert sorted(path.name for path in Path(".imgcls").glob("shard*")) == ["shard-1-of-2", "shard-2-of-2"]


def test_a_shard_whose_model_fails_is_red(project: Project, imgcls: Command) -> None:
    """With the model's exit code, and so is the whole that it is a part of."""
    _score_shards(imgcls, 2)
    project.configure(CONFIGURATION.replace(":colour", ":broken"))
    assert imgcls("score", "--shard", "2/2", "--json", "2.json").ret == 1
    project.configure(CONFIGURATION)
    merged = imgcls("merge", "1.json", "2.json")
    assert merged.ret == 1
    assert merged.outlines[0].startswith("ERROR colour on colours: ")
    assert "this factory is broken" in merged.outlines[0]


@pytest.mark.usefixtures("project")
def test_a_shard_without_images_is_a_shard(imgcls: Command) -> None:
    """Of 60 shards of 12 images most have none."""
    numbers = [shards.number_of(f"{colour}/{n:04}.png", 60) for colour in ("red", "green", "blue") for n in range(4)]
    empty = next(number for number in range(1, 61) if number not in numbers)
    result = imgcls("score", "--shard", f"{empty}/60", "--json", "empty.json")
    assert result.ret == 0
    assert json.loads(Path("empty.json").read_text())["results"][0]["listed"] == 0


@pytest.mark.usefixtures("project")
def test_options_of_a_whole_run_are_refused_before_anything_is_scored(imgcls: Command, run_pytest: Command) -> None:
    """In one line, with exit code 2 and as a usage error."""
    result = imgcls("score", "--shard", "1/2", "--save", "main.json")
    assert (result.ret, len(result.errlines)) == (2, 1)
    assert result.errlines[0].startswith("imgcls: --shard and --save do not go together: --save is about a whole run")
    tested = run_pytest("--imgcls-shard=1/2", "--imgcls-baseline=main.json")
    assert tested.ret == pytest.ExitCode.USAGE_ERROR
    tested.stderr.fnmatch_lines(["ERROR: --imgcls-shard and --imgcls-baseline do not go together: *"])
    assert not Path(".imgcls").exists()


@pytest.mark.usefixtures("importable")
def test_the_library_scores_shards(imgcls: Command) -> None:
    """With counts, without verdicts; what is about a whole run is refused."""
    import imgcls as library

    first, second = (library.score("colour", "colours", config="imgcls.toml", shard=f"{n}/2") for n in (1, 2))
    assert first.scored + second.scored == 12
    assert first.verdicts == ()
    assert repr(first).startswith("<ScoreResult colour on colours, shard 1 of 2: ")
    for refused in (lambda: first.passes(top1=0.5), lambda: first.save("a.json"), first.as_run):
        with pytest.raises(library.ImgclsError, match="this is shard 1 of 2, not a whole run: merge the stores"):
            refused()
    assert imgcls("plan", "-o", "plan.json").ret == 0
    assert (
        library.score("colour", "colours", config="imgcls.toml", shard="1/2", plan="plan.json").scored == first.scored
    )
    with pytest.raises(library.ImgclsError, match="shard: nothing would be left of it: name a store"):
        library.score("colour", "colours", config="imgcls.toml", shard="1/2", store=None)
    assert imgcls("store", "merge", ".imgcls/shard-1-of-2", ".imgcls/shard-2-of-2", "-o", "all").ret == 0


# Photographs.


@pytest.mark.slow
@pytest.mark.shared
def test_killed_shards_of_photographs_are_the_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imgcls: Command
) -> None:
    """Of three shards one is killed at some moment while it scores, and repeated: the same document, byte for byte."""
    monkeypatch.chdir(tmp_path)
    selected = ["--config", SHARED / "imgcls.toml", "--models", "squeezenet", "--datasets", "photos10"]
    imgcls("score", *selected, "--store", "whole", "--json", "whole.json")
    imgcls("plan", *selected, "--store", "whole", "-o", "plan.json")
    shard = [*selected, "--plan", "plan.json", "--shard"]
    _kill_while_scoring(["score", *shard, "1/3", "--store", "s1"], Path("s1"))
    for number in (1, 2, 3):
        assert imgcls("score", *shard, f"{number}/3", "--store", f"s{number}").ret == 0
    merged = imgcls("store", "merge", "s1", "s2", "s3", "-o", "all")
    assert "all: 50 predictions, 1 prediction key" in merged.outlines
    imgcls("score", *selected, "--store", "all", "--json", "again.json")
    assert _document("again.json") == _document("whole.json")


def _kill_while_scoring(arguments: Sequence[object], store: Path) -> None:
    """End the process as soon as the store is there, which is before all images are scored."""
    command = [sys.executable, "-m", "imgcls", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (store / schema.FILE).exists() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(random.uniform(0, 1))  # noqa: S311 - no secret
        process.kill()
