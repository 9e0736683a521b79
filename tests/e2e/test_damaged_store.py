"""One fault anywhere in the store's file: the result is right, or the run is refused in one line."""

import json
import random
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from PIL import Image

import store_faults
from conftest import NETWORK, Command, Project
from imgcls.config import loader as configuration
from imgcls.errors import ImgclsError, StoreError
from imgcls.records.config import InputSpec
from imgcls.records.data import LabelList
from imgcls.records.description import ModelDescription
from imgcls.records.evaluation import ModelInfo
from imgcls.session import results as session_results
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session
from imgcls.store.database import Store
from store_faults import Fault

CONFIGURATION = f"""
[datasets.colours]
path = "colours"
[datasets.more]
path = "more"

[models.one]
arch = "python:nets:colour"
{NETWORK}
[models.two]
arch = "python:nets:colour"
options = {{ gain = 2.0 }}
{NETWORK.replace("names.txt", "others.txt")}
[gates.one]
colours = {{ top1 = 0.5, max_rejected = 0.5 }}
"""

RUN, LATER_RUN = "1" * 32, "2" * 32

OF_A_RUN = ("outcomes", "plans", "progress", "listings")
"""The tables that only the processes of one run read."""

FAULTS = 300


@dataclass(frozen=True)
class Outcome:
    """What a run leads to: its exit code, and its document without times and without what the store contributed."""

    code: int
    error: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""


INPUT = InputSpec(8, (8, 8), "center", "bilinear", (0.5,) * 3, (0.5,) * 3)
INFO = ModelInfo("eager", "float32", "cpu", INPUT, None, "b" * 64, 7, 1.0, 28)
DESCRIPTION = ModelDescription(INFO, LabelList("names.txt", ("red", "green", "blue")), {}, {})


class Scoring:
    """Two models on two datasets, with a store that has rows in every table."""

    def __init__(self, project: Project) -> None:
        self.folder = project.folder
        self.file = project.folder / ".imgcls" / "predictions.sqlite3"
        self.sound = project.folder / "sound.sqlite3"
        project.configure(CONFIGURATION)
        project.add_images("red", 3, "more")
        (project.folder / "others.txt").write_text("red\nblue\ngreen\n")
        for folder in ("colours", "more"):
            (project.folder / folder / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + folder.encode())
            for number in range(2):
                deep = Image.new("I;16", (16, 16), 30_000 + number)
                deep.putpixel((0, 0), len(folder))
                deep.save(project.folder / folder / "red" / f"deep{number}.png")
        self.settings = configuration.load([project.folder / "imgcls.toml"])

    def keep(self) -> Outcome:
        """Score once, and keep the store as a run leaves it that has not been reported yet."""
        with mock.patch.object(Store, "forget"):
            outcome = self.score(RUN)
        with closing(Store(self.file.parent)) as store:
            for about in ("first", "second"):  # of networks of one's own code nothing is remembered
                store.put_description(about, DESCRIPTION)
            for dataset in ("colours", "more"):
                store.put_progress(RUN, dataset, 1, 2)
        shutil.copy(self.file, self.sound)
        return outcome

    def score(self, run: str) -> Outcome:
        """Score as every door does, with the store that is there."""
        file = self.folder / "result.json"
        options = RunOptions(working=self.folder, store=self.file.parent, device="cpu", trust_mtime=True, json=file)
        session = Session(options, self.settings, run, lambda: nullcontext(lambda *_: None))
        results = Results(session)
        try:
            results.finished = session.evaluate()
            session_results.judge_all(session, results)
            code = results.exit_code()
            results.write(passed=False)
        except ImgclsError as error:
            return Outcome(error.exit_code, str(error))
        finally:
            session.close()
        document = json.loads(file.read_bytes())
        notes = json.dumps(document["datasets"])
        return Outcome(code, document=_comparable(document), notes=notes)

    def damage(self, fault: Fault) -> None:
        """Put the kept store in its place, with this fault."""
        for file in self.file.parent.glob(f"{self.file.name}*"):
            file.unlink()
        shutil.copy(self.sound, self.file)
        fault(self.file)

    def is_verified(self, fault: Fault) -> bool:
        """Whether nothing is found in the store after this fault."""
        self.damage(fault)
        try:
            with closing(Store(self.file.parent)) as store:
                store.verify()
        except StoreError:
            return False
        return True

    def effect(self, fault: Fault, run: str, sound: Outcome) -> str:
        """What a fault leads to: ``as before``, ``computed again``, ``refused``, or ``wrong`` with the reason."""
        self.damage(fault)
        try:
            result = self.score(run)
        except Exception as error:  # noqa: BLE001 - a traceback on the terminal
            return f"wrong, {error!r}"
        if result.code == 3 and result.error.startswith("the store ") and len(result.error.splitlines()) == 1:
            effect = "refused"
        elif (result.code, result.error, result.document) != (sound.code, sound.error, sound.document):
            return f"wrong, exit code {result.code}: {result.error}"
        else:
            effect = "computed again" if "computed again" in result.notes else "as before"
        return f"wrong, {effect} and verified" if effect != "as before" and self.is_verified(fault) else effect


