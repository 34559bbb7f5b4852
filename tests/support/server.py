"""An HTTP server for files in memory, with persistent connections, byte ranges, and faults on demand.

Based on `http.server`, since tests need faults of the connection itself, which production servers prevent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import hashlib
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

_HOST: Final = "127.0.0.1"
_CHUNK: Final = 1 << 16
#: Seconds between the chunks of a slow response.
_BEAT: Final = 0.02
#: Sockets of stopped servers, bound but not listening: the next server has the same URL, so that caches stay valid.
_RESERVED: Final[list[socket.socket]] = []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource:
    """The content of a path, or with ``location`` a redirect."""

    content: bytes = b""
    content_type: str = "application/octet-stream"
    ranges: bool = True
    suffix_ranges: bool = True  # ranges relative to the end
    max_age: int | None = None
    location: str | None = None

    @property
    def etag(self) -> str:
        """The ETag, which depends on the content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault in a response."""

    do: Literal["status", "hang", "drop", "reset", "cut", "slow", "page"]
    number: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    @classmethod
    def status(cls, code: int, *, retry_after: str | None = None, body: str = "") -> Fault:
        """Respond with a status code such as 404 or 503, with ``Retry-After`` and an XML body if given."""
        headers = (("Retry-After", retry_after),) if retry_after is not None else ()
        return cls(do="status", number=code, headers=headers, body=body)

    @classmethod
    def redirect(cls, location: str | None) -> Fault:
        """Redirect to another URL; None: without a ``Location`` header."""
        return cls(do="status", number=302, headers=(("Location", location),) if location else ())

    @classmethod
    def page(cls, body: str, content_type: str = "text/html") -> Fault:
        """Respond with another page instead of the content, as a captive portal does."""
        return cls(do="page", body=body, headers=(("Content-Type", content_type),))

    @classmethod
    def reset(cls) -> Fault:
        """Reset the connection without a response."""
        return cls(do="reset")

    @classmethod
    def hang(cls) -> Fault:
        """Never respond, and keep the connection open."""
        return cls(do="hang")

    @classmethod
    def drop(cls) -> Fault:
        """Close the connection without a response."""
        return cls(do="drop")

    @classmethod
    def cut(cls, after: int) -> Fault:
        """Close the connection after a number of bytes of the content."""
        return cls(do="cut", number=after)

    @classmethod
    def slow(cls, bytes_per_second: int) -> Fault:
        """Send the content at this rate."""
        return cls(do="slow", number=bytes_per_second)


@dataclasses.dataclass(kw_only=True)
class Request:
    """A request: its unquoted path, the status of the response (0: none), and the bytes of content sent."""

    method: str
    path: str
    range: str | None = None
    status: int = 0
    sent: int = 0


@dataclasses.dataclass(kw_only=True)
class _Planned:
    pattern: str
    fault: Fault
    times: int | None


class Server:
    """A server on a free local port. ``find`` returns the resource for a path and an ``Accept`` header."""

    def __init__(self, find: Callable[[str, str], Resource | None]) -> None:
        self.find = find
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.lock = threading.Lock()
        self._planned: list[_Planned] = []
        self._listener = _RESERVED.pop() if _RESERVED else _bound(0)
        self.port: int = self._listener.getsockname()[1]
        self._http: _Http | None = None

    def plan(self, pattern: str, fault: Fault, times: int | None) -> None:
        """Apply a fault to every request whose path matches a pattern, or to the next ``times`` of them."""
        with self.lock:
            self._planned.append(_Planned(pattern=pattern, fault=fault, times=times))

    def heal(self) -> None:
        """Remove all faults."""
        with self.lock:
            self._planned.clear()

    def fault_for(self, path: str) -> Fault | None:
        """Return the fault that applies to a request, and count it."""
        with self.lock:
            for planned in self._planned:
                if planned.times != 0 and fnmatch.fnmatchcase(path, planned.pattern):
                    planned.times = None if planned.times is None else planned.times - 1
                    return planned.fault
        return None

    def start(self) -> None:
        """Start to accept connections."""
        self._listener.listen(128)
        self._http = _Http(self, self._listener)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="index", daemon=True).start()

    def stop(self, *, keep_port: bool = False) -> None:
        """Close every connection and refuse new ones; ``keep_port`` reserves the port for a later start of this server.

        Otherwise the port is reserved for the next server of this process.
        """
        if self._http is not None:
            self._http.end()
            self._http = None
        self._listener.close()
        bound = _bound(self.port)
        if keep_port:
            self._listener = bound
        else:
            _RESERVED.append(bound)


def _bound(port: int) -> socket.socket:
    """Return a socket that is bound but not listening: connections are refused, and the port is reserved."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((_HOST, port))
    return bound


