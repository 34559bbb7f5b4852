"""uv's configuration files and their settings, found and read as uv does.

The engine runs uv without them (``UV_NO_CONFIG``), since a file can also change which versions are selected.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from scripts.core.errors import UsageError

#: Keys for the sources of packages, and uv's variable for each.
_WHERE: Final = {
    "index-url": "UV_INDEX_URL",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "index-strategy": "UV_INDEX_STRATEGY",
    "keyring-provider": "UV_KEYRING_PROVIDER",
    "allow-insecure-host": "UV_INSECURE_HOST",
    "native-tls": "UV_NATIVE_TLS",
    "system-certs": "UV_SYSTEM_CERTS",
    "offline": "UV_OFFLINE",
    "http-proxy": "HTTP_PROXY",
    "https-proxy": "HTTPS_PROXY",
    "no-proxy": "NO_PROXY",
    "concurrent-downloads": "UV_CONCURRENT_DOWNLOADS",
    "concurrent-builds": "UV_CONCURRENT_BUILDS",
    "concurrent-installs": "UV_CONCURRENT_INSTALLS",
    "python-downloads": "UV_PYTHON_DOWNLOADS",
    "python-install-mirror": "UV_PYTHON_INSTALL_MIRROR",
    "python-downloads-json-url": "UV_PYTHON_DOWNLOADS_JSON_URL",
}
#: Keys that do not affect what a cell installs.
_IRRELEVANT: Final = frozenset(
    {
        *("required-version", "cache-dir", "no-cache", "preview", "preview-features", "link-mode"),
        *("compile-bytecode", "publish-url", "trusted-publishing", "check-url", "add-bounds", "audit"),
        *("cache-keys", "workspace", "managed", "package", "default-groups", "dependency-groups"),
        *("dev-dependencies", "build-backend", "conflicts", "pypy-install-mirror", "graalpy-install-mirror"),
        *("pyodide-install-mirror", "upgrade", "upgrade-package", "reinstall", "reinstall-package"),
        *("environments", "required-environments", "sources", "minimum-libc-version", "python-preference"),
    }
)
#: Variables that contain a list, with the separator of its items.
LISTS: Final = {
    **dict.fromkeys(("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST"), " "),
    **dict.fromkeys(("UV_FIND_LINKS", "NO_PROXY"), ","),
}
#: Variables with a path or URL that a file may give relative to itself.
_RELATIVE: Final = frozenset({"UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """The settings in uv's files: values by the name of uv's variable, and ignored keys, each with its file."""

    variables: Mapping[str, tuple[str, ...]]
    ignored: tuple[str, ...]


def read(environ: Mapping[str, str], folder: Path) -> Found:
    """Return the settings in uv's configuration files for a command that runs in ``folder``.

    Raises:
        UsageError: a file cannot be read.
    """
    variables: dict[str, tuple[str, ...]] = {}
    ignored: list[str] = []
    for path, table in _tables(environ, folder):
        for name, values in _variables(table, path.parent).items():
            # Lists are joined, the nearer file's items first; of single values the nearer file's wins.
            variables[name] = (*variables.get(name, ()), *values) if name in LISTS else variables.get(name) or values
        ignored += [f"{key} in {path}" for key in _which(table)]
    return Found(variables=variables, ignored=tuple(ignored))


def _tables(environ: Mapping[str, str], folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the settings of each file that uv reads, by descending priority."""
    if is_true(environ.get("UV_NO_CONFIG", "")):
        return
    if environ.get("UV_CONFIG_FILE"):
        path = Path(environ["UV_CONFIG_FILE"])
        yield path, _loaded(path)
        return
    yield from _of_project(folder)
    for found in (_of_user(environ), _of_system(environ)):
        if found is not None and found.is_file():
            yield found, _loaded(found)


def _of_project(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the nearest ``uv.toml``, or ``pyproject.toml`` with a table for uv, in ``folder`` or above it."""
    for parent in (folder, *folder.parents):
        if (path := parent / "uv.toml").is_file():
            yield path, _loaded(path)
            return
        if (path := parent / "pyproject.toml").is_file():
            try:
                table = _loaded(path).get("tool", {}).get("uv")
            except UsageError:
                continue  # an unrelated invalid file: uv warns and ignores it
            if table:
                yield path, table
                return


def _of_user(environ: Mapping[str, str]) -> Path | None:
    if sys.platform == "win32":
        return Path(environ["APPDATA"], "uv", "uv.toml") if environ.get("APPDATA") else None
    home = environ.get("HOME") or Path.home()
    return Path(environ.get("XDG_CONFIG_HOME") or Path(home, ".config"), "uv", "uv.toml")


def _of_system(environ: Mapping[str, str]) -> Path | None:
    if is_true(environ.get("UV_NO_SYSTEM_CONFIG", "")):
        return None
    if sys.platform == "win32":
        return Path(environ.get("PROGRAMDATA", r"C:\ProgramData"), "uv", "uv.toml")
    folders = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    paths = (Path(folder, "uv", "uv.toml") for folder in (*folders, "/etc"))
    return next((path for path in paths if path.is_file()), None)


def _loaded(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: uv's configuration cannot be read: {error}; fix it, or set UV_NO_CONFIG=1") from None


def _variables(table: Mapping[str, Any], folder: Path) -> dict[str, tuple[str, ...]]:
    """Return one file's sources of packages; settings for ``uv pip`` win, since the engine uses only such commands."""
    merged = {**table, **_table(table.get("pip"))}
    found = {
        variable: tuple(_text(item, folder if variable in _RELATIVE else None) for item in _list(merged[key]))
        for key, variable in _WHERE.items()
        if key in merged
    }
    for index in map(_table, _list(table.get("index"))):
        name, location = _index(index, folder)
        if location:
            found[name] = (*found.get(name, ()), location)  # of several default indexes the first wins
    return {name: values for name, values in found.items() if values}


def _index(index: Mapping[str, Any], folder: Path) -> tuple[str, str]:
    """Return the variable and value for an ``[[index]]``; empty for an explicit one, which only sources use."""
    url = _text(index.get("url", ""), folder)
    if not url or index.get("explicit"):
        return "", ""
    if index.get("format") == "flat":
        return "UV_FIND_LINKS", url
    return ("UV_DEFAULT_INDEX" if index.get("default") else "UV_INDEX"), (
        f"{index['name']}={url}" if index.get("name") else url
    )


def _which(table: Mapping[str, Any]) -> Iterable[str]:
    """Return the keys that would change which versions are selected, or how they are built."""
    pip = [f"pip.{key}" for key in _table(table.get("pip")) if key not in _WHERE and key not in _IRRELEVANT]
    return [*(key for key in table if key not in _WHERE and key not in {*_IRRELEVANT, "index", "pip"}), *pip]


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: object, folder: Path | None) -> str:
    """Return a value in the notation of variables; a relative path is resolved against the folder of its file."""
    if isinstance(value, bool):
        return "1" if value else "0"
    text = str(value)
    if folder is None or not text or urlsplit(text).scheme not in {"", *"abcdefghijklmnopqrstuvwxyz"}:
        return text
    return str(folder / text)


def is_true(text: str) -> bool:
    """Return True if uv reads the text of a switch as true."""
    return text.lower() in {"1", "true", "t", "yes", "y", "on"}
