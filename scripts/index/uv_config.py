"""uv's configuration files, read as uv reads them: which there are, and what is set in them.

The engine runs uv without any (``UV_NO_CONFIG``), since a file can also say which versions to take.
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

#: Keys that say where packages come from, and uv's variable for each.
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
#: Keys that change nothing of what a cell installs.
_QUIET: Final = frozenset(
    {
        *("required-version", "cache-dir", "no-cache", "preview", "preview-features", "link-mode"),
        *("compile-bytecode", "publish-url", "trusted-publishing", "check-url", "add-bounds", "audit"),
        *("cache-keys", "workspace", "managed", "package", "default-groups", "dependency-groups"),
        *("dev-dependencies", "build-backend", "conflicts", "pypy-install-mirror", "graalpy-install-mirror"),
        *("pyodide-install-mirror", "upgrade", "upgrade-package", "reinstall", "reinstall-package"),
        *("environments", "required-environments", "sources", "minimum-libc-version", "python-preference"),
    }
)
#: Variables that hold a list, and what stands between its items.
LISTS: Final = {
    **dict.fromkeys(("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST"), " "),
    **dict.fromkeys(("UV_FIND_LINKS", "NO_PROXY"), ","),
}
#: Variables with a path or URL that a file may give relative to itself.
_PLACES: Final = frozenset({"UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What files set: values by the name of uv's variable, and keys that are not honoured, each with its file."""

    variables: Mapping[str, tuple[str, ...]]
    ignored: tuple[str, ...]


def read(environ: Mapping[str, str], folder: Path) -> Found:
    """Return what uv's configuration files set for a command that is run in ``folder``.

    Raises:
        UsageError: a file can't be read.
    """
    variables: dict[str, tuple[str, ...]] = {}
    ignored: list[str] = []
    for path, table in _tables(environ, folder):
        for name, values in _variables(table, path.parent).items():
            # Lists are joined, the nearer file's items first; of single values the nearer file's is taken.
            variables[name] = (*variables.get(name, ()), *values) if name in LISTS else variables.get(name) or values
        ignored += [f"{key} in {path}" for key in _which(table)]
    return Found(variables=variables, ignored=tuple(ignored))


def _tables(environ: Mapping[str, str], folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Return the settings of each file that uv would read, the strongest first."""
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
    """Return the nearest ``uv.toml``, or ``pyproject.toml`` with a table for uv, in ``folder`` or above it."""
    for parent in (folder, *folder.parents):
        if (path := parent / "uv.toml").is_file():
            yield path, _loaded(path)
            return
        if (path := parent / "pyproject.toml").is_file():
            try:
                table = _loaded(path).get("tool", {}).get("uv")
            except UsageError:
                continue  # somebody else's file, which uv warns about and passes over
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
        raise UsageError(f"{path}: uv's configuration can't be read: {error}; mend it, or set UV_NO_CONFIG=1") from None


def _variables(table: Mapping[str, Any], folder: Path) -> dict[str, tuple[str, ...]]:
    """Return one file's settings of where packages come from; those for ``uv pip`` win, as all commands here are."""
    merged = {**table, **_table(table.get("pip"))}
    found = {
        variable: tuple(_text(item, folder if variable in _PLACES else None) for item in _list(merged[key]))
        for key, variable in _WHERE.items()
        if key in merged
    }
    for index in map(_table, _list(table.get("index"))):
        name, place = _index(index, folder)
        if place:
            found[name] = (*found.get(name, ()), place)  # of several default ones the first counts
    return {name: values for name, values in found.items() if values}


def _index(index: Mapping[str, Any], folder: Path) -> tuple[str, str]:
    """Return the variable for one ``[[index]]`` and its value; none for one that only packages with a source use."""
    url = _text(index.get("url", ""), folder)
    if not url or index.get("explicit"):
        return "", ""
    if index.get("format") == "flat":
        return "UV_FIND_LINKS", url
    return ("UV_DEFAULT_INDEX" if index.get("default") else "UV_INDEX"), (
        f"{index['name']}={url}" if index.get("name") else url
    )


def _which(table: Mapping[str, Any]) -> Iterable[str]:
    """Return the keys that would change which versions are taken, or how they are built."""
    pip = [f"pip.{key}" for key in _table(table.get("pip")) if key not in _WHERE and key not in _QUIET]
    return [*(key for key in table if key not in _WHERE and key not in {*_QUIET, "index", "pip"}), *pip]


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: object, folder: Path | None) -> str:
    """Return a value as a variable has it; a path is taken from the folder of its file."""
    if isinstance(value, bool):
        return "1" if value else "0"
    text = str(value)
    if folder is None or not text or urlsplit(text).scheme not in {"", *"abcdefghijklmnopqrstuvwxyz"}:
        return text
    return str(folder / text)


def is_true(text: str) -> bool:
    """Return whether uv takes the text of a switch for true."""
    return text.lower() in {"1", "true", "t", "yes", "y", "on"}
