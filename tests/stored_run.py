"""A run of two models whose predictions are in a store, for the tests of what is read of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builders import INFO, make_outcome
from imgcls.records.data import ImageRef, LabelList
from imgcls.records.evaluation import Failure, Output, PairOutcome, Scores
from imgcls.store.database import Store
from imgcls.store.runs import list_key

LABELS = LabelList("two", ("cat", "dog"))
LABELS_KEY = list_key(LABELS)
NET_KEY, OTHER_KEY = "11" * 32, "22" * 32
SCORED, DISTINCT = {"net": 3, "other": 1}, {"net": 2, "other": 1}
"""The number of images with an output, and of those of different bytes, by model."""


def output(best: int, logit: float) -> Output:
    """The best of two classes has this logit, the other 0; logsumexp is 2."""
    return Output(((best, logit), (1 - best, 0.0)), 2.0, (0.5,) * 12)


def pair(model: str, key: str | None, labels: str | None = LABELS_KEY, failure: Failure | None = None) -> PairOutcome:
    """A model on the dataset ``photos``, with its predictions under this key."""
    scores = Scores(model, "photos", listed=4, scored=SCORED.get(model, 0), distinct=DISTINCT.get(model, 0))
    return PairOutcome(scores, INFO, failure, key, labels, {"cat": (0,)})


BOTH = make_outcome(pair("net", NET_KEY), pair("other", OTHER_KEY))


@contextmanager
def stored_run() -> Iterator[Store]:
    """The images of the run named ``run``, in order, the first of them listed twice and the last without an output."""
    store = Store(None)
    images = [ImageRef(f"cat/{n}.jpg", Path(f"/d/cat/{n}.jpg"), n[0] * 64, "cat") for n in ("b", "a", "b2", "c")]
    store.put({NET_KEY: (2, [("a" * 64, output(0, 1.0)), ("b" * 64, output(1, 2.0))])})
    store.put({OTHER_KEY: (2, [("a" * 64, output(1, 2.0))])})
    store.put_outcome("run", make_outcome(), images, [LABELS])
    yield store
    store.close()
