"""imgcls.session.option_table: every option is one that both parsers take, and that a record of options has."""

import argparse
from dataclasses import fields

from imgcls.session.option_table import OPTIONS
from imgcls.session.options import RunOptions


def test_every_option_is_a_field_of_the_record() -> None:
    """So that none is declared and then ignored."""
    given = {name.replace("-", "_") for name in OPTIONS}
    assert given == {field.name for field in fields(RunOptions)} - {"working", "verbosity", "prefix"}


def test_every_option_states_in_a_phrase_what_it_does() -> None:
    """Options that take a value name it, or its choices."""
    for name, keywords in OPTIONS.items():
        assert keywords["help"][0].islower(), name
        assert not keywords["help"].endswith("."), name
        is_flag = keywords.get("action") == "store_true"
        assert is_flag != bool(keywords.keys() & {"metavar", "choices"}), name


def test_argparse_takes_every_option() -> None:
    """With the keywords as they are; what is not given is nothing, an empty list or a stated default."""
    parser = argparse.ArgumentParser()
    for name, keywords in OPTIONS.items():
        parser.add_argument(f"--{name}", **keywords)
    options = vars(parser.parse_args([]))
    assert {name: value for name, value in options.items() if value} == {
        "inconclusive": "fail",
        "unused_golden": "warn",
    }
