"""``imgcls labels``: which classes there are, which are right for folders, and whether folders and classes match."""

import argparse
import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from imgcls import documents, messages
from imgcls.cli import arguments, output
from imgcls.config import discovery, specs
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError, ImgclsError, LabelError
from imgcls.records.config import DatasetSpec, ModelSpec, Settings, WeightsFile
from imgcls.records.data import LabelList, Listing
from imgcls.reporting import progress
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions

LIST_HELP = f"{', '.join(specs.LABEL_LISTS[:3])}, or a file of class names"


def add_labels(commands: Any) -> None:
    parser = commands.add_parser("labels", help="which classes there are, and which are right for folders")
    labels = parser.add_subparsers(required=True, metavar="COMMAND")
    check = labels.add_parser(
        "check",
        help="do the folders of every dataset meet the classes of every model?",
        **arguments.examples("imgcls labels check", "imgcls labels check --models resnet50 --datasets photos"),
    )
    run_options.add_to_command(check, "config", "models", "datasets", "offline")
    run_options.add_quiet(check)
    check.set_defaults(command=check_labels)
    listed = labels.add_parser(
        "list",
        help="the classes of a model, or of a list: number, WordNet id, name",
        **arguments.examples("imgcls labels list resnet50", "imgcls labels list imagenet-21k"),
    )
    listed.add_argument(
        "target", nargs="?", metavar="MODEL|LIST", help=f"a model, or {LIST_HELP} (default: which of them there are)"
    )
    run_options.add_to_command(listed, "config", "offline")
    run_options.add_quiet(listed)
    listed.set_defaults(command=list_classes)
    search = labels.add_parser(
        "search",
        help="the classes that a word names, and the kinds of it",
        **arguments.examples("imgcls labels search cat", 'imgcls labels search "sports car" --list imagenet-1k'),
    )
    search.add_argument("word", metavar="WORD", help="a name, a part of one, or anything that classes are kinds of")
    _add_lists(search)
    search.set_defaults(command=search_classes)
    suggest = labels.add_parser(
        "suggest",
        help="write a map file: which classes are right for each folder",
        **arguments.examples(
            "imgcls labels suggest photos/ --models resnet50 --out classes.csv",
            "imgcls labels suggest photos/ --list imagenet-1k",
        ),
    )
    suggest.add_argument("data", metavar="DIR|MANIFEST|DATASET", help="a folder with a folder per class, or a dataset")
    _add_lists(suggest)
    suggest.add_argument("--out", type=Path, metavar="FILE.csv", help="where to write it (default: print it)")
    suggest.set_defaults(command=suggest_classes)


