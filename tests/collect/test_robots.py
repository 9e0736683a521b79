"""imgcls.collect.robots: RFC 9309."""

import time

import pytest

from imgcls.collect import robots


def _allowed(text: str, path: str) -> bool:
    return robots.parse(text).allow(f"http://site.example{path}")


@pytest.mark.parametrize(
    ("rules", "path", "is_allowed"),
    [
        ("Disallow: /private/", "/private/a.jpg", False),
        ("Disallow: /private/", "/public/a.jpg", True),
        ("Disallow:", "/a.jpg", True),
        ("Disallow: /", "/robots.txt", True),
        ("Allow: /\nDisallow: /private/", "/private/a.jpg", False),  # the longest rule, not the first
        ("Disallow: /private/\nAllow: /private/open/", "/private/open/a.jpg", True),
        ("Disallow: /a\nAllow: /a", "/a.jpg", True),  # of two equal ones that to allow
        ("Disallow: /*.gif$", "/a/b.gif", False),
        ("Disallow: /*.gif$", "/a/b.gif?size=1", True),
        ("Disallow: /*?", "/a.jpg?size=1", False),
        ("Disallow: *", "/a.jpg", False),
        ("Disallow: /a*b*c$", "/aXbXc", False),
        ("Disallow: /a*b*c$", "/aXcXb", True),
        ("Disallow: /exact$", "/exact", False),
        ("Disallow: /exact$", "/exactly", True),
        ("Disallow: /ab*b$", "/ab", True),  # the two letters are not the same one
        ("Disallow: /%7Ejoe/", "/~joe/a.jpg", False),
        ("Disallow: /фото/", "/%D1%84%D0%BE%D1%82%D0%BE/a.jpg", False),
        ("disallow : /a # why", "/a.jpg", False),
        ("Crawl-delay: 5\nnonsense", "/a.jpg", True),
    ],
)  # fmt: skip
def test_rules(rules: str, path: str, is_allowed: bool) -> None:
    """The examples of sections 2.2.2 and 2.2.3, and what the standard library of Python 3.11 takes for allowed."""
    assert _allowed(f"User-agent: *\n{rules}", path) is is_allowed


def test_groups() -> None:
    """Our own group goes before that of all, whatever its case, and several of them count as one."""
    text = (
        "User-agent: *\nDisallow: /\n\n"
        "User-agent: other\nUser-agent: ImgCls\nDisallow: /a\n\n"
        "User-agent: imgcls\nDisallow: /b\n"
    )
    assert [_allowed(text, path) for path in ("/a", "/b", "/c")] == [False, False, True]
    assert not _allowed("User-agent: imgcls\nDisallow: /\nUser-agent: *\nDisallow:", "/c")
    assert _allowed("User-agent: imgclsbot\nDisallow: /", "/c")


def test_other_files() -> None:
    """A page of HTML, a byte order mark and rules before any group forbid nothing, or only what they should."""
    assert _allowed("<html><body>Not found: /a</body></html>", "/a")
    assert _allowed("Disallow: /", "/a")
    assert not _allowed("\ufeffUser-agent: *\nDisallow: /", "/a")


def test_a_hostile_pattern_takes_no_time() -> None:
    """Many stars on a long path are as quick as one."""
    rules = robots.parse("User-agent: *\nDisallow: /" + "*a" * 500 + "$")
    started = time.process_time()
    assert rules.allow("http://site.example/" + "a" * 1900 + "b")
    assert time.process_time() - started < 0.5
