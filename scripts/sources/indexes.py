"""Package indexes: whether one can be reached, and what stands in for one that can't."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from scripts.index import settings
from scripts.matrix.config import Build

#: Seconds that an index has to answer; one that takes longer would make every cell crawl.
_TIMEOUT = 8.0


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
        with httpx.stream(
            "GET", page, timeout=_TIMEOUT, follow_redirects=True, verify=settings.certificates()
        ) as response:
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
