"""imgcls.config.pairs: tables by model and dataset are joined key by key, and checked by whoever reads them."""

from pathlib import Path

import pytest

from imgcls.config import pairs
from imgcls.config.table import ConfigTable
from imgcls.errors import ConfigError
from imgcls.records.config import ModelSpec

FILE = Path("imgcls.toml")
MODELS = {"net": ModelSpec("net", "timm:net"), "other": ModelSpec("other", "timm:net", datasets=("digits",))}
DATASETS: dict[str, object] = {"photos": {}, "digits": {}}


def _joined(tables: dict[str, dict[str, object]], check: object = lambda _: None) -> dict[tuple[str, str], object]:
    of_file = {name: (FILE, table) for name, table in tables.items()}
    joined = pairs.joined_by_pair("limits", of_file, MODELS, DATASETS, check)  # type: ignore[arg-type]  # a lambda
    return {pair: (table.name, table.table) for pair, table in joined.items()}


def test_keys_are_joined_and_errors_name_the_models_own_table() -> None:
    """A model's own keys go first, and the joined table has the name of its own one, where it has one."""
    joined = _joined({"*": {"digits": {"a": 1, "b": 2}}, "net": {"digits": {"b": 3}, "photos": {"c": 4}}})
    assert joined == {
        ("net", "photos"): ("limits.net.photos", {"c": 4}),
        ("net", "digits"): ("limits.net.digits", {"a": 1, "b": 3}),
        ("other", "digits"): ("limits.*.digits", {"a": 1, "b": 2}),
    }


def test_each_table_is_checked_by_itself() -> None:
    """A value that another table replaces is an error all the same, in the table that has it."""

    def check(table: ConfigTable) -> None:
        if table.table["a"] < 0:
            table.wrong("a", "is negative")

    with pytest.raises(ConfigError, match=r"^imgcls.toml: \[limits.\*.photos\] a: is negative$"):
        _joined({"*": {"photos": {"a": -1}}, "net": {"photos": {"a": 1}}}, check)
