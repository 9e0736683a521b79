"""imgcls.cli.parsing: a mistyped command, option or choice is met with the nearest one, in one line."""

import pytest

from conftest import Command
from imgcls.cli import main
from imgcls.cli.parsing import Parser

MISTYPED = {
    ("scoer",): "imgcls: unknown command 'scoer'; did you mean 'score'?",
    ("labels", "lits"): "imgcls labels: unknown command 'lits'; did you mean 'list'?",
    ("suggest", "photos"): "imgcls: unknown command 'suggest'; did you mean imgcls labels suggest?",
    ("evaluate",): "imgcls: unknown command 'evaluate'; here it is score",
    ("labels", "evaluate"): "imgcls labels: unknown command 'evaluate'; imgcls labels --help lists all",
    ("xyz",): "imgcls: unknown command 'xyz'; imgcls --help lists all",
    ("score", "--model", "a"): "imgcls score: unknown option --model; did you mean --models?",
    ("score", "--model=a"): "imgcls score: unknown option --model; did you mean --models?",
    ("predict", "a.jpg", "--top", "3"): "imgcls predict: unknown option --top; did you mean --topk?",
    ("score", "--topk", "3"): "imgcls score: unknown option --topk; it is an option of predict",
    ("score", "--xyz"): "imgcls score: unknown option --xyz; imgcls score --help lists all",
    ("cache", "info", "--sto", "x"): "imgcls cache info: unknown option --sto; did you mean --store?",
    ("card", "run.json", "-x"): "imgcls card: unknown option -x; imgcls card --help lists all",
    ("--topk", "3", "predict"): "imgcls: unknown option --topk; it is an option of predict, and stands behind the "
    "command",
    ("train", "x", "--archi", "y"): "imgcls train: unknown option --archi; did you mean --arch?",
    ("score", "timm:resnet50"): (
        "imgcls score: unexpected argument 'timm:resnet50'; models are named with --models timm:resnet50"
    ),
    ("score", "photos/"): "imgcls score: unexpected argument 'photos/'; images are named with --data DIR",
    ("card", "a.json", "b.json"): "imgcls card: unexpected argument 'b.json'; imgcls card --help has examples",
    ("score", "--inconclusive", "wran"): "imgcls score: --inconclusive: 'wran' is not one of fail, warn; did you mean "
    "'warn'?",
    ("score", "--device", "gpu"): "imgcls score: --device: 'gpu' is not one of cpu, cuda, mps; did you mean 'cuda'?",
    ("score", "--device", "tpu0"): "imgcls score: --device: 'tpu0' is not one of cpu, cuda, mps",
    ("predict",): "imgcls predict: the following arguments are required: IMAGE|DIR; imgcls predict --help has examples",
    ("score", "--models"): "imgcls score: --models: expected one argument; imgcls score --help has examples",
}


@pytest.mark.parametrize("arguments", MISTYPED)
def test_what_is_mistyped_is_met_with_the_nearest(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, of the command that does not know the word, and exit code 2."""
    with pytest.raises(SystemExit, match="2"):
        main.main(arguments)
    assert capsys.readouterr() == ("", MISTYPED[arguments] + "\n")


@pytest.mark.parametrize("arguments", [(), ("labels",)])
def test_a_command_that_is_missing_prints_the_help(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """All commands that there are, on standard error."""
    with pytest.raises(SystemExit, match="2"):
        main.main(arguments)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"usage: {' '.join(('imgcls', *arguments))} [-h]")


def test_values_are_no_options() -> None:
    """A lone dash, a negative number, a value with a space, and what stands behind two dashes."""
    parse = main.parser().parse_args
    assert parse(["score", "--csv", "-"]).csv == "-"
    assert parse(["train", "x", "--arch=y", "--out=z", "--epochs", "-1"]).epochs == -1
    assert parse(["labels", "search", "-a cat"]).word == "-a cat"
    assert parse(["labels", "search", "--", "--cat"]).word == "--cat"
    assert parse(["report", "run.json", "-oreport.html"]).output.name == "report.html"


@pytest.mark.parametrize("leaf", list(main.parser().leaves()), ids=lambda leaf: leaf.prog)
def test_no_option_is_abbreviated(leaf: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    """In no command, however deep: what is a letter short is unknown, and the whole of it is named."""
    whole = set(leaf.options)
    for option in (option for option in whole if option.startswith("--") and option[:-1] not in whole):
        with pytest.raises(SystemExit, match="2"):
            leaf.parse_args([option[:-1]])
        assert capsys.readouterr().err.startswith(f"{leaf.prog}: unknown option {option[:-1]}; ")


def test_pytest_abbreviates_no_option_of_ours(run_pytest: Command) -> None:
    """Nor does pytest."""
    result = run_pytest("--imgcls-dat", "x")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*unrecognized arguments: --imgcls-dat*"])
