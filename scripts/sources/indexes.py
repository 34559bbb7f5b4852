"""Package indexes: where the user's pip and uv settings point, and whether an index can be reached."""

from __future__ import annotations

import configparser
import dataclasses
import functools
import os
import re
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from scripts.matrix.config import Build

#: pip's setting -> uv's variable. uv reads its own; people behind a mirror often have only pip's.
_FROM_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}
#: Older or longer names that say the same to uv; where one is set, pip's setting is not used.
_SAME = {"UV_DEFAULT_INDEX": ("UV_INDEX_URL",), "UV_EXTRA_INDEX_URL": ("UV_INDEX",)}

#: Seconds that an index has to answer; one that takes longer would make every cell crawl.
_TIMEOUT = 8.0


def pip_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Settings of pip from its files and its variables, by the name of the option; variables win."""
    settings: dict[str, str] = {}
    for path in _pip_files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself complains about it, and better
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update(
                    {key.replace("_", "-"): " ".join(value.split()) for key, value in parser.items(section)}
                )
    for option in _FROM_PIP:
        value = environ.get("PIP_" + option.upper().replace("-", "_"))
        if value:
            settings[option] = value
    return settings


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """The configuration files, the strongest last (pip's documentation, "Configuration")."""
    override = environ.get("PIP_CONFIG_FILE")
    if override == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "win32":
        yield Path(environ.get("PROGRAMDATA", r"C:\ProgramData"), "pip", "pip.ini")
        yield home / "pip" / "pip.ini"
        yield Path(environ.get("APPDATA", home), "pip", "pip.ini")
    else:
        for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
            yield Path(folder, "pip", "pip.conf")
        yield Path("/etc/pip.conf")
        yield home / ".pip" / "pip.conf"
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip", "pip.conf")
    if override:
        yield Path(override)


def uv_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The ``UV_*`` variables that make uv see the same indexes as pip would.

    Several indexes are searched for the best version, as pip does; uv alone would stop at the first that has
    the package.
    """
    settings = {}
    for option, value in pip_settings(environ).items():
        name = _FROM_PIP.get(option)
        if name and not any(environ.get(known) for known in (name, *_SAME.get(name, ()))):
            settings[name] = value.replace(" ", ",") if name == "UV_FIND_LINKS" else value
    if "UV_INDEX_STRATEGY" not in environ:
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


def default_index(environ: Mapping[str, str] = os.environ) -> str | None:
    """URL of the configured default index, or None for the one that pip and uv know by themselves."""
    merged = {**uv_settings(environ), **{k: v for k, v in environ.items() if k.startswith("UV_")}}
    return merged.get("UV_DEFAULT_INDEX") or merged.get("UV_INDEX_URL")


def further_sources(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Find-links and extra indexes, which can hold wheels with a local label that the default index never has."""
    merged = {**uv_settings(environ), **environ}
    named = [merged.get(name, "") for name in ("UV_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_INDEX")]
    return [source for value in named for source in re.split(r"[\s,]+", value) if source]


def certificate_file(environ: Mapping[str, str] = os.environ) -> str | None:
    """The file of certificates that pip and uv are told to trust; None for the usual ones."""
    file = environ.get("SSL_CERT_FILE") or uv_settings(environ).get("SSL_CERT_FILE")
    return file if file and Path(file).is_file() else None


def certificates(environ: Mapping[str, str] = os.environ) -> ssl.SSLContext | bool:
    """The same for httpx."""
    file = certificate_file(environ)
    return ssl.create_default_context(cafile=file) if file else True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reach:
    """What one look at an index found."""

    ok: bool
    seconds: float
    problem: str | None = None


def check(url: str, project: str = "torch") -> Reach:
    """Ask an index for a project's page, once. Never raises: what goes wrong is in the answer."""
    page = f"{url.rstrip('/')}/{project}/"
    if page.startswith("file:"):
        found = Path(urlsplit(page).path).is_dir()
        return Reach(ok=found, seconds=0.0, problem=None if found else f"{page} is no folder")
    started = time.monotonic()
    try:
        with httpx.stream("GET", page, timeout=_TIMEOUT, follow_redirects=True, verify=certificates()) as response:
            problem = None if response.is_success else f"{page} answers {response.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        problem = f"{page}: {str(error) or type(error).__name__}"
    return Reach(ok=problem is None, seconds=time.monotonic() - started, problem=problem)


class Checks:
    """One check per index and run, however many cells ask, in however many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._once = functools.cache(check)

    def __call__(self, url: str) -> Reach:
        with self._lock:
            return self._once(url)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where a cell's torch comes from."""

    build: str
    index: str | None  # None: the default index
    gpu: bool = False
    fallback: str | None = None  # why another build than the one asked for
    label: str | None = None  # the only local label to take; "" for none


def source(name: str, builds: Mapping[str, Build], checks: Checks) -> Source:
    """The source of a build, or of its fallback where its index is out of reach.

    Raises:
        IndexUnreachableError: neither the build's index nor a fallback can be had.
    """
    build = builds[name]
    if build.index is None:
        return Source(build=name, index=None, gpu=build.gpu)
    reach = checks(build.index)
    if reach.ok:
        return Source(build=name, index=build.index, gpu=build.gpu, label=build.label)
    if build.fallback is None:
        raise IndexUnreachableError(f"the index of {name} is out of reach ({reach.problem}) and it has no fallback")
    found = source(build.fallback, builds, checks)
    why = f"the index of {name} is out of reach ({reach.problem}), so {found.build} was taken"
    return dataclasses.replace(found, fallback=why, gpu=build.gpu)


class IndexUnreachableError(Exception):
    """An index is out of reach and nothing can stand in for it."""
