"""imgcls.session.session: one run that three doors share."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import CONFIGURATION, Project
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError
from imgcls.records.evaluation import DatasetOutcome, Failure, PairOutcome, Scores
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions
from imgcls.session.session import Session
from imgcls.store.database import Store

OPTIONS = RunOptions(working=Path(), store=None)


def _session(options: RunOptions = OPTIONS) -> Session:
    settings = configuration.load([Path("imgcls.toml")])
    return Session(options, settings, show_progress=lambda: nullcontext(lambda *_: None))


@pytest.fixture
def session(importable: Project) -> Iterator[Session]:  # noqa: ARG001 - its networks are imported
    """A session of the small project, without a store on disk."""
    with closing(_session()) as session:
        yield session


def test_a_dataset_is_evaluated_once(session: Session, project: Project) -> None:
    """The second request reads what the first left."""
    assert session.outcome("colour", "colours").scores.top1 == 1.0
    images = project.images_inferred()
    assert session.outcome("colour", "colours").scores.scored == 12
    assert project.images_inferred() == images


def test_thresholds_are_judged(session: Session) -> None:
    """One verdict per threshold of the pair's gate."""
    outcome = session.outcome("colour", "colours")
    assert [v.status for v in session.judge(outcome)] == ["pass", "pass", "pass"]
    failed = replace(outcome, failure=Failure(1, "it failed"))
    assert [(v.metric, v.status) for v in session.judge(failed)] == [("scored", "error")]


def test_without_gate_and_baseline_there_is_no_verdict(session: Session) -> None:
    """A pair that nothing is required of."""
    assert session.judge(PairOutcome(Scores("colour", "elsewhere"))) == ()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compare_fail": ("top1:0.01",)}, "--compare-fail needs something to compare with: --baseline FILE"),
        ({"json": Path("nowhere/r.json")}, "cannot be written"),
        ({"save": Path("nowhere/r.json")}, "cannot be written"),
        ({"models": ("color",)}, "no model 'color'"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    """Before anything is scored."""
    with pytest.raises(ConfigError, match=message):
        _session(replace(OPTIONS, **options))


def test_a_golden_is_compared_with_eager_predictions(importable: Project) -> None:
    """A model that is scored otherwise is evaluated again, as its record holds it."""
    importable.configure(CONFIGURATION.replace('labels = "names.txt"', 'labels = "names.txt"\ndecode = "fast"'))
    with closing(_session()) as session:
        dataset = session.settings.datasets["colours"]
        pair = session.exact_pair("colour", dataset)
        info = pair.outcome.pair("colour").facts
        assert info is not None
        assert (info.decode, info.runtime) == ("exact", "eager")
        assert pair.run_id != session.run_id


def test_the_worst_exit_code_counts() -> None:
    """2 before 3 before 1 before 0."""
    assert [sessions.worst_exit_code(codes) for codes in ({0, 1, 2, 3}, {0, 1, 3}, {0, 1}, {0}, set())] == [
        2,
        3,
        1,
        0,
        0,
    ]


def test_exit_codes_are_those_of_failures() -> None:
    """Pairs that were scored have none."""
    pairs = (PairOutcome(Scores("a", "d")), PairOutcome(Scores("b", "d"), failure=Failure(3, "no weights")))
    assert sessions.exit_codes([DatasetOutcome("d", "ignore", True, (), pairs, ())]) == {3}


def test_what_a_comparison_of_exports_left_is_forgotten(importable: Project) -> None:
    """Its outcomes are of this run only; its predictions stay."""
    importable.also("[models.colour.exports]\nship = 'ship.onnx'\n")
    store = importable.folder / "store"
    session = _session(RunOptions(working=Path(), store=store))
    left = DatasetOutcome("colours", "ignore", complete=True, passes=(), pairs=(), rejections=())
    session.store.put_outcome(session.parity_run_id("colour"), left, (), ())
    session.close()
    assert Store(store).info().rows["outcomes"] == 0
