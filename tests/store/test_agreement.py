"""imgcls.store.agreement: keys that not all stores have are named, with what differs from those of the others."""

from pathlib import Path

import pytest

from imgcls.store.agreement import disagreements
from imgcls.store.identities import Parts
from imgcls.store.merging import MergedStore

NET = {"arch": "timm:net", "options": {}, "torch": "2.14.1", "runtime": "eager"}
VIT = {**NET, "arch": "timm:vit"}
OLDER = {**NET, "torch": "2.14.0"}


def _store(name: str, **keys: Parts | None) -> MergedStore:
    return MergedStore(Path(name), 1, 1, keys, {}, 0, [])


@pytest.mark.parametrize(
    ("stores", "sentences"),
    [
        ([_store("a", k1=NET, k2=VIT), _store("b", k1=NET, k2=VIT)], []),
        ([_store("a", k1=NET)], []),
        (
            [_store("a", k1=NET), _store("b", k2=OLDER)],
            ["timm:net: predictions of a and of b have different keys: torch 2.14.1 in a and 2.14.0 in b"],
        ),
        (
            [_store("a", k1=NET), _store("b", k2=OLDER), _store("c", k1=NET)],
            ["timm:net: predictions of a, c and of b have different keys: torch 2.14.1 in a, c and 2.14.0 in b"],
        ),
        (
            [_store("a", k1=NET), _store("b", k2={**OLDER, "runtime": "openvino"})],
            [
                (
                    "timm:net: predictions of a and of b have different keys: runtime eager in a and openvino in b; "
                    "torch 2.14.1 in a and 2.14.0 in b"
                )
            ],
        ),
        (
            [_store("a", k1=NET, k2=VIT), _store("b", k1=NET)],
            ["timm:vit: a has predictions with a key that b does not have"],
        ),
        (
            [_store("a", k1=NET), _store("b", k2=VIT), _store("c")],
            [
                "timm:net: a has predictions with a key that b, c do not have",
                "timm:vit: b has predictions with a key that a, c do not have",
            ],
        ),
        (
            [_store("a", k1={**NET, "dataset": "photos"}), _store("b", k2={**NET, "dataset": "more"})],
            [
                "timm:net: a has predictions with a key that b does not have",
                "timm:net: b has predictions with a key that a does not have",
            ],
        ),
        (
            [_store("a", k1=None), _store("b", k2=NET)],
            [
                "key k1: a has predictions with a key that b does not have",
                "timm:net: b has predictions with a key that a does not have",
            ],
        ),
    ],
)
def test_keys_that_do_not_agree_are_named_once(stores: list[MergedStore], sentences: list[str]) -> None:
    """A key of a model in one store against the one of the same model in another; or that others have none."""
    assert list(disagreements(stores)) == sentences
