"""Read the name of a package from its folder or file name, without running its code."""

from __future__ import annotations

import ast
import configparser
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

#: Suffixes of source archives.
ARCHIVES: Final = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz")


def of_file(filename: str) -> str | None:
    """Return the package name in the file name of a wheel or sdist, or None if the file name is invalid."""
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[0])
        return str(parse_sdist_filename(filename)[0])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def of_folder(folder: Path) -> str | None:
    """Return the package name in pyproject.toml, setup.cfg or setup.py, or None."""
    return next((name for name in _candidates(folder) if isinstance(name, str) and name.strip()), None)


def _candidates(folder: Path) -> Iterator[Any]:
    yield from _in_pyproject(folder / "pyproject.toml")
    yield from _in_setup_cfg(folder / "setup.cfg")
    yield from _in_setup_py(folder / "setup.py")


def _in_pyproject(path: Path) -> Iterator[Any]:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    for keys in (("project",), ("tool", "poetry"), ("tool", "flit", "metadata")):
        table: Any = data
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):
            yield table.get("name") or table.get("dist-name") or table.get("module")


def _in_setup_cfg(path: Path) -> Iterator[Any]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return
    yield parser.get("metadata", "name", fallback=None)


def _in_setup_py(path: Path) -> Iterator[Any]:
    """Yield the names in calls of ``setup``, if they are string literals."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "setup":
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    yield keyword.value.value
