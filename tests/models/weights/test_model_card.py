"""imgcls.models.weights.model_card: the licence that a repository's card states."""

import json
from collections.abc import Callable, Iterator

import pytest

from imgcls.models.weights import model_card
from weights_site import COMMIT, Reply, Site

pytestmark = pytest.mark.usefixtures("no_weights")


@pytest.fixture(autouse=True)
def _cards_are_read_anew() -> Iterator[None]:
    """By each test from its own site."""
    model_card.licence.cache_clear()
    yield
    model_card.licence.cache_clear()


def _card(site: Site, **data: str) -> None:
    body = json.dumps({"_id": "1", "id": "org/net", "sha": COMMIT, "cardData": data, "siblings": []}).encode()
    site.replies[f"/api/models/org/net/revision/{COMMIT}"] = Reply(body, headers={"Content-Type": "application/json"})


def test_the_licence_of_a_card(site: Site, hub_at: Callable[[str], None]) -> None:
    """At the commit that is loaded; requested once."""
    _card(site, license="cc-by-nc-4.0")
    hub_at(site.url)
    assert [model_card.licence("org/net", COMMIT) for _ in range(2)] == ["cc-by-nc-4.0"] * 2
    assert len(site.requests) == 1


def test_a_card_without_a_licence(site: Site, hub_at: Callable[[str], None]) -> None:
    """States none."""
    _card(site)
    hub_at(site.url)
    assert model_card.licence("org/net", COMMIT) is None


def test_what_cannot_be_reached_states_nothing(closed: str, hub_at: Callable[[str], None]) -> None:
    """A lock can be written without it."""
    hub_at(closed)
    assert model_card.licence("org/net", COMMIT) is None


@pytest.mark.parametrize(
    ("name", "value"), [("HF_HUB_OFFLINE", "1"), ("IMGCLS_WEIGHTS_MIRROR", "http://mirror.example")]
)
def test_offline_nothing_is_requested(
    site: Site, hub_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Nor where there is only a mirror of files."""
    hub_at(site.url)
    monkeypatch.setenv(name, value)
    assert model_card.licence("org/net", COMMIT) is None
    assert site.requests == []