class _Http(ThreadingHTTPServer):
    """Handles each connection in a thread."""

    def __init__(self, owner: Server, listener: socket.socket) -> None:
        super().__init__((_HOST, owner.port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.owner = owner
        self.stopped = threading.Event()
        self.open: set[socket.socket] = set()
        self.resetting: set[socket.socket] = set()

    def end(self) -> None:
        """Stop, including responses that hang or are slow."""
        self.stopped.set()
        self.shutdown()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; without a shutdown if it should be reset."""
        if request in self.resetting:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Collect errors of the server; disconnected clients are no error."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self.owner.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    """Handles the requests of a connection."""

    protocol_version = "HTTP/1.1"  # persistent connections
    disable_nagle_algorithm = True  # header and content are two writes; the second must not wait
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Log nothing: requests are collected in a list."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        owner = self.server.owner
        path = unquote(urlsplit(self.path).path)
        # Added before the response: a test may read the list as soon as its client has the last byte.
        self.logged = Request(method=self.command, path=path, range=self.headers.get("Range"))
        with owner.lock:
            owner.requests.append(self.logged)
        fault = owner.fault_for(path)
        if fault and fault.do in {"hang", "drop", "reset"}:
            if fault.do == "hang":
                self.server.stopped.wait()
            if fault.do == "reset":  # a linger time of 0 makes TCP reset the connection
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.server.resetting.add(self.connection)
            self.close_connection = True
        elif fault and fault.do in {"status", "page"}:
            headers = {"Content-Type": "application/xml"} if fault.do == "status" and fault.body else {}
            status = HTTPStatus(fault.number) if fault.do == "status" else HTTPStatus.OK
            self._respond(status, {**headers, **dict(fault.headers)}, fault.body.encode())
        else:
            self._respond_with(owner.find(path, self.headers.get("Accept", "")), fault)

    def _respond_with(self, resource: Resource | None, fault: Fault | None) -> None:
        if resource is None:
            self._respond(HTTPStatus.NOT_FOUND, {}, b"")
        elif resource.location is not None:
            self._respond(HTTPStatus.MOVED_PERMANENTLY, {"Location": resource.location}, b"")
        elif self.headers.get("If-None-Match") == resource.etag:
            self._respond(HTTPStatus.NOT_MODIFIED, {"ETag": resource.etag}, b"")
        else:
            headers = {"ETag": resource.etag, "Content-Type": resource.content_type}
            headers |= {"Accept-Ranges": "bytes"} if resource.ranges else {}
            headers |= {"Cache-Control": f"max-age={resource.max_age}"} if resource.max_age else {}
            wanted = _range(self._wanted_range(resource), len(resource.content))
            if not resource.suffix_ranges and self.headers.get("Range", "").startswith("bytes=-"):
                self._respond(HTTPStatus.NOT_IMPLEMENTED, {}, b"")
            elif wanted is None:
                self._respond(HTTPStatus.OK, headers, resource.content, fault)
            elif wanted.start >= wanted.stop:
                self._respond(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {}, b"")
            else:
                headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(resource.content)}"
                self._respond(HTTPStatus.PARTIAL_CONTENT, headers, resource.content[wanted], fault)

    def _wanted_range(self, resource: Resource) -> str:
        """Return the ``Range`` header, or an empty text if it does not apply."""
        condition = self.headers.get("If-Range")
        applies = resource.ranges and condition in {None, resource.etag}
        return self.headers.get("Range", "") if applies else ""

    def _respond(self, status: HTTPStatus, headers: dict[str, str], content: bytes, fault: Fault | None = None) -> None:
        self.logged.status = int(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self._send(content, fault)

    def _send(self, content: bytes, fault: Fault | None) -> None:
        cut = fault.number if fault and fault.do == "cut" else len(content)
        pace = max(1, int(fault.number * _BEAT)) if fault and fault.do == "slow" else None
        for start in range(0, min(cut, len(content)), pace or _CHUNK):
            piece = content[start : min(cut, start + (pace or _CHUNK))]
            self.logged.sent += len(piece)
            self.wfile.write(piece)
            if pace and self.server.stopped.wait(_BEAT):
                self.close_connection = True
                return
        if cut < len(content):
            self.close_connection = True


def _range(text: str, size: int) -> slice | None:
    """Return a header's byte range (RFC 9110), empty if it is outside the file; None for no range or several."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    if not match or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return slice(max(0, size - int(last)), size)
    return slice(int(first), min(int(last), size - 1) + 1 if last else size)
