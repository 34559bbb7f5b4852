"""HTTP: one session with limits, retries and proxies; whole answers, ranges of bytes, and files as streams."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter

from scripts.core import urls
from scripts.index import settings
from scripts.index.errors import NoRangesError, WebError, of_exception, of_status, proxies
from scripts.index.retries import Retries, Retry

#: Connections at once: enough to hide the latency, few enough for a small mirror.
CONNECTIONS: Final = 16

#: Redirects of one request; a real index has one or two.
_REDIRECTS: Final = 10
#: Statuses of redirects; one is returned only if it has no destination.
_REDIRECT_STATUSES: Final = frozenset({300, 301, 302, 303, 307, 308})
#: Bytes that a stream returns at once.
_PIECE: Final = 1 << 18

_FAILURES: Final = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)

T = TypeVar("T")

# It logs each attempt; only the outcome of a request matters.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class _BrokenOffError(Exception):
    """A response that was interrupted; the reason is its cause."""


class Web:
    """An HTTP client; safe for threads. Counts requests and the bytes of bodies as transferred."""

    def __init__(self, retries: Retries = Retries()) -> None:  # noqa: B008 - frozen
        self._plan = retries
        self._session = requests.Session()
        self._session.max_redirects = _REDIRECTS
        adapter = HTTPAdapter(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS, max_retries=Retry.of(retries))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        # Passed with each request: variables of requests would override a setting of the session.
        self._verify = settings.certificate_file() or True
        self._settings = settings.read()
        self._lock = threading.Lock()
        self.requests = 0
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Return a page with its body; also for 304. Raises `WebError`."""
        return self._repeated(url, functools.partial(self._whole, "GET", url, headers or {}))

    def head(self, url: str) -> requests.Response:
        """Return the headers of a file. Raises `WebError`."""
        return self._repeated(url, functools.partial(self._whole, "HEAD", url, {"Accept-Encoding": "identity"}))

    def range(self, url: str, wanted: str) -> tuple[int, bytes, int]:
        """Return part of a file: the offset of its first byte, the bytes, and the size of the whole file.

        ``wanted`` is an HTTP range such as ``0-99`` or ``-100``.

        Raises:
            NoRangesError: the server would send the file whole; nothing of it is read.
            WebError: it cannot be read.
        """
        return self._repeated(url, functools.partial(self._range, url, wanted))

    def download(self, url: str) -> Download:
        """Return a whole file as a stream, to be used in a ``with`` block."""
        return Download(self, url)

    def save(self, url: str, target: Path) -> None:
        """Download a whole file. Raises `WebError`."""
        with self.download(url) as source, target.open("wb") as file:
            for piece in iter(source.read, b""):
                file.write(piece)

    def _whole(self, method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        with self._answer(method, url, headers) as response, _body():
            _ = response.content  # read and cached by requests
            return response

    def _range(self, url: str, wanted: str) -> tuple[int, bytes, int]:
        with self._answer("GET", url, {"Range": f"bytes={wanted}", "Accept-Encoding": "identity"}) as response:
            part = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
            if response.status_code != requests.codes.partial_content or part is None:
                raise NoRangesError(url)
            first, last, size = map(int, part.groups())
            with _body():
                content = response.content
                if len(content) != last - first + 1:
                    raise OSError(f"size mismatch: {len(content)} bytes, expected {last - first + 1}")
            return first, content, size

    def _repeated(self, url: str, action: Callable[[], T]) -> T:
        """Repeat ``action`` if a response is interrupted; the adapter retries earlier failures. Raises `WebError`."""
        retry = Retry.of(self._plan)
        with _explained(url):
            while True:
                try:
                    return action()
                except _BrokenOffError as broken:
                    cause = broken.__cause__
                    retry = retry.increment("GET", url, error=cause if isinstance(cause, Exception) else broken)
                    retry.sleep()

    @contextlib.contextmanager
    def _answer(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        response = self._send(method, url, headers)
        try:
            yield response
        finally:
            self._count(response)
            response.close()

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Return a response whose body is not read yet."""
        response = self._session.request(
            method,
            url,
            headers=dict(headers),
            stream=True,
            allow_redirects=True,
            timeout=self._plan.timeout,
            verify=self._verify,
            proxies=proxies(url, self._settings),
        )
        if not response.ok or response.status_code in _REDIRECT_STATUSES:
            with response:
                self._count(response)
                xml = "xml" in response.headers.get("Content-Type", "")
                raise of_status(response.url or url, response.status_code, xml=xml)
        response.raw.enforce_content_length = True  # otherwise a truncated file would seem complete
        return response

    def _count(self, response: requests.Response) -> None:
        with self._lock:
            self.requests += 1
            self.bytes += response.raw.tell()


class Download:
    """A download as a stream. An interrupted download is resumed where it stopped."""

    def __init__(self, web: Web, url: str) -> None:
        self._web, self._url = web, url
        self._taken = 0
        self._response: requests.Response | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def read(self) -> bytes:
        """Return the next bytes; none at the end of the file. Raises `WebError`."""
        piece = self._web._repeated(self._url, self._read)  # noqa: SLF001 - two halves of one thing
        self._taken += len(piece)
        return piece

    def _read(self) -> bytes:
        try:
            response = self._response or self._resumed()
            with _body():
                piece: bytes = response.raw.read(_PIECE)
        except BaseException:
            self._close()
            raise
        return piece

    def _resumed(self) -> requests.Response:
        """Return the response to a request for the rest of the file."""
        headers = {"Accept-Encoding": "identity"}
        if self._taken:
            headers["Range"] = f"bytes={self._taken}-"
        self._response = response = self._web._send("GET", self._url, headers)  # noqa: SLF001
        if response.status_code != requests.codes.partial_content:
            with _body():
                _skip(response.raw, self._taken)  # a server without range requests starts from the beginning
        return response

    def _close(self) -> None:
        if self._response is not None:
            with contextlib.suppress(*_FAILURES):
                self._web._count(self._response)  # noqa: SLF001
                self._response.close()
            self._response = None


def _skip(raw: urllib3.BaseHTTPResponse, size: int) -> None:
    while size and (piece := raw.read(min(size, _PIECE))):
        size -= len(piece)


@contextlib.contextmanager
def _body() -> Iterator[None]:
    """Mark failures while a body is read, which the adapter does not retry."""
    try:
        yield
    except _FAILURES as error:
        raise _BrokenOffError from error


@contextlib.contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn every failure into a `WebError` that names the URL."""
    try:
        yield
    except _FAILURES as error:
        raise of_exception(url, error) from error


def sizes(wanted: Iterable[str]) -> dict[str, int]:
    """Return the sizes of files in bytes by URL; unknown sizes are left out. Never raises."""
    wanted = list(wanted)
    if not wanted:
        return {}
    with Web(Retries(attempts=2, timeout=8)) as web, ThreadPoolExecutor(8) as pool:
        found = pool.map(functools.partial(_size, web), wanted)
        return {url: size for url, size in zip(wanted, found, strict=True) if size is not None}


def _size(web: Web, url: str) -> int | None:
    try:
        if urls.is_file(url):
            return urls.to_path(url).stat().st_size
        length = web.head(url).headers.get("Content-Length", "")
    except (WebError, OSError, ValueError):
        return None
    return int(length) if length.isdecimal() else None
