"""The names of classes that a file states, held against those of the reference."""

from __future__ import annotations

from imgcls.messages import spelled
from imgcls.models.model import Model
from imgcls.models.sources import base as sources
from imgcls.models.sources.file_network import FileSource
from imgcls.records.data import LabelList


def stated(export: Model) -> LabelList | None:
    """The names that the file of an export states; None where it states none. Raises what loading it raises."""
    source = sources.of(export.spec)
    return source.contents(export.spec).labels if isinstance(source, FileSource) else None


def note(reference: LabelList, own: LabelList | None) -> str | None:
    """A sentence where a file names other classes than the reference; None where they share a word for each class."""
    if own is None or not reference.names or len(own.names) != len(reference.names):
        return None
    pairs = list(zip(reference.names, own.names, strict=True))
    others = [index for index, (ours, theirs) in enumerate(pairs) if _words(ours).isdisjoint(_words(theirs))]
    if not others:
        return None
    ours, theirs = pairs[others[0]]
    return (
        f"the file names {len(others)} of its {len(pairs)} classes otherwise: {others[0]} is {spelled(theirs)} there "
        f"and {spelled(ours)} in {reference.source}; whoever goes by its names reports these"
    )


def _words(name: str) -> frozenset[str]:
    """The synonyms in a name, and the whole of it, as they compare."""
    plain = name.casefold().replace("_", " ").replace("-", " ").strip()
    return frozenset({plain, *(part.strip() for part in plain.split(","))})
