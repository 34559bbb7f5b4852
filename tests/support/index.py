"""A local package index with the layout and the peculiarities of the real ones, and with faults on demand.

::

    with LocalIndex() as index:
        index.add(build_torch("2.5.1"), channel="cpu")
        index.fail("cpu", Fault.status(503), times=1)
        subprocess.run(["uv", "pip", "install", "torch", "--index-url", index.url("cpu")])
        assert len(index.downloads("*/torch-2.5.1*")) == 1
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from packaging.utils import canonicalize_name

from tests.support import pages
from tests.support.pages import Channel, Listed
from tests.support.server import Fault, Request, Resource, Server
from tests.support.wheels import Wheel

__all__ = ["Fault", "LocalIndex", "Request"]


class LocalIndex:
    """Channels of wheels, served over HTTP on a free port while the ``with`` block lasts.

    The first wheel of a channel creates it, or `configure`. ``default`` behaves as the default package index; every
    other name as an index below download.pytorch.org/whl: ``cpu``, ``cu124``, ``test/cpu``, ``nightly/cpu``.
    """

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._listed: dict[str, list[Listed]] = {}
        self._server = Server(self._find)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        if self._server.errors and error is None:
            raise ExceptionGroup("the index failed", [e for e in self._server.errors if isinstance(e, Exception)])

    # --- wheels ---

    def add(
        self, *wheels: Wheel, channel: str = "default", sha256: str | None = None, yanked: str | None = None
    ) -> None:
        """Add wheels to a channel.

        Args:
            wheels: the wheels.
            channel: the channel's name.
            sha256: the hash on the page, if not the right item.
            yanked: the reason why they are yanked.
        """
        self.configure(channel)
        for wheel in wheels:
            self._listed[channel].append(Listed(wheel=wheel, sha256=sha256 or wheel.sha256, yanked=yanked))

    def remove(self, wheel: Wheel, *, channel: str = "default") -> None:
        """Remove a wheel from a channel."""
        self._listed[channel] = [item for item in self._listed[channel] if item.wheel.filename != wheel.filename]

    def configure(self, channel: str, **settings: Any) -> None:
        """Change settings of a channel, by the fields of `Channel`, such as ``ranges=False``."""
        known = self._channels.get(channel) or Channel.named(channel)
        self._channels[channel] = dataclasses.replace(known, **settings)
        self._listed.setdefault(channel, [])

    def url(self, channel: str = "default") -> str:
        """Return the URL of a channel, for ``--index-url``."""
        known = self._channels.get(channel) or Channel.named(channel)
        return f"http://127.0.0.1:{self._server.port}{known.pages}"

    def file_url(self, wheel: Wheel, *, channel: str = "default") -> str:
        """Return the URL of a wheel on a channel."""
        listed = next(item for item in self._listed[channel] if item.wheel == wheel)
        return f"http://127.0.0.1:{self._server.port}{quote(listed.path(self._channels[channel]))}"

    # --- faults ---

    def fail(self, where: str, fault: Fault, *, times: int | None = None) -> None:
        """Apply a fault to all requests of a channel, or to those whose path matches a pattern: ``/whl/cpu/*.whl``.

        The first matching fault applies to a request; with ``times``, only to so many requests.
        """
        pattern = where if where.startswith(("/", "*")) else f"{Channel.named(where).root}/*"
        self._server.plan(pattern, fault, times)

    def heal(self) -> None:
        """Remove all faults."""
        self._server.heal()

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Refuse connections within the block: the index is unreachable, and keeps its URL."""
        self._server.stop(keep_port=True)
        try:
            yield
        finally:
            self._server.start()

    # --- requests ---

    @property
    def requests(self) -> list[Request]:
        """All requests since the start or the last `forget`, in order."""
        with self._server.lock:
            return [dataclasses.replace(request) for request in self._server.requests]

    def requests_to(self, pattern: str = "*") -> list[Request]:
        """Return the requests whose path matches a pattern."""
        return [request for request in self.requests if fnmatch.fnmatchcase(request.path, pattern)]

    def downloads(self, pattern: str = "*.whl") -> list[Request]:
        """Return the requests for whole wheels, finished or not, without those for a range of bytes."""
        wheels = [request for request in self.requests_to(pattern) if request.path.endswith(".whl")]
        return [request for request in wheels if request.method == "GET" and request.range is None]

    def sent(self, pattern: str = "*") -> int:
        """Return the bytes of content that were sent for the requests whose path matches a pattern."""
        return sum(request.sent for request in self.requests_to(pattern))

    def forget(self) -> None:
        """Forget all requests so far."""
        with self._server.lock:
            self._server.requests.clear()

    # --- resources ---

    def _find(self, path: str, accept: str) -> Resource | None:
        for name, channel in self._channels.items():
            if path.startswith(channel.root + "/"):
                listed = self._listed[name]
                return self._file(path, listed, channel) or self._page(path, accept, listed, channel)
        return None

    def _file(self, path: str, listed: list[Listed], channel: Channel) -> Resource | None:
        settings: dict[str, Any] = {"ranges": channel.ranges, "max_age": channel.max_age}
        for item in listed:
            file = item.path(channel)
            if path == file:
                return Resource(content=item.wheel.content, **settings)
            if path == f"{file}.metadata" and channel.metadata:
                return Resource(content=item.wheel.metadata.encode(), **settings)
        return None

    def _page(self, path: str, accept: str, listed: list[Listed], channel: Channel) -> Resource | None:
        if path == f"{channel.pages}/":
            projects = pages.projects_html(sorted({item.wheel.name for item in listed}))
            return Resource(content=projects.encode(), content_type=pages.HTML, ranges=False)
        name = path.removeprefix(f"{channel.pages}/").rstrip("/")
        project = canonicalize_name(name)
        shown = channel.visible([item for item in listed if item.wheel.name == project])
        if not shown:
            return None
        if path != f"{channel.pages}/{project}/":
            return Resource(location=f"{channel.pages}/{project}/")
        if channel.json and pages.JSON in accept:
            text, content_type = pages.project_json(project, shown, channel), pages.JSON
        else:
            text, content_type = pages.project_html(project, shown, channel), pages.HTML
        return Resource(content=text.encode(), content_type=content_type, ranges=False, max_age=channel.page_age)
