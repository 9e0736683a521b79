"""``imgcls labels check``: whether the folders of every dataset meet the classes of every model."""

import argparse
import functools
from typing import Any

from imgcls.config import loader as configuration
from imgcls.errors import ImgclsError
from imgcls.records.data import Listing
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions


def add_labels(commands: Any) -> None:
    labels = commands.add_parser("labels", help="folders and classes").add_subparsers(required=True, metavar="COMMAND")
    check = labels.add_parser("check", help="do the folders of every dataset meet the classes of every model?")
    run_options.add_to_command(check, "config", "models", "datasets")
    check.set_defaults(command=check_labels)


def check_labels(namespace: argparse.Namespace) -> int:
    """Print a line for every model on every dataset; the exit code."""
    options = RunOptions.from_namespace(namespace)
    settings = configuration.select(selection.settings(options.config), options.models, options.datasets)
    from imgcls.data import dataset as datasets
    from imgcls.models.sources import registry

    @functools.cache
    def listing(dataset: str) -> Listing:
        return datasets.list_images(settings.datasets[dataset])

    codes = set()
    for model, dataset in settings.pairs():
        try:
            classes = registry.label_list(settings.models[model])
            matching = datasets.match_labels(settings.datasets[dataset], listing(dataset), classes)
        except ImgclsError as error:
            print(f"FAIL {model} on {dataset}: {error}")
            codes.add(error.exit_code)
            continue
        right = len(frozenset().union(*matching.accepted.values()))
        ignored = f", {matching.ids_ignored} ids of the map are not among them" if matching.ids_ignored else ""
        counts = f"{len(matching.accepted)} folders, {right} classes of {classes.source}{ignored}"
        print(f"ok   {model} on {dataset}: {counts}")
    return sessions.worst_exit_code(codes)
