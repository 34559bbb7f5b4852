"""Whether indexes can be used, found out once a process, and which index a build's torch comes from."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Final
from urllib.parse import urlsplit

from scripts.config.matrix_toml import Build
from scripts.core import urls
from scripts.index import pages
from scripts.index.errors import UnreachableError, WebError
from scripts.index.http import Web
from scripts.index.retries import Retries

#: Of the check that decides where a run's torch comes from.
_DECIDING: Final = Retries(attempts=4, total=20, timeout=8)
#: Of the look whether an index is back, which a run that has nothing to do must not wait for.
_ONCE: Final = Retries(attempts=1, timeout=3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reach:
    """The result of asking an index for a project's page: seconds, and the error if there was one."""

    seconds: float
    error: WebError | None = None
    file: str | None = None  # the URL of a file that the page lists

    @property
    def ok(self) -> bool:
        """Whether the index has a usable page of the project."""
        return self.error is None


def check(url: str, project: str = "torch", retries: Retries = _DECIDING) -> Reach:
    """Ask an index for a project's page, with retries. Never raises: errors are in the result."""
    started = time.monotonic()
    error, file = None, None
    try:
        with Web(retries) as web:
            found = pages.wheels(web, url, project, yanked=True, stale=False)
        file = found[-1].url if found else None
    except WebError as problem:
        error = problem
    except OSError as problem:  # of the folder where pages are kept
        error = WebError(str(problem))
    return Reach(seconds=time.monotonic() - started, error=error, file=file)


def files_problem(reach: Reach) -> str | None:
    """Return why the files that an index lists cannot be downloaded, if they are on another host. Never raises."""
    if reach.file is None or urls.is_file(reach.file):
        return None
    try:
        with Web(_DECIDING) as web:
            web.head(reach.file)
    except WebError as error:
        return f"its files on {urlsplit(reach.file).hostname} cannot be downloaded: {error}"
    return None


class Checks:
    """One check an index, however many cells ask from however many threads; what it found stays for the whole run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Future[Reach]] = {}
        self._probed: dict[str, Future[Reach]] = {}

    def __call__(self, url: str) -> Reach:
        """Return whether an index can be used: the decision for this run."""
        return self._once(self._found, url, _DECIDING)

    def answers(self, url: str) -> bool:
        """Return whether an index answers just now: the decision if there is one, else one request without retries.

        That it answers is a decision. That it does not is none, since it may be a glitch.
        """
        with self._lock:
            decided = self._found.get(url)
        reach = decided.result() if decided else self._once(self._probed, url, _ONCE)
        if reach.ok and not decided:
            with self._lock:
                self._found.setdefault(url, self._probed[url])
        return reach.ok

    def _once(self, known: dict[str, Future[Reach]], url: str, retries: Retries) -> Reach:
        """Ask without holding the lock; whoever wants the same meanwhile waits for that answer alone."""
        mine: Future[Reach] = Future()
        with self._lock:
            future = known.setdefault(url, mine)
        if future is mine:
            try:
                mine.set_result(check(url, retries=retries))
            except BaseException as error:
                mine.set_exception(error)
                raise
        return future.result()


#: The checks of this process: a command that runs cells several times decides once for all of them.
SHARED: Final = Checks()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where a cell's torch comes from."""

    build: str
    index: str | None  # None: the default index
    gpu: bool = False
    fallback: str | None = None  # why another build than the one asked for
    label: str | None = None  # the only local label to take; "" for none


class NoSourceError(WebError):
    """A build's index cannot be used and nothing may stand in for it. ``cause_kind`` classifies the reason."""

    def __init__(self, message: str, cause: WebError) -> None:
        super().__init__(message)
        self.cause_kind = cause.kind


def source(name: str, builds: Mapping[str, Build], checks: Checks = SHARED) -> Source:
    """Return the source of a build, or of its fallback where its index is unreachable.

    An index that answers is reachable, whatever it answers: that it has no torch, or denies access, is no reason to
    test another build.

    Raises:
        NoSourceError: neither the build's index nor a fallback can be used.
    """
    build = builds[name]
    if build.index is None:
        return Source(build=name, index=None, gpu=build.gpu)
    error = checks(build.index).error
    if error is None:
        return Source(build=name, index=build.index, gpu=build.gpu, label=build.label)
    if not isinstance(error, UnreachableError):
        raise NoSourceError(f"index {name!r}: {error}", error)
    if build.fallback is None:
        raise NoSourceError(f"index {name!r} is unreachable ({error}) and has no fallback", error)
    found = source(build.fallback, builds, checks)
    why = f"index {name!r} is unreachable ({error}); using {found.build!r}"
    return dataclasses.replace(found, fallback=why, gpu=build.gpu)


def skipped(name: str, taken: str, builds: Mapping[str, Build]) -> Iterator[str]:
    """Yield the indexes of a build and its fallbacks that come before the one that was taken."""
    build: Build | None = builds[name]
    while build is not None and name != taken and build.index is not None:
        yield build.index
        name = build.fallback or ""
        build = builds.get(name)