def _comparable(document: dict[str, Any]) -> dict[str, Any]:
    document = {key: value for key, value in document.items() if key not in {"made_at", "passes", "seal"}}
    for result in document["results"]:
        del result["from_store"], result["images_per_second"], result["set_seconds"]
    for files in document["datasets"]:
        del files["notes"]
    return document


@pytest.fixture
def scoring(importable: Project) -> Scoring:
    return Scoring(importable)


@pytest.mark.slow
def test_no_fault_in_a_store_makes_a_result_wrong(scoring: Scoring) -> None:
    """Of 300 faults none changes a result or ends in a traceback, and ``verify`` finds those that a run noticed."""
    sound = scoring.keep()
    rng = random.Random(15)  # noqa: S311 - faults that are the same in every run
    of_rows = list(store_faults.of_rows(scoring.sound, rng))
    faults = [*of_rows, *store_faults.of_file(scoring.sound.read_bytes(), rng)]
    effects = {}
    for number, (name, fault) in enumerate(faults):
        same_run = name.startswith(OF_A_RUN) or (number >= len(of_rows) and number % 2)
        effects[name] = scoring.effect(fault, RUN if same_run else LATER_RUN, sound)
    wrong = [f"{name}: {effect}" for name, effect in effects.items() if effect.startswith("wrong")]
    assert wrong == []
    assert len(effects) >= FAULTS
    counts = Counter(effects.values())
    assert min(counts[effect] for effect in ("as before", "computed again", "refused")) >= 30, counts


def test_verify_finds_every_damaged_row(scoring: Scoring) -> None:
    """Every column of every table with another value, with another type, and exchanged keys; and rows that are missed.

    A row that is lost is only noticed where it would be missed: elsewhere it is computed as if it had never been.
    """
    scoring.keep()
    faults = list(store_faults.of_rows(scoring.sound, random.Random(16)))  # noqa: S311 - as above
    unnoticed = [name for name, fault in faults if scoring.is_verified(fault)]
    computed = ["answers", "undecodable", "progress", "names", "choices", "hashed_files", "durations", "identities"]
    computed.append("descriptions")
    assert unnoticed == [f"{table}: a lost row" for table in computed]


def test_the_command_says_what_was_damaged(scoring: Scoring, imgcls: Command) -> None:
    """What is computed again is a line below the table, once; what is refused is one line and exit code 3."""
    scoring.keep()
    arguments = ("score", "--device", "cpu", "--store", scoring.file.parent)
    scoring.damage(lambda file: _execute(file, "update answers set body = x'00'", "update keys set classes = 7"))
    damage = [
        "colours: damaged rows of the store were computed again (keys: 2, predictions: 28)",
        "more: damaged rows of the store were computed again (predictions: 4)",
    ]
    for expected in (damage, []):
        result = imgcls(*arguments)
        assert result.ret == 0
        assert re.findall(r"\w+: damaged rows [^)]*\)", " ".join(result.stdout.str().split())) == expected
    scoring.damage(store_faults.cut(3 * store_faults.PAGE))
    result = imgcls(*arguments)
    assert (result.ret, result.outlines) == (3, [])
    assert result.errlines[-1].startswith("imgcls: the store ")


def _execute(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
