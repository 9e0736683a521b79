"""imgcls.doctor.privacy: a bug report holds no passwords, tokens and names of users."""

from pathlib import Path

import pytest

from imgcls.doctor.privacy import private

HOME = Path("/home/ada")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ada/.cache/torch", "~/.cache/torch"),
        ("in /home/ada, and", "in ~, and"),
        ("/home/adam/photos", "/home/***/photos"),
        ("/home/bob/imgcls.toml: 3 models", "/home/***/imgcls.toml: 3 models"),
        ("/Users/eve/x", "/Users/***/x"),
        ("C:\\Users\\eve\\x", "C:\\Users\\***\\x"),
        ("HTTPS_PROXY=http://ada:pa55@proxy:3128", "HTTPS_PROXY=http://***@proxy:3128"),
        ("HTTPS_PROXY=http://ada@proxy:3128", "HTTPS_PROXY=http://***@proxy:3128"),
        ("https_proxy=ada:pa55@proxy:3128", "https_proxy=***@proxy:3128"),
        ("HTTPS_PROXY=ada:p/w@proxy", "HTTPS_PROXY=***@proxy"),
        ("MIRROR=https://a.example/w?sv=1&sig=x%2F, then", "MIRROR=https://a.example/w?*** then"),
        ("token hf_AbCdEfGhIjKl was refused", "token *** was refused"),
        ("ghp_0123456789abcdef", "***"),
        ("torch 2.14.1, 77 GB free", "torch 2.14.1, 77 GB free"),
        ("pip install 'torch==2.9' --index-url https://download.pytorch.org/whl/cpu",) * 2,
    ],
)
def test_what_is_hidden(text: str, expected: str) -> None:
    """The home folder is ``~``; names of users, and what a URL has before ``@`` or behind ``?``, are stars."""
    assert private(text, {}, HOME) == expected


def test_the_values_of_secret_variables_are_hidden() -> None:
    """Wherever they stand; values that are too short to be secrets, and files, stay."""
    environ = {"HF_TOKEN": "s3cr3t-value", "MY_PASSWORD": "1", "TOKEN_FILE": "/tmp"}  # noqa: S108 - a file that exists
    assert private("a s3cr3t-value in 1 /tmp", environ, HOME) == "a *** in 1 /tmp"


def test_a_secret_that_is_too_long_for_the_name_of_a_file() -> None:
    """As those are that services sign, of thousands of characters."""
    assert private(f"a {'x' * 5000}", {"ACTIONS_ID_TOKEN": "x" * 5000}, HOME) == "a ***"


def test_parts_of_a_password_that_a_library_put_into_a_message() -> None:
    """A password that is not spelled as a URL requires is cut into pieces by whoever reads it."""
    environ = {"HTTPS_PROXY": "http://ada:pa5/word@proxy:3128"}
    assert private("HTTPS_PROXY=http://ada:pa5/word@proxy:3128", environ, HOME) == "HTTPS_PROXY=http://***@proxy:3128"
    assert private("nonnumeric port: 'pa5'", environ, HOME) == "nonnumeric port: '***'"


def test_a_home_that_is_the_root() -> None:
    """Where containers have no user, no path becomes ``~``."""
    assert private("/work/photos", {}, Path("/")) == "/work/photos"
