"""What ``imgcls compare`` is given to compare, and what to write where that does not go together."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgcls.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Sides:
    """Two saved runs; one, and at least two models of it; or models only."""

    runs: tuple[Path, ...]
    models: tuple[str, ...]


def is_run(side: str) -> bool:
    """Whether this names a saved run, and not a model."""
    return side.endswith(".json") or Path(side).is_file()


def read(sides: Sequence[str]) -> Sides:
    """Which of these are runs. Raises ConfigError, with what to write instead."""
    runs, models = [side for side in sides if is_run(side)], [side for side in sides if not is_run(side)]
    if wrong := _wrong(sides, runs, models):
        raise ConfigError(wrong)
    return Sides(tuple(map(Path, runs)), tuple(models))


def _wrong(sides: Sequence[str], runs: Sequence[str], models: Sequence[str]) -> str | None:
    if not runs or (len(runs), len(models)) == (2, 0):
        return None
    if len(runs) > 1:
        return _too_many(runs, models)
    [run] = runs
    if len(models) > 1:
        ordered = _command(run, *models)
        return None if sides[0] == run else f"a saved run goes before the models of it: {ordered}"
    if not models:
        return (
            f"{run} is one saved run: name the later one too, as in {_command(run, 'now.json')}; or models of it, "
            f"as in {_command(run, 'MODEL', 'OTHER')}"
        )
    [model] = models
    return (
        f"{model} is not a file, so it names a model of {run}: name another one of it too, "
        f"{_command(run, model, 'OTHER')}; or compare it with what it is now: imgcls score --models "
        f"{shlex.quote(model)} --save now.json, then {_command(run, 'now.json')}"
    )


def _too_many(runs: Sequence[str], models: Sequence[str]) -> str:
    if not models:
        return (
            f"{len(runs)} saved runs are named, and two are compared, as in {_command(runs[0], runs[-1])}; "
            "imgcls history RUNS/ shows all of a folder"
        )
    whole = f"{_command(*runs[:2])} compares all models that both runs have"
    if len(models) == 1:
        return f"{models[0]} is not a file, and two saved runs are compared without naming models: {whole}"
    return f"models are compared within one saved run, as in {_command(runs[0], *models)}; {whole}"


def _command(*sides: str) -> str:
    return f"imgcls compare {shlex.join(sides)}"
