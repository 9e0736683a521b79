"""Which images are wrong, the most confident mistakes first."""

from imgcls.records.comparison import Prediction
from imgcls.reporting.sheet import Column, Sheet
from imgcls.reporting.show import selected
from imgcls.reporting.show.selected import Pair

KEYS = (
    "model",
    "dataset",
    "path",
    "label",
    "label_name",
    "predicted",
    "predicted_index",
    "probability",
    "top5",
    "image_sha256",
)

COLUMNS = (
    Column("image", lambda row: row["path"], words=True),
    Column("label", selected.readable, words=True),
    Column("predicted", lambda row: row["predicted"], words=True),
    Column("probability", lambda row: f"{row['probability']:.4f}"),
)


def of(pair: Pair) -> list[Prediction]:
    """The wrong predictions; ties by path. Raises ConfigError where the document has none at all."""
    wrong = [p for p in pair.required_predictions() if not pair.is_right(p)]
    return sorted(wrong, key=lambda prediction: (-prediction.top[0].probability, prediction.path))


def sheet(pair: Pair) -> Sheet:
    """A row per wrong image. Raises ConfigError as :func:`of` does."""
    wrong, scored, names = of(pair), len(pair.required_predictions()), pair.label_names()
    title = f"{pair.title}: {len(wrong)} of {scored} images are wrong, the most confident first"
    return Sheet(
        title, KEYS, COLUMNS, tuple(_row(pair, prediction, names.get(prediction.label)) for prediction in wrong)
    )


def _row(pair: Pair, prediction: Prediction, label_name: str | None) -> dict[str, object]:
    best = prediction.top[0]
    return {
        **pair.key,
        "path": prediction.path,
        "label": prediction.label,
        "label_name": label_name,
        "predicted": best.name,
        "predicted_index": best.index,
        "probability": best.probability,
        "top5": prediction.top,
        "image_sha256": prediction.image_sha256,
    }
