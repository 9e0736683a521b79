"""Units of the result document: no number without one, and none for a field that is gone."""

import msgspec
import pytest

from imgcls.reporting import document_units, schema


def _numeric() -> set[tuple[str, str]]:
    records = msgspec.json.schema(schema.ResultDocument)["$defs"]
    fields = {
        (name, field)
        for name, record in records.items()
        for field, value in record.get("properties", {}).items()
        if schema.has_number(value)
    }
    return fields | {(name, "") for name, record in records.items() if "prefixItems" in record}


def test_every_number_has_a_unit_of_the_list() -> None:
    """Each field of each record, lists and maps of numbers included."""
    units = {(record, field): document_units.of(record, field) for record, field in _numeric()}
    assert [place for place, unit in units.items() if unit is None] == []
    assert {document_units.word(str(unit)) for unit in units.values()} <= set(document_units.WORDS)


def test_no_unit_is_stated_for_a_field_that_is_gone() -> None:
    """A renamed field has its unit under its new name."""
    stated = {(record, field) for record, fields in document_units.BY_FIELD.items() for field in fields}
    assert stated - _numeric() == set()


@pytest.mark.parametrize(
    ("record", "field", "unit"),
    [
        ("Result", "top1", "percent"),
        ("Result", "macro_f1", "percent"),
        ("Result", "param_count", "millions"),
        ("Result", "set_seconds", "seconds"),
        ("Difference", "low", "fraction"),
        ("Latency", "rounds_ns", "nanoseconds"),
        ("Peak", "weights", "bytes"),
        ("RunEnvironment", "gmacs", "thousand millions"),
        ("Growth", "low", "bytes per call"),
        ("LogitDistance", "sensitivity", "standard deviations"),
    ],
)
def test_the_unit_is_the_longest_word_that_fits(record: str, field: str, unit: str) -> None:
    """Each is what docs/result-document.md states of the field."""
    assert document_units.word(str(document_units.of(record, field))) == unit


def test_a_text_without_a_unit_is_refused() -> None:
    """A new unit goes into the list first."""
    with pytest.raises(ValueError, match="'furlongs' does not begin with a unit of"):
        document_units.word("furlongs")
