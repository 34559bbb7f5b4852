"""The index that a build's torch comes from, and checks of indexes, each made once per process."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Final
from urllib.parse import urlsplit

from scripts.config.model import Build
from scripts.core import urls
from scripts.index import listings
from scripts.index.errors import UnreachableError, WebError
from scripts.index.http import Web
from scripts.index.retries import Retries

#: For the check that decides where a run's torch comes from.
_DECIDING: Final = Retries(attempts=4, total=20, timeout=8)
#: For the check whether an index is back, which must not delay a run that has nothing to do.
_ONCE: Final = Retries(attempts=1, timeout=3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The result of requesting a project's page from an index: seconds, and the error if it failed."""

    seconds: float
    error: WebError | None = None
    file: str | None = None  # the URL of a file that the page lists

    @property
    def ok(self) -> bool:
        """True if the index has a usable page of the project."""
        return self.error is None


def check_index(url: str, project: str = "torch", retries: Retries = _DECIDING) -> CheckResult:
    """Request a project's page from an index, with retries. Never raises: errors are in the result."""
    started = time.monotonic()
    error, file = None, None
    try:
        with Web(retries) as web:
            found = listings.wheels(web, url, project, yanked=True, stale=False)
        file = found[-1].url if found else None
    except WebError as problem:
        error = problem
    except OSError as problem:  # from the cache of pages
        error = WebError(str(problem))
    return CheckResult(seconds=time.monotonic() - started, error=error, file=file)


def files_problem(result: CheckResult) -> str | None:
    """Return why the files that an index lists cannot be downloaded, if they are on another host. Never raises."""
    if result.file is None or urls.is_file(result.file):
        return None
    try:
        with Web(_DECIDING) as web:
            web.head(result.file)
    except WebError as error:
        return f"its files on {urlsplit(result.file).hostname} cannot be downloaded: {error}"
    return None


class IndexChecks:
    """IndexChecks each index once, for all cells and threads; the result holds for the whole run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decided: dict[str, Future[CheckResult]] = {}
        self._unretried: dict[str, Future[CheckResult]] = {}

    def __call__(self, url: str) -> CheckResult:
        """Return the result that decides for this run if an index can be used."""
        return self._once(self._decided, url, _DECIDING)

    def answers(self, url: str) -> bool:
        """Return True if an index answers now: from the decision if there is one, else from a request without retries.

        A success becomes the decision. A failure does not, since it may be a glitch.
        """
        with self._lock:
            decision = self._decided.get(url)
        result = decision.result() if decision else self._once(self._unretried, url, _ONCE)
        if result.ok and not decision:
            with self._lock:
                self._decided.setdefault(url, self._unretried[url])
        return result.ok

    def _once(self, known: dict[str, Future[CheckResult]], url: str, retries: Retries) -> CheckResult:
        """Return the result for a URL. Requests run without the lock; concurrent callers wait for the same request."""
        own: Future[CheckResult] = Future()
        with self._lock:
            future = known.setdefault(url, own)
        if future is own:
            try:
                own.set_result(check_index(url, retries=retries))
            except BaseException as error:
                own.set_exception(error)
                raise
        return future.result()


#: The checks of this process: a command that runs cells several times decides once for all of them.
SHARED: Final = IndexChecks()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """The build and index that a cell's torch comes from."""

    build: str
    index: str | None  # None: the default index
    gpu: bool = False
    fallback: str | None = None  # why another build than the requested one is used
    label: str | None = None  # the only local label to accept; "" for none
    companions: str | None = None  # the index of torch's companions, if not torch's; "" for the default index

    @property
    def companion_index(self) -> str | None:
        """The index of torch's companions; None for the default index."""
        return self.index if self.companions is None else self.companions or None


class NoSourceError(WebError):
    """A build's index cannot be used and there is no fallback for it. ``cause_kind`` classifies the reason."""

    def __init__(self, message: str, cause: WebError) -> None:
        super().__init__(message)
        self.cause_kind = cause.kind


def choose(name: str, builds: Mapping[str, Build], checks: IndexChecks = SHARED) -> Source:
    """Return the source of a build, or of its fallback where its index is unreachable.

    An index that answers is reachable, even if it has no torch or denies access: that is no reason to test another
    build.

    Raises:
        NoSourceError: neither the build's index nor a fallback can be used.
    """
    build = builds[name]
    if build.index is None:
        return Source(build=name, index=None, gpu=build.gpu)
    error = checks(build.index).error
    if error is None:
        return Source(build=name, index=build.index, gpu=build.gpu, label=build.label, companions=build.companion_index)
    if not isinstance(error, UnreachableError):
        raise NoSourceError(f"index {name!r}: {error}", error)
    if build.fallback is None:
        raise NoSourceError(f"index {name!r} is unreachable ({error}) and has no fallback", error)
    found = choose(build.fallback, builds, checks)
    why = f"index {name!r} is unreachable ({error}); using {found.build!r}"
    return dataclasses.replace(found, fallback=why, gpu=build.gpu)


def skipped_indexes(name: str, taken: str, builds: Mapping[str, Build]) -> Iterator[str]:
    """Yield the indexes of a build and its fallbacks that were passed over for the build ``taken``."""
    build: Build | None = builds[name]
    while build is not None and name != taken and build.index is not None:
        yield build.index
        name = build.fallback or ""
        build = builds.get(name)
