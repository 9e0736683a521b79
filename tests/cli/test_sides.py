"""imgcls.cli.sides: what ``imgcls compare`` is given to compare."""

from pathlib import Path

import pytest

from imgcls.cli import sides
from imgcls.cli.sides import Sides
from imgcls.errors import ConfigError


@pytest.mark.parametrize("given", [["a.json", "b.json"], ["a.json", "vit", "resnet"], ["vit"], ["vit", "resnet", "x"]])
def test_what_goes_together_is_runs_and_models(given: list[str]) -> None:
    """Two runs; one, and two models of it or more; or models only."""
    runs = tuple(Path(side) for side in given if side.endswith(".json"))
    assert sides.read(given) == Sides(runs, tuple(side for side in given if not side.endswith(".json")))


def test_a_file_is_a_run_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is called ``.json`` is one that is not there."""
    monkeypatch.chdir(tmp_path)
    Path("saved").write_text("")
    assert sides.read(["saved", "b.json"]) == Sides((Path("saved"), Path("b.json")), ())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["a.json"],
            (
                "a.json is one saved run: name the later one too, as in imgcls compare a.json now.json; or "
                "models of it, as in imgcls compare a.json MODEL OTHER"
            ),
        ),
        (
            ["a.json", "my vit"],
            (
                "my vit is not a file, so it names a model of a.json: name another one of it too, imgcls compare"
                " a.json 'my vit' OTHER; or compare it with what it is now: imgcls score --models 'my vit' "
                "--save now.json, then imgcls compare a.json now.json"
            ),
        ),
        (["vit", "a.json", "x"], "a saved run goes before the models of it: imgcls compare a.json vit x"),
        (
            ["a.json", "b.json", "c.json"],
            (
                "3 saved runs are named, and two are compared, as in imgcls compare a.json c.json; imgcls "
                "history RUNS/ shows all of a folder"
            ),
        ),
        (
            ["a.json", "b.json", "vit"],
            (
                "vit is not a file, and two saved runs are compared without naming models: imgcls compare a.json"
                " b.json compares all models that both runs have"
            ),
        ),
        (
            ["a.json", "vit", "b.json", "x"],
            (
                "models are compared within one saved run, as in imgcls compare a.json vit x; imgcls compare "
                "a.json b.json compares all models that both runs have"
            ),
        ),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_to_write(given: list[str], message: str) -> None:
    """By the names that were given."""
    with pytest.raises(ConfigError) as raised:
        sides.read(given)
    assert str(raised.value) == message
