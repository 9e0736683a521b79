"""``imgcls store merge``: the stores of several shards become one, on which the whole run computes nothing."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import messages
from imgcls.cli import arguments, output
from imgcls.reporting import progress
from imgcls.session import options as run_options

if TYPE_CHECKING:
    from imgcls.store.merging import MergedStore


def add_store(commands: Any) -> None:
    parser = commands.add_parser("store", help="join the stores of several shards")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    merge = commands.add_parser(
        "merge",
        help="write one store with the predictions of several",
        **arguments.examples(
            "imgcls store merge shard-1 shard-2 -o all", "imgcls store merge .imgcls/shard-*-of-8 -o all"
        ),
    )
    merge.add_argument("stores", nargs="+", type=Path, metavar="STORE", help="folders of --store")
    merge.add_argument("-o", "--out", required=True, type=Path, metavar="FOLDER", help="the new store, not there yet")
    run_options.add_quiet(merge)
    merge.set_defaults(command=merge_stores)


def merge_stores(namespace: argparse.Namespace) -> int:
    """Write the merged store, and print what came from where and what does not agree; 1 where predictions differ."""
    from imgcls.store import merging

    with progress.working(sys.stderr, f"merging {messages.counted(len(namespace.stores), 'store')}"):
        merged = merging.merge(namespace.stores, namespace.out)
    for line in _lines(merged, namespace.out):
        output.line(line)
    return 1 if _differ(merged) else 0


def _lines(merged: Sequence[MergedStore], out: Path) -> Iterator[str]:
    from imgcls.store import agreement

    for store in merged:
        yield f"{store.folder}: {messages.counted(store.predictions, 'prediction')}, {store.new} of them new"
        yield from _faults(store)
        yield from _left_out(store.folder, [other.folder for other in merged])
    keys = {key for store in merged for key in store.keys}
    total = messages.counted(sum(store.new for store in merged), "prediction")
    yield f"{out}: {total}, {messages.counted(len(keys), 'prediction key')}"
    disagreements = list(agreement.disagreements(merged))
    yield from (f"  NOTE {sentence}" for sentence in disagreements)
    if disagreements:
        yield "  a run uses the predictions of its own key only, and computes those that it lacks; `imgcls plan` makes"
        yield "  the shards of a run agree"
    if not _differ(merged):
        yield f"next: imgcls score --store {shlex.quote(str(out))}"


def _differ(merged: Sequence[MergedStore]) -> bool:
    """Whether two stores have different predictions under one key."""
    return any(store.different for store in merged)


def _faults(store: MergedStore) -> Iterator[str]:
    if store.damaged:
        counts = ", ".join(f"{kind}: {count}" for kind, count in store.damaged.items())
        yield f"  NOTE damaged rows were left out ({counts}); what they held is computed again where it is needed"
    if store.different:
        more = f" and {store.different - len(store.images)} more" if store.different > len(store.images) else ""
        yield (
            f"  DIFFERENT {messages.counted(store.different, 'prediction')} than in a store before it, under the same "
            f"key: {', '.join(store.images)}{more}; those of the first are taken, and the exit code is 1: one of the "
            "two was computed otherwise than its key states, so leave its store out"
        )


def _left_out(folder: Path, merged: Sequence[Path]) -> Iterator[str]:
    """The stores of shards inside of a store: a folder names its own store only."""
    inside = sorted(set(folder.glob("shard-*-of-*")) - set(merged))
    if inside:
        shards = f"{shlex.quote(str(folder))}/shard-*"
        yield f"  NOTE {messages.counted(len(inside), 'store')} inside of it not merged: name them, as in {shards}"
