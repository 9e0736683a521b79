"""``imgcls card``: the evaluation of a model as a section of its card, with the metadata of the Hugging Face Hub."""

import argparse
from pathlib import Path
from typing import Any

from imgcls import documents
from imgcls.cli import arguments, output
from imgcls.errors import ConfigError
from imgcls.messages import named


def add_card(commands: Any) -> None:
    parser = commands.add_parser(
        "card",
        help="the evaluation of a model for its card on the Hugging Face Hub",
        **arguments.examples(
            "imgcls card run.json --model resnet50 -o README.md",
            "imgcls card run.json --hub-dataset ILSVRC/imagenet-1k -o README.md",
        ),
    )
    parser.add_argument("run", type=Path, metavar="RUN.json", help="a document of --json or --save")
    parser.add_argument("--model", metavar="NAME", help="the model, where the run has several")
    parser.add_argument("--dataset", metavar="NAME", help="only this dataset")
    parser.add_argument("--hub-dataset", metavar="ID", help="the dataset on the Hub, as in ILSVRC/imagenet-1k")
    parser.add_argument("--hub-task", metavar="TASK", help="the task of that benchmark, for --eval-results")
    parser.add_argument(
        "--eval-results", type=Path, metavar="FILE.yaml", help="write what .eval_results/ takes to FILE"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE.md",
        help="write a card to FILE, or replace the metadata and the section of the card that is there",
    )  # fmt: skip
    parser.set_defaults(command=card)


def card(namespace: argparse.Namespace) -> int:
    """Print the card or write it, and the evaluation results; the exit code."""
    from imgcls.comparison import parts
    from imgcls.reporting import card as cards
    from imgcls.reporting import hub_results
    from imgcls.reporting.show import selected

    for file in (namespace.output, namespace.eval_results):
        if file:
            documents.check_writable(file)
    [part] = parts.read([namespace.run])
    pairs = selected.pairs(part, namespace.model, namespace.dataset)
    results = [pair.result for pair in pairs if pair.result.scored and not pair.result.failure]
    _check(namespace, [pair.result.model for pair in pairs], [result.dataset for result in results])
    data = hub_results.card_data(results, namespace.hub_dataset)
    existing = _existing(namespace.output)
    text = cards.whole(existing, data, cards.section(part, results))
    if namespace.output:
        documents.write_text(namespace.output, text)
    else:
        output.document(text)
    if namespace.eval_results:
        of_hub = hub_results.entries(results[0], part.report.made_at, namespace.hub_dataset, namespace.hub_task)
        documents.write_text(namespace.eval_results, hub_results.as_yaml(of_hub))
    return 0


def _check(namespace: argparse.Namespace, models: list[str], datasets: list[str]) -> None:
    """Raise ConfigError where it is not one model with scores, or not one dataset of the Hub."""
    if len(names := list(dict.fromkeys(models))) > 1:
        raise ConfigError(f"a card is about one model: add --model with one of {named(names)}")
    if not datasets:
        raise ConfigError(f"{namespace.run}: no image was scored by {names[0]}; imgcls show {namespace.run} is why")
    if namespace.hub_dataset and len(datasets) > 1:
        raise ConfigError(f"--hub-dataset is one dataset: add --dataset with one of {named(datasets)}")
    if namespace.eval_results and not (namespace.hub_dataset and namespace.hub_task):
        raise ConfigError("--eval-results is about a benchmark of the Hub: add --hub-dataset ID and --hub-task TASK")


def _existing(file: Path | None) -> str:
    """The card that is there already; empty where there is none. Raises ConfigError."""
    if file is None or documents.is_standard_output(file) or not file.exists():
        return ""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not a text in UTF-8, so it is not a card: name another file with -o") from error
