"""The figures of a run as lines and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST = 160


def line(figures: Mapping[str, Any]) -> str:
    """The figures of a step in a line; what is longer is in the document."""
    if "error" in figures:
        return str(figures["error"]).strip()
    words = ", ".join(f"{name} {text(value)}" for name, value in figures.items())
    return words if len(words) <= LONGEST else words[: LONGEST - 3] + "..."


def text(value: Any) -> str:
    """A figure with as many digits as one reads."""
    match value:
        case bool():
            words = "yes" if value else "no"
        case float():
            words = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
        case None:
            words = "-"
        case Mapping():
            words = " / ".join(f"{name} {text(each)}" for name, each in value.items())
        case Sequence() if not isinstance(value, str):
            words = " / ".join(map(text, value))
        case _:
            words = " ".join(str(value).split())
    return words


def markdown(document: Mapping[str, Any]) -> str:
    """A heading and a table for every part, in the order in which they ran."""
    lines = [_about(document)]
    for name, part in document["parts"].items():
        lines += ["", f"### {name.replace('_', ' ').capitalize()}", ""]
        if part["status"] != "done":
            reason = str(part.get("error", "")).strip().partition("\n")[0]
            lines += [f"{part['status']}: {reason}" if reason else part["status"], ""]
        lines += _table(part["steps"])
    return "\n".join(lines)


def _about(document: Mapping[str, Any]) -> str:
    """The card and the libraries, in a sentence."""
    steps = document["parts"].get("environment", {}).get("steps", {})
    card, libraries, host = (steps.get(step, {}) for step in ("card", "libraries", "host"))
    versions = [f"{name} {libraries[name]}" for name in ("torch", "torchvision", "timm", "cuda") if libraries.get(name)]
    machine = [str(card.get("name", "an unknown card")), f"{host.get('cores', '?')} cores of {host.get('cpu', '?')}"]
    kind = "A dry run, whose figures mean nothing: " if document["dry_run"] else ""
    state = "" if document["complete"] else " (cut short)"
    return f"{kind}{', '.join((*machine, *versions))}, Python {document['python']}, {document['seconds']:.0f} s{state}."


def _table(steps: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Steps are rows; columns are the figures that at least two of them share, and the rest stands in one."""
    keys = [
        key for key in dict.fromkeys(key for figures in steps.values() for key in figures) if _is_shared(key, steps)
    ]
    rest = any(set(figures) - set(keys) for figures in steps.values())
    heads = ["step", *keys, *(["other figures"] if rest else [])]
    if not steps:
        return
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join(['---'] * len(heads))} |"
    for name, figures in steps.items():
        other = {key: value for key, value in figures.items() if key not in keys}
        cells = [name, *(text(figures[key]) if key in figures else "" for key in keys)]
        cells += [line(other)] if rest else []
        yield f"| {' | '.join(map(_cell, cells))} |"


def _cell(words: str) -> str:
    """In one line, and without an end of its cell."""
    return " ".join(words.split()).replace("|", "\\|")


def _is_shared(key: str, steps: Mapping[str, Mapping[str, Any]]) -> bool:
    values = [figures[key] for figures in steps.values() if key in figures]
    return len(values) > 1 and not any(isinstance(value, Mapping) for value in values)
