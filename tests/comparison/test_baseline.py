"""imgcls.comparison.baseline: which run is compared with which, and which one is stored."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builders import INFO, make_outcome
from imgcls.comparison import baseline, saved_run
from imgcls.errors import ConfigError, ImgclsError, StoreError
from imgcls.evaluation import results
from imgcls.gates import regression
from imgcls.records.comparison import Prediction
from imgcls.records.data import ImageRef, LabelList
from imgcls.records.evaluation import (
    ClassProbability,
    DatasetOutcome,
    Failure,
    Output,
    PairOutcome,
    Scores,
    Verdict,
)
from imgcls.records.report import Report
from imgcls.records.thresholds import Margin
from imgcls.reporting import result_document
from imgcls.session import results as session_results
from imgcls.store.database import Store
from imgcls.store.runs import list_key

TWO = LabelList("two", ("cat", "dog"))
PREDICTION = Prediction("net", "photos", "cat/a.jpg", "a" * 64, "cat", (ClassProbability(0, "cat", 0.9),))


def _pair(model: str = "net", failure: Failure | None = None) -> PairOutcome:
    return PairOutcome(
        Scores(model, "photos", listed=2, scored=2, distinct=2), INFO, failure, model, list_key(TWO), {"cat": (0,)}
    )


def _report(*, complete: bool = True, outcomes: tuple[DatasetOutcome, ...] = (make_outcome(_pair()),)) -> Report:
    return result_document.build(outcomes, {}, complete)


def _broken() -> Iterator[Prediction]:
    """The store fails after the first prediction."""
    yield PREDICTION
    raise StoreError("the disk is full")


@pytest.fixture(autouse=True)
def _outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


# Which file.


def test_a_name_is_a_file_from_where_the_command_was_given(tmp_path: Path) -> None:
    """Relative to the working folder, and never in the store; it is looked for when it is read."""
    working, store = tmp_path / "work", tmp_path / "store"
    assert baseline.locate("runs/main.json", working, store) == working / "runs" / "main.json"
    assert baseline.locate("/runs/main.json", working, None) == Path("/runs/main.json")
    assert baseline.locate("last.json", working, store) == working / "last.json"


def test_last_is_the_run_that_was_stored_last(tmp_path: Path) -> None:
    """``last`` is the run that was written into the store's folder, and it can be read."""
    session_results.save_last(tmp_path, _report(), iter([PREDICTION]))
    file = baseline.locate("last", tmp_path / "elsewhere", tmp_path)
    assert saved_run.read(file).scored["net", "photos"].predictions == {("a" * 64, "cat"): PREDICTION}


def test_without_a_last_run_the_reasons_are_stated(tmp_path: Path) -> None:
    """The message states when a run is stored as the last."""
    with pytest.raises(ConfigError, match=r"there is no last run in .*: a run is stored there when .* CI is not set$"):
        baseline.locate("last", tmp_path, tmp_path)


def test_without_a_store_there_is_no_last_run(tmp_path: Path) -> None:
    """The way out is to name a file."""
    with pytest.raises(ConfigError, match="with the store off there is no last run: name the file of a saved one"):
        baseline.locate("last", tmp_path, None)


# What is stored.


def test_the_last_run_is_replaced_by_the_next(tmp_path: Path) -> None:
    """Only one is kept, and nothing else is left next to it."""
    session_results.save_last(tmp_path, _report(), iter([PREDICTION]))
    session_results.save_last(tmp_path, _report(outcomes=(make_outcome(_pair("vit")),)), iter(()))
    assert [file.name for file in tmp_path.iterdir()] == ["last.json"]
    assert list(saved_run.read(tmp_path / "last.json").scored) == [("vit", "photos")]


@pytest.mark.parametrize(
    "made", [_report(complete=False), _report(outcomes=())], ids=["cut short", "nothing was scored"]
)
def test_a_run_that_is_not_whole_is_not_the_last(tmp_path: Path, made: Report) -> None:
    """The one before stays, byte for byte."""
    session_results.save_last(tmp_path, _report(), iter([PREDICTION]))
    before = (tmp_path / "last.json").read_bytes()
    session_results.save_last(tmp_path, made, iter(()))
    assert (tmp_path / "last.json").read_bytes() == before


@pytest.mark.parametrize(("value", "kept"), [("true", False), ("1", False), ("", True)])
def test_in_ci_no_run_is_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, kept: bool) -> None:
    """A machine that keeps its folder would silently compare each run with its neighbour."""
    monkeypatch.setenv("CI", value)
    session_results.save_last(tmp_path, _report(), iter([PREDICTION]))
    assert (tmp_path / "last.json").exists() is kept


def test_a_run_is_stored_where_it_was_requested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI as well: the file is named by the user."""
    monkeypatch.setenv("CI", "true")
    session_results.save_baseline(tmp_path / "main.json", _report(), iter([PREDICTION]))
    assert list(saved_run.read(tmp_path / "main.json").scored) == [("net", "photos")]


@pytest.mark.parametrize(
    "made", [_report(complete=False), _report(outcomes=())], ids=["cut short", "nothing was scored"]
)
def test_a_run_that_is_not_whole_does_not_replace_a_baseline(tmp_path: Path, made: Report) -> None:
    """That is an error, and the file stays as it was: there, or not there."""
    file = tmp_path / "main.json"
    for content in (None, b"the one before"):
        if content:
            file.write_bytes(content)
        with pytest.raises(ImgclsError, match=r"main\.json was left as it was: this run is not whole"):
            session_results.save_baseline(file, made, iter([PREDICTION]))
        assert (file.read_bytes() if file.exists() else None) == content


def test_a_baseline_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A failure halfway leaves the one before, and nothing next to it."""
    file = tmp_path / "main.json"
    file.write_bytes(b"the one before")
    with pytest.raises(StoreError, match="the disk is full"):
        session_results.save_baseline(file, _report(), _broken())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("main.json", b"the one before")]


