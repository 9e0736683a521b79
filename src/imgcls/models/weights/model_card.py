"""What the card of a repository on Hugging Face's hub states."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from imgcls.models.weights import hosts, network


@cache
def licence(repository: str, commit: str | None) -> str | None:
    """The licence that the card of a repository states; None where it states none, or cannot be reached."""
    if network.is_forbidden() or network.has_mirror():
        return None
    from huggingface_hub import HfApi, constants

    with suppress(*network.hub_errors()):
        hosts.require(constants.ENDPOINT)
        info = network.in_time(
            lambda: HfApi().model_info(repository, revision=commit, timeout=network.RESPONSE_SECONDS)
        )
        stated = info.card_data.get("license") if info.card_data else None
        return stated if isinstance(stated, str) else None
    return None
