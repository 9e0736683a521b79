"""The plan of a session: which runtime each model is scored with, chosen on all images of each dataset."""

from collections.abc import Iterator, Sequence

from imgcls.models.weights import early
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Listing
from imgcls.records.plan import PlannedRuntime
from imgcls.session.session import Session


def runtimes(session: Session) -> Iterator[PlannedRuntime]:
    """What a whole run would choose now, dataset by dataset; it is stored, as by such a run. Raises ImgclsError."""
    from imgcls.system import machine

    early.connect(session.settings.models.values())
    with session.store.lock(), machine.limited_threads():
        for name, models in session.settings.models_by_dataset().items():
            spec = session.settings.datasets[name]
            if models:
                yield from _chosen(session, spec, session.list_images(spec), models)


def _chosen(session: Session, dataset: DatasetSpec, listing: Listing, names: Sequence[str]) -> Iterator[PlannedRuntime]:
    from imgcls.evaluation.evaluator import Evaluator

    pool = session.pool()
    evaluator = Evaluator(dataset, names, pool, session.store, lambda *_: None)
    evaluator.state.list(listing)
    for name in names:
        state = evaluator.preparation.prepared(pool.known(name, session.store))
        parts = session.store.parts(state.key) or {}
        yield PlannedRuntime(name, dataset.name, state.choice, state.key, parts)
        pool.release(name)