# Compared with it.


def _walked(store: Store, run: str, key: str, *best: int) -> DatasetOutcome:
    """One run over two images of ``cat``, whose best classes are these."""
    images = [ImageRef(f"cat/{n}.jpg", Path(n), n * 64, "cat") for n in "ab"]
    outputs = [
        (i.sha256, Output(((c, 1.0), (1 - c, 0.0)), 1.5, (0.5,) * 12)) for i, c in zip(images, best, strict=True)
    ]
    store.put({key: (2, outputs)})
    pair = PairOutcome(
        Scores("net", "photos", listed=2, scored=2, distinct=2), INFO, None, key, list_key(TWO), {"cat": (0,)}
    )
    outcome = make_outcome(pair, PairOutcome(Scores("vit", "photos"), failure=Failure(1, "NaN")))
    store.put_outcome(run, outcome, images, [TWO])
    return outcome


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store in memory."""
    opened = Store(None)
    yield opened
    opened.close()


def _baseline(store: Store, file: Path, margins: dict[str, Margin]) -> baseline.Baseline:
    outcome = _walked(store, "old", "0" * 64, 0, 1)
    session_results.save_baseline(file, _report(outcomes=(outcome,)), results.predictions(store, "old", [outcome]))
    return baseline.Baseline(file, margins)


def _verdicts(base: baseline.Baseline, store: Store, run_id: str, outcome: DatasetOutcome, model: str) -> list[Verdict]:
    comparison = base.comparison(store, run_id, outcome, model)
    return list(regression.compared(comparison, base.margins, common=False))


def test_a_pair_is_compared_with_the_same_pair(tmp_path: Path, store: Store) -> None:
    """Images, differences and flips are those of the two runs, and the verdicts are on the margins given."""
    base = _baseline(store, tmp_path / "main.json", {"top1": Margin(0.5)})
    outcome = _walked(store, "new", "1" * 64, 1, 1)

    [comparison] = base.comparisons(store, "new", [outcome])

    assert (comparison.before_run, comparison.after_run) == (base.run.name, "this run")
    assert [(flip.change, flip.path) for flip in comparison.flips] == [("right to wrong", "cat/a.jpg")]
    assert [(v.check, v.status) for v in _verdicts(base, store, "new", outcome, "net")] == [
        ("same images", "pass"),
        ("top1 not worse by 0.5 at 95 %", "inconclusive"),
    ]


def test_a_pair_is_compared_once(tmp_path: Path, store: Store) -> None:
    """The comparison that was judged is the one that is reported."""
    base = _baseline(store, tmp_path / "main.json", {})
    outcome = _walked(store, "new", "1" * 64, 1, 1)
    assert base.comparison(store, "new", outcome, "net") is base.comparisons(store, "new", [outcome])[0]


def test_a_run_against_itself_is_the_same(tmp_path: Path, store: Store) -> None:
    """Equal prediction keys pass any margin."""
    base = _baseline(store, tmp_path / "main.json", {"top1": Margin(0.0)})
    outcome = _walked(store, "again", "0" * 64, 0, 1)
    assert [v.status for v in _verdicts(base, store, "again", outcome, "net")] == ["pass", "pass"]


def test_a_pair_that_the_baseline_lacks_is_an_error(tmp_path: Path, store: Store) -> None:
    """A missing baseline is not green."""
    base = _baseline(store, tmp_path / "main.json", {"top1": Margin(0.5)})
    elsewhere = DatasetOutcome("digits", "ignore", True, (), (PairOutcome(Scores("net", "digits")),), ())
    [verdict] = _verdicts(base, store, "new", elsewhere, "net")
    assert (verdict.check, verdict.status) == ("comparable", "error")
    assert "has no net on digits; it has net on photos" in verdict.message


def test_a_baseline_that_cannot_be_read_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is scored."""
    (tmp_path / "main.json").write_text(json.dumps({"format": 7, "results": []}))
    with pytest.raises(ConfigError, match=r"main\.json: its format is 7"):
        baseline.Baseline(tmp_path / "main.json", {})


# What is new, and what is gone.


def test_pairs_are_new_where_the_baseline_has_others_of_the_configuration(tmp_path: Path) -> None:
    """One that has none of them is of something else; what it left out on purpose is not new."""
    file = tmp_path / "main.json"
    result_document.save(file, _report(), iter([PREDICTION]))
    saved = baseline.Baseline(file, {})
    assert saved.new_pairs([("net", "photos"), ("next", "photos")]) == [("next", "photos")]
    assert saved.new_pairs([("next", "photos")]) == []
    assert saved.gone_pairs([("next", "photos")]) == [("net", "photos")]
    saved.run = replace(saved.run, left_out=[("next", "photos")])
    assert saved.new_pairs([("net", "photos"), ("next", "photos")]) == []
