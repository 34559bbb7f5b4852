"""Interpreters that uv would download: from where, and if that can be reached. Nothing is downloaded to find out."""

from __future__ import annotations

import dataclasses
import functools
import json
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from scripts.core import processes, urls
from scripts.index.errors import NoRangesError, WebError
from scripts.index.http import Web
from scripts.index.retries import Retries

#: A check must not delay a run that has no network.
_RETRIES: Final = Retries(attempts=2, total=8, timeout=5)
#: uv's mirror of python-build-standalone, and where uv gets the same file if the mirror fails.
_FALLBACK: Final = ("https://releases.astral.sh/github/", "https://github.com/astral-sh/")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Download:
    """The download of an interpreter: its host, and the seconds until it answered or the problem."""

    host: str
    seconds: float = 0.0
    problem: str | None = None


def check(python: str, uv: str, environment: dict[str, str]) -> Download:
    """Ask for the interpreter ``python`` (``3.12``, ``3.13t``) where uv would download it. Never raises.

    Args:
        python: the version.
        uv: the program.
        environment: the environment of uv; it names mirrors and proxies.
    """
    listed, error = _listed(uv, tuple(sorted(environment.items())))
    url = next((entry["url"] for entry in listed if _is(entry, python)), None)
    if url is None:
        return Download(host="", problem=error or f"uv knows no download of Python {python} for this machine")
    started = time.monotonic()
    problems = [problem for each in _alternatives(url) if (problem := _problem(each))]
    found = problems[0] if len(problems) == len(_alternatives(url)) else None
    return Download(host=_host(url), seconds=time.monotonic() - started, problem=found)


@functools.cache
def _listed(uv: str, environment: tuple[tuple[str, str], ...]) -> tuple[list[dict[str, Any]], str]:
    """Return the interpreters that uv can download, newest first, and the last line of its errors."""
    command = [uv, "python", "list", "--only-downloads", "--show-urls", "--output-format", "json"]
    finished = processes.capture(command, env=dict(environment))
    errors = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    try:
        found = json.loads(finished.stdout)
    except ValueError:
        found = []
    return [entry for entry in found if entry.get("url")], errors[-1] if errors and not found else ""


def _is(entry: dict[str, Any], python: str) -> bool:
    parts, variant = entry["version_parts"], "freethreaded" if python.endswith("t") else "default"
    version = f"{parts['major']}.{parts['minor']}"
    return (entry["implementation"], entry["variant"], version) == ("cpython", variant, python.rstrip("t"))


def _alternatives(url: str) -> list[str]:
    mirror, origin = _FALLBACK
    return [url, f"{origin}{url.removeprefix(mirror)}"] if url.startswith(mirror) else [url]


def _host(url: str) -> str:
    return urls.shown(url) if urls.is_file(url) else urlsplit(url).hostname or urls.shown(url)


@functools.cache
def _problem(url: str) -> str | None:
    """Return why a file cannot be downloaded, or None; its first byte is requested."""
    if urls.is_file(url):
        return None if Path(urls.to_path(url)).is_file() else f"no such file: {urls.to_path(url)}"
    try:
        with Web(_RETRIES) as web:
            web.range(url, "0-0")
    except NoRangesError:
        return None
    except (WebError, OSError) as error:
        return str(error)
    return None
