"""imgcls.data.places.patterns: braces and wildcards stand for files, in their order."""

from pathlib import Path

import pytest

from imgcls.data.places import patterns
from imgcls.errors import ConfigError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.tar", ["a.tar"]),
        ("{000..002}.tar", ["000.tar", "001.tar", "002.tar"]),
        ("{9..11}.tar", ["9.tar", "10.tar", "11.tar"]),
        ("{a,b}-{0..1}.tar", ["a-0.tar", "a-1.tar", "b-0.tar", "b-1.tar"]),
        ("s3://b/{0..1}.tar", ["s3://b/0.tar", "s3://b/1.tar"]),
    ],
)
def test_braces_are_those_of_a_shell(path: str, expected: list[str]) -> None:
    """Ranges with their leading zeros, lists, several of them; the files need not exist."""
    assert list(patterns.expanded(path)) == expected


def test_wildcards_are_the_files_that_there_are(tmp_path: Path) -> None:
    """Sorted; a file that is called like a pattern stands for itself."""
    for name in ("b.tar", "a.tar", "{0..1}.tar"):
        (tmp_path / name).touch()
    assert list(patterns.expanded(f"{tmp_path}/[ab].tar")) == [f"{tmp_path}/a.tar", f"{tmp_path}/b.tar"]
    assert list(patterns.expanded(f"{tmp_path}/{{0..1}}.tar")) == [f"{tmp_path}/{{0..1}}.tar"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("{a}.tar", "{a} is not a range: write {000..146} or {a,b}"),
        ("{5..3}.tar", "{5..3} counts backwards: write {3..5}"),
        ("{0..9999999}.tar", "is more than 1000000 files"),
        ("{0..99999}-{0..99999}.tar", "stands for 10000000000 files, and at most 1000000 are read"),
        ("{1,1}.tar", "stands for the same file twice"),
        ("gone-*.tar", "gone-*.tar: no file is called so"),
    ],
)
def test_patterns_that_cannot_be_meant_are_errors(path: str, message: str) -> None:
    """With what to write."""
    with pytest.raises(ConfigError) as caught:
        patterns.expanded(path)
    assert message in str(caught.value)


def test_a_file_that_two_patterns_name_is_an_error(tmp_path: Path) -> None:
    """Its images would be listed twice, or what is wrong with it."""
    (tmp_path / "ab.tar").touch()
    with pytest.raises(ConfigError, match="stands for the same file twice"):
        patterns.expanded(f"{tmp_path}/{{a*,ab*}}.tar")


def test_files_that_differ_behind_the_question_mark_are_an_error() -> None:
    """The paths of their images would be the same."""
    with pytest.raises(ConfigError, match=r"^http://h/a\.tar stands for files that differ only behind the question"):
        patterns.expanded("http://h/a.tar?part={0..3}")


def test_a_pattern_exists_where_one_of_its_files_does(tmp_path: Path) -> None:
    """Whichever it is; one that cannot be meant stands for none."""
    (tmp_path / "1.tar").touch()
    paths = ["{0..1}.tar", "*.tar", "1.tar", "{2..3}.tar", "{5..3}.tar", "*.zip"]
    assert [patterns.exist(f"{tmp_path}/{path}") for path in paths] == [True, True, True, False, False, False]