def _add_lists(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", metavar="A,B", help="models of the configuration, or architectures (default: all)")
    parser.add_argument("--list", metavar="L", help=f"instead of models: {LIST_HELP}")
    run_options.add_to_command(parser, "config", "offline")
    run_options.add_quiet(parser)


# imgcls labels check.


def check_labels(namespace: argparse.Namespace) -> int:
    """Print a line for every model on every dataset, one for all that have the same error; the exit code."""
    options = RunOptions.from_namespace(namespace)
    settings = configuration.select(selection.settings(options.config), options.models, options.datasets)
    settings = configuration.with_access(settings, offline=options.offline, quiet=options.verbosity < 0)
    listing = functools.cache(lambda dataset: _listing(settings.datasets[dataset]))
    failed: dict[tuple[str, str], list[str]] = {}
    codes = set()
    for model, dataset in settings.pairs():
        try:
            with progress.working(sys.stderr, f"reading the images of {dataset} and the classes of {model}"):
                matched = _matched(settings, model, dataset, listing(dataset))
            output.line(f"ok   {model} on {dataset}: {matched}")
        except ImgclsError as error:
            failed.setdefault((dataset, str(error)), []).append(model)
            codes.add(error.exit_code)
    for (dataset, message), models in failed.items():
        output.line(f"FAIL {', '.join(models)} on {dataset}: {message}")
    return sessions.worst_exit_code(codes)


def _matched(settings: Settings, model: str, dataset: str, listing: Listing) -> str:
    """How folders and classes match, in words. Raises ImgclsError where they do not."""
    from imgcls.data import dataset as datasets
    from imgcls.models.sources import registry

    stated = _classes(settings.models[model])
    of_dataset = [settings.models[name] for name in settings.models_by_dataset()[dataset]]
    alike = registry.with_lists_like(stated, of_dataset)
    classes, matching = datasets.match_labels(settings.datasets[dataset], listing, stated, alike)
    right = len(frozenset().union(*matching.accepted.values()))
    ids = f"{messages.counted(matching.ids_ignored, 'id')} of the map {'is' if matching.ids_ignored == 1 else 'are'}"
    ignored = f", {ids} not among them" if matching.ids_ignored else ""
    folders = messages.counted(len(matching.accepted), "folder")
    counts = f"{folders}, {messages.counted(right, 'class')} of {classes.source}{ignored}"
    return "; ".join([counts, *listing.notes, *matching.notes])


def _listing(dataset: DatasetSpec) -> Listing:
    """Its images. Raises ConfigError where there is none, so that nothing would be checked."""
    from imgcls.data import dataset as datasets

    listing = datasets.list_images(dataset)
    if not listing.images:
        first = next((f"; {one.path}: {one.reason}: {one.detail}" for one in listing.rejections), "")
        files = f"{len(listing.rejections)} rejected and {messages.counted(listing.ignored, 'ignored file')}"
        raise ConfigError("; ".join([f"dataset {dataset.name!r}: no image among {files}{first}", *listing.notes]))
    return listing


# imgcls labels list.


def list_classes(namespace: argparse.Namespace) -> int:
    """Print the classes of a model or a list, one line each, separated by tabulators; the exit code."""
    options = RunOptions.from_namespace(namespace)
    if namespace.target is None:
        _print_lists(options)
        return 0
    with progress.working(sys.stderr, f"reading the classes of {namespace.target}"):
        classes = _list_of(namespace.target) or _of_models(options, [namespace.target])[0]
    for fields in _fields(classes, range(len(classes.names))):
        output.fields(fields)
    return 0


def _print_lists(options: RunOptions) -> None:
    """A line for each list that comes with the package, and each configured model."""
    from imgcls.data import class_lists

    for name in specs.LABEL_LISTS[:3]:
        output.line(f"{name}: {messages.counted(len(class_lists.stated(name).names), 'class')}")
    if options.config or discovery.find(Path.cwd()):
        for spec in selection.requested_models(options.config, None, offline=options.offline):
            output.line(f"{spec.name}: {_described(spec)}")
    output.line("imgcls labels list NAME prints the classes of one of them; a file of class names will do, too")


def _described(spec: ModelSpec) -> str:
    """Which classes a model has, or why that is not known."""
    from imgcls.data import class_lists

    try:
        classes = _classes(spec)
    except ImgclsError as error:
        return str(error)
    if classes in (class_lists.UNSTATED, class_lists.FOLDERS):
        return "the folders of a dataset" if spec.labels == "folders" else "its classes are stated nowhere"
    return f"{messages.counted(len(classes.names), 'class')} of {classes.source}"


def _list_of(name: str) -> LabelList | None:
    """The list of a word of the configuration or of a file; None for anything else."""
    from imgcls.data import class_lists

    if name in specs.LABEL_LISTS and name != "folders":
        return class_lists.stated(name)
    return class_lists.read(Path(name)) if Path(name).is_file() else None


def _of_models(options: RunOptions, names: Sequence[str] | None) -> list[LabelList]:
    """The classes that models state, each list once. Raises LabelError where one states none."""
    from imgcls.data import class_lists

    lists: dict[str, LabelList] = {}
    for spec in selection.requested_models(options.config, names, offline=options.offline, quiet=options.verbosity < 0):
        classes = _classes(spec)
        if classes in (class_lists.UNSTATED, class_lists.FOLDERS):
            why = "are the folders of a dataset" if spec.labels == "folders" else "are stated nowhere"
            raise LabelError(f"[models.{spec.name}] its classes {why}: set `labels` to a list, or name one with --list")
        lists.setdefault(classes.source, classes)
    return list(lists.values())


def _classes(spec: ModelSpec) -> LabelList:
    """What a model is scored with; where only its file of weights may state that, it is loaded. Raises ImgclsError."""
    if spec.labels is None and isinstance(spec.weights_source, WeightsFile):
        from imgcls.models.pool import ModelPool

        return ModelPool({spec.name: spec}, "cpu").get(spec.name).labels
    from imgcls.models.sources import registry

    return registry.label_list(spec)


def _lists(namespace: argparse.Namespace, options: RunOptions) -> list[LabelList]:
    """The lists that options name; without any, those of the configured models. Raises ConfigError, LabelError."""
    if namespace.list and options.models:
        raise ConfigError("--models and --list do not go together: name the one or the other")
    if namespace.list:
        classes = _list_of(namespace.list)
        if classes is None:
            raise ConfigError(f"--list {namespace.list}: there is no such file; it is {LIST_HELP}")
        return [classes]
    if options.models or options.config or discovery.find(Path.cwd()):
        return _of_models(options, options.models)
    raise ConfigError("name the classes: --models A,B or --list L, where there is no configuration with models")


def _fields(classes: LabelList, indices: Sequence[int]) -> Iterator[Sequence[str]]:
    """Number, WordNet id if there is one, and name of each class."""
    for index in indices:
        identity = [classes.wnids[index]] if classes.wnids else []
        yield [str(index), *identity, classes.names[index]]


# imgcls labels search.


def search_classes(namespace: argparse.Namespace) -> int:
    """Print the classes that a word may mean, list by list; 1 where there are none."""
    from imgcls.data import suggestions

    code = 1
    with progress.working(sys.stderr, "reading the classes and WordNet"):
        lists = _lists(namespace, RunOptions.from_namespace(namespace))
        results = [(classes, list(suggestions.search(namespace.word, classes))) for classes in lists]
    for classes, meanings in results:
        for title, indices in meanings:
            output.line(f"{classes.source}: {title}")
            for fields in _fields(classes, indices):
                output.fields(fields, indent="  ")
            code = 0
    if code:
        output.error(f"imgcls: no class has '{namespace.word}' in its name, and none is a kind of it")
    return code


# imgcls labels suggest.


def suggest_classes(namespace: argparse.Namespace) -> int:
    """Write or print a map file to review, and print what it has for each folder; 1 where a folder has nothing."""
    from imgcls.data import dataset as datasets
    from imgcls.data import listing as listings
    from imgcls.data import suggestions

    if namespace.out and namespace.out.exists():
        raise ConfigError(f"{namespace.out} exists and is left as it is: name another file with --out, or remove it")
    if namespace.out:
        documents.check_writable(namespace.out)
    options = RunOptions.from_namespace(namespace)
    with progress.working(sys.stderr, "reading the folders, the classes and WordNet"):
        suggester = suggestions.Suggester(_lists(namespace, options))
        dataset = selection.requested_dataset(options.config, namespace.data)
        listing = datasets.list_images(dataset, listings.unhashed)
        suggested = [suggester.suggest(folder) for folder in datasets.folder_names(listing)]
    text = suggestions.map_file(suggested, suggester.key)
    if namespace.out:
        documents.write_text(namespace.out, text)
    else:
        output.document(text)
    for each in suggested:
        output.error(f"{messages.spelled(each.folder)}: {messages.printable(each.sentence)}")
    if namespace.out:
        written = f'{namespace.out}: review it, then set labels = {{ file = "{namespace.out}" }} of the dataset'
        output.error(written)
    return int(any(not row.value for each in suggested for row in each.rows))
