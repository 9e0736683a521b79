"""The log of a step of GitHub Actions, in which the runner looks for commands to itself."""

import os


def is_read() -> bool:
    """Whether this is a step of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def inert_lines(text: str) -> str:
    """A text that may have several lines, of which none is a command to the runner."""
    return "\n".join(map(inert, text.split("\n")))


def inert(line: str) -> str:
    """A line that is no command to the runner, whatever names stand in it.

    A command begins with ``::``, blanks aside; those of the older form, with ``##[``, may stand anywhere in a line.
    """
    if not is_read():
        return line
    bare = line.lstrip()
    escaped = f"{line[: len(line) - len(bare)]}\\x3a{bare[1:]}" if bare.startswith("::") else line
    return escaped.replace("##[", "#\\x23[")
