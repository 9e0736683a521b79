"""The five classes with the largest mean probability over a dataset."""

from imgcls.reporting.sheet import Column, Sheet
from imgcls.reporting.show.selected import Pair

KEYS = ("model", "dataset", "place", "index", "name", "probability")

COLUMNS = (
    Column("place", lambda row: str(row["place"])),
    Column("class", lambda row: str(row["index"])),
    Column("name", lambda row: row["name"], words=True),
    Column("mean probability", lambda row: f"{row['probability']:.4f}"),
)


def sheet(pair: Pair) -> Sheet:
    """A row per class, the likeliest first."""
    rows = tuple(
        {**pair.key, "place": place, "index": index, "name": name, "probability": probability}
        for place, (index, name, probability) in enumerate(pair.result.overall_top5, 1)
    )
    return Sheet(f"{pair.title}: overall five of {pair.result.scored} images", KEYS, COLUMNS, rows)
