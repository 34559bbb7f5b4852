"""pip's configuration: its files, in pip's order, and its variables."""

from __future__ import annotations

import configparser
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

#: Sections that ``pip install`` reads. The latter wins, even from a file of lower priority.
_SECTIONS: Final = ("global", "install")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """An option of pip: its value, with items separated by single spaces, and its origin."""

    value: str
    where: str  # "PIP_INDEX_URL", or "index-url in /etc/pip.conf"


def read(environ: Mapping[str, str]) -> dict[str, Option]:
    """Return the options of ``pip install`` by name, such as ``index-url``; variables win over files."""
    found: dict[str, dict[str, Option]] = {section: {} for section in _SECTIONS}
    for path in files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue  # pip itself refuses to start with such a file
        for section in filter(parser.has_section, _SECTIONS):
            found[section] |= {_name(key): _option(value, path, key) for key, value in parser.items(section)}
    variables = {
        _name(name.removeprefix("PIP_")): Option(value=" ".join(value.split()), where=name)
        for name, value in environ.items()
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE" and value
    }
    return {**found["global"], **found["install"], **variables}


def _name(key: str) -> str:
    return key.lower().replace("_", "-").removeprefix("--")


def _option(value: str, path: Path, key: str) -> Option:
    return Option(value=" ".join(value.split()), where=f"{_name(key)} in {path}")


def files(environ: Mapping[str, str], *, platform: str = sys.platform, prefix: str = sys.prefix) -> Iterator[Path]:
    """Yield pip's configuration files by ascending priority: system, user, virtual environment, ``PIP_CONFIG_FILE``.

    As in pip's documentation ("Configuration") and the output of ``pip config debug``: `os.devnull` as
    ``PIP_CONFIG_FILE`` disables all files, an existing file disables only the user's.
    """
    override = environ.get("PIP_CONFIG_FILE")
    if override == os.devnull:
        return
    name = "pip.ini" if platform == "win32" else "pip.conf"
    yield from (folder / name for folder in _of_system(environ, platform))
    if not override or not Path(override).exists():
        yield from (folder / name for folder in _of_user(environ, platform))
    yield Path(environ.get("VIRTUAL_ENV") or environ.get("CONDA_PREFIX") or prefix, name)
    if override:
        yield Path(override)


def _of_system(environ: Mapping[str, str], platform: str) -> list[Path]:
    match platform:
        case "win32":
            return [Path(environ.get("PROGRAMDATA", r"C:\ProgramData"), "pip")]
        case "darwin":
            return [Path("/Library/Application Support/pip")]
        case _:
            folders = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
            return [*(Path(folder, "pip") for folder in folders), Path("/etc")]


def _of_user(environ: Mapping[str, str], platform: str) -> list[Path]:
    home = Path(environ.get("USERPROFILE" if platform == "win32" else "HOME") or Path.home())
    match platform:
        case "win32":
            return [home / "pip", Path(environ.get("APPDATA") or home / "AppData" / "Roaming", "pip")]
        case "darwin":
            library = home / "Library" / "Application Support" / "pip"
            return [home / ".pip", library if library.is_dir() else home / ".config" / "pip"]
        case _:
            return [home / ".pip", Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip")]
