"""What a service returned for each image, by the number of the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from imgcls import messages
from imgcls.data.labels import Lookup
from imgcls.errors import MachineError, ModelError
from imgcls.messages import named
from imgcls.serving import responses
from imgcls.serving.evidence import Network, Served
from imgcls.serving.service import HttpService
from imgcls.serving.steps import Steps


class ServedImages(NamedTuple):
    """``predictions`` or ``errors`` of all images; ``gone``: why those after the last were not sent.

    ``account``: how many were served, and what was waited for; ``notes``: what was converted or unknown.
    """

    predictions: Mapping[int, Served]
    errors: Mapping[int, str]
    account: str
    gone: str | None = None
    notes: tuple[str, ...] = ()


def served(service: HttpService, network: Network, steps: Steps) -> ServedImages:
    """Every image posted, one at a time, and read."""
    predictions, errors, unknown, gone = dict[int, Served](), dict[int, str](), list[str](), None
    lookup = Lookup(network.model.labels)
    for number, image in enumerate(network.images):
        try:
            document = service.predict(image)
            reference = network.probabilities(steps, [number])[0]
            read = responses.matched(responses.entries(document, len(reference)), lookup, reference)
        except ModelError as error:
            errors[number] = str(error)
            continue
        except MachineError as error:
            gone = f"{error}, at image {number + 1} ({image.kind})"
            break
        unknown += read.unknown
        if read.served:
            predictions[number] = read.served
        else:
            errors[number] = f"none of its classes is one of {network.model.labels.source}: {named(read.unknown, 3)}"
    account = _account(service, len(predictions), len(network.images))
    return ServedImages(predictions, errors, account, gone, _notes(service, unknown))


def _account(service: HttpService, count: int, total: int) -> str:
    waits = ""
    if service.restarted:
        places = named([str(number) for number in service.restarted], 3)
        waits = (
            f", after a restart or a pause of the service at image {places}, for which {service.retries} requests were "
            f"sent again"
        )
    return f"it predicted {count} of {messages.counted(total, 'image')}{waits}"


def _notes(service: HttpService, unknown: list[str]) -> tuple[str, ...]:
    notes = []
    if service.form_field:
        notes.append(f"images were sent in the field '{service.form_field}' of a form, since it refused plain bytes")
    if unknown:
        names = list(dict.fromkeys(unknown))
        notes.append(f"classes that are not those of the network were left out: {named(names, 5)}")
    return tuple(notes)
