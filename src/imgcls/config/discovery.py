"""Where the configuration is; apart from :mod:`imgcls.config.loader`, so that looking costs next to nothing."""

from pathlib import Path

from imgcls.errors import ConfigError

FILE = "imgcls.toml"


def find(start: Path) -> Path | None:
    """The configuration of the folder ``start``: its own, or the nearest one above it; None where there is none.

    Raises ConfigError where one folder holds both ``imgcls.toml`` and ``[tool.imgcls]``.
    """
    for folder in (start, *start.parents):
        own, project = folder / FILE, folder / "pyproject.toml"
        in_project = project.is_file() and _has_our_table(project)
        if own.is_file() and in_project:
            raise ConfigError(f"{own} and [tool.imgcls] in {project} are both there: keep one of them")
        if own.is_file():
            return own
        if in_project:
            return project
    return None


def _has_our_table(project: Path) -> bool:
    try:
        content = project.read_bytes()
    except OSError:
        return False  # a folder far above may not be readable, and is not meant then
    if b"imgcls" not in content:
        return False
    import tomllib  # here, because a project without our table does not need it

    try:
        tool = tomllib.loads(content.decode()).get("tool")
        return isinstance(tool, dict) and "imgcls" in tool
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{project}: not TOML: {error}") from error
