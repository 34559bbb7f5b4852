"""Errors of package indexes and file servers: the class and message for an exception or an HTTP status. Pure."""

from __future__ import annotations

import socket
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from scripts.core.errors import MatrixError
from scripts.core.urls import shown
from scripts.index import settings
from scripts.index.settings import Settings

#: PyTorch's download host is a bucket without permission to list it, so S3 answers 403 for a missing file (S3's
#: documentation of GetObject, "Permissions").
_FORBIDDEN_MEANS_MISSING: Final = frozenset({"download.pytorch.org"})

#: Statuses of a temporary failure of the server, or of a proxy or balancer before it.
TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


#: Messages for exceptions whose own text is unclear; of nested exceptions the first match counts.
_REASONS: Final = (
    (socket.gaierror, "the host name cannot be resolved"),
    (urllib3.exceptions.IncompleteRead, "the connection was closed before the end"),
    (urllib3.exceptions.ReadTimeoutError, "no answer in time"),
    (TimeoutError, "no connection in time"),
)


class WebError(MatrixError):
    """A page or file that cannot be read; the message names it and the reason."""

    #: How a cell that fails for this reason is classified.
    kind: ClassVar[str] = "index error"


class UnreachableError(WebError):
    """No usable answer after all retries: connection failures, timeouts, 5xx and 429, or a failing proxy."""

    kind = "index unreachable"


class MissingError(WebError):
    """The server answered that it does not have the page or file."""

    kind = "no such release"


class NotAllowedError(WebError):
    """The server answered that access is not allowed."""

    kind = "access denied"


class RedirectLoopError(WebError):
    """Redirects that lead to no page."""

    kind = "redirect loop"


class NotAnIndexError(WebError):
    """An answer that is no index page: a login page, a captive portal, or broken content."""

    kind = "not an index page"


class EmptyPageError(WebError):
    """An index page that lists no files."""

    kind = "empty index page"


class YankedError(WebError):
    """A release that its index has withdrawn."""

    kind = "yanked"


class NoRangesError(WebError):
    """The server sends whole files only."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{shown(url)}: this server does not support range requests; --download fetches the whole wheel instead"
        )


def of_status(url: str, status: int, *, xml: bool = False) -> WebError:
    """Return the error for a status of 400 or above, or for a redirect without a destination.

    ``xml`` is True if the answer is XML, as S3's own errors are.
    """
    message = f"{shown(url)}: HTTP {status}{_phrase(status)}"
    if status < HTTPStatus.BAD_REQUEST:
        return RedirectLoopError(f"{message} without a destination")
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return MissingError(message)
    if status == HTTPStatus.FORBIDDEN and xml and urlsplit(url).hostname in _FORBIDDEN_MEANS_MISSING:
        return MissingError(f"{message}, which this host answers for missing files")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return NotAllowedError(message)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TRANSIENT | {HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}:
        return UnreachableError(message + through(url))
    return WebError(message)


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""


def of_exception(url: str, error: BaseException) -> WebError:
    """Return the error for a request that ended in an exception; the message names the proxy if there is one."""
    if isinstance(error, requests.TooManyRedirects):
        return RedirectLoopError(f"{shown(url)}: redirect loop")
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return UnreachableError(f"{shown(url)}: the URL of the proxy is not valid{through(url)}")
    if isinstance(error, ValueError) and not isinstance(error, urllib3.exceptions.HTTPError):
        # requests' errors of URLs and schemes are ValueErrors.
        return WebError(f"{shown(url)}: not a usable URL ({error}){through(url)}")
    return UnreachableError(f"{shown(url)}: {_reason(error)}{through(url)}")


def proxies(url: str, found: Settings) -> dict[str, str]:
    """Return the proxies that requests to a URL go through, by scheme: the system's, or pip's and uv's."""
    no_proxy = found.variables.get("no_proxy") or found.variables.get("NO_PROXY")
    if requests.utils.should_bypass_proxies(url, no_proxy):
        return {}
    return {**requests.utils.get_environ_proxies(url, no_proxy), **found.proxies}


def through(url: str) -> str:
    """Return a note on the proxy that requests to a URL go through; empty without a proxy."""
    try:
        proxy = requests.utils.select_proxy(url, proxies(url, settings.read()))
    except ValueError:
        return ""
    return f" (through the proxy {shown(proxy)})" if proxy else ""


def _reason(error: BaseException) -> str:
    """Return the cause of a failed request in a few words; the libraries wrap it several times."""
    chain = _chain(error)
    for types, text in _REASONS:
        if any(isinstance(found, types) for found in chain):
            return text
    innermost = chain[-1]
    text = innermost.strerror if isinstance(innermost, OSError) and innermost.strerror else str(innermost)
    return text or type(innermost).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what it wraps, from the outside in."""
    found = [error]
    while (inner := _wrapped(found[-1])) is not None and inner not in found:
        found.append(inner)
    return found


def _wrapped(error: BaseException) -> BaseException | None:
    """Return the error that another one wraps: its reason, its cause, or the first of its arguments."""
    candidates = (getattr(error, "reason", None), getattr(error, "original_error", None), error.__cause__, *error.args)
    return next((inner for inner in candidates if isinstance(inner, BaseException)), None)
