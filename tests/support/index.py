"""A package index on this machine, with the layout and the oddities of the real ones, and failures on demand.

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

    A channel is made by its first wheel, or by `configure`. ``default`` is like the default package index; every
    other name stands for one below download.pytorch.org/whl: ``cpu``, ``cu124``, ``test/cpu``, ``nightly/cpu``.
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
            raise ExceptionGroup(
                "the index itself failed", [e for e in self._server.errors if isinstance(e, Exception)]
            )

    # --- what is there ---

    def add(
        self, *wheels: Wheel, channel: str = "default", sha256: str | None = None, yanked: str | None = None
    ) -> None:
        """Put wheels on a channel.

        Args:
            wheels: the wheels.
            channel: the channel's name.
            sha256: what the index says instead of the right hash.
            yanked: the reason why they are marked as withdrawn.
        """
        self.configure(channel)
        for wheel in wheels:
            self._listed[channel].append(Listed(wheel=wheel, sha256=sha256 or wheel.sha256, yanked=yanked))

    def remove(self, wheel: Wheel, *, channel: str = "default") -> None:
        """Take a wheel off a channel."""
        self._listed[channel] = [one for one in self._listed[channel] if one.wheel.filename != wheel.filename]

    def configure(self, channel: str, **settings: Any) -> None:
        """Change what a channel tells and can, by the names of `Channel`, such as ``ranges=False``."""
        known = self._channels.get(channel) or Channel.named(channel)
        self._channels[channel] = dataclasses.replace(known, **settings)
        self._listed.setdefault(channel, [])

    def url(self, channel: str = "default") -> str:
        """The address of a channel, as for ``--index-url``."""
        known = self._channels.get(channel) or Channel.named(channel)
        return f"http://127.0.0.1:{self._server.port}{known.pages}"

    def file_url(self, wheel: Wheel, *, channel: str = "default") -> str:
        """The address of a wheel that was added to a channel."""
        listed = next(one for one in self._listed[channel] if one.wheel == wheel)
        return f"http://127.0.0.1:{self._server.port}{quote(listed.path(self._channels[channel]))}"

    # --- what goes wrong ---

    def fail(self, where: str, fault: Fault, *, times: int | None = None) -> None:
        """Let requests fail: all of a channel, or those whose path fits a pattern such as ``/whl/cpu/*.whl``.

        The first fault that fits a request happens to it; with ``times``, only so often.
        """
        pattern = where if where.startswith(("/", "*")) else f"{Channel.named(where).root}/*"
        self._server.plan(pattern, fault, times)

    def heal(self) -> None:
        """Forget all faults."""
        self._server.heal()

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Within the block, connections are refused: the index is unreachable, at the same address."""
        self._server.stop(keep_port=True)
        try:
            yield
        finally:
            self._server.start()

    # --- what was asked ---

    @property
    def requests(self) -> list[Request]:
        """All requests since the start or the last `forget`, in order."""
        with self._server.lock:
            return [dataclasses.replace(request) for request in self._server.requests]

    def requests_to(self, pattern: str = "*") -> list[Request]:
        """The requests whose path fits a pattern."""
        return [request for request in self.requests if fnmatch.fnmatchcase(request.path, pattern)]

    def downloads(self, pattern: str = "*.whl") -> list[Request]:
        """The requests for whole wheels, finished or not; reading a part of one is none."""
        asked = [request for request in self.requests_to(pattern) if request.path.endswith(".whl")]
        return [request for request in asked if request.method == "GET" and request.range is None]

    def sent(self, pattern: str = "*") -> int:
        """The bytes of content that were sent for all requests whose path fits a pattern."""
        return sum(request.sent for request in self.requests_to(pattern))

    def forget(self) -> None:
        """Forget all requests so far."""
        with self._server.lock:
            self._server.requests.clear()

    # --- what lies where ---

    def _find(self, path: str, accept: str) -> Resource | None:
        for name, channel in self._channels.items():
            if path.startswith(channel.root + "/"):
                listed = self._listed[name]
                return self._file(path, listed, channel) or self._page(path, accept, listed, channel)
        return None

    def _file(self, path: str, listed: list[Listed], channel: Channel) -> Resource | None:
        settings: dict[str, Any] = {"ranges": channel.ranges, "max_age": channel.max_age}
        for one in listed:
            place = one.path(channel)
            if path == place:
                return Resource(content=one.wheel.content, **settings)
            if path == f"{place}.metadata" and channel.metadata:
                return Resource(content=one.wheel.metadata.encode(), **settings)
        return None

    def _page(self, path: str, accept: str, listed: list[Listed], channel: Channel) -> Resource | None:
        if path == f"{channel.pages}/":
            projects = pages.projects_html(sorted({one.wheel.name for one in listed}))
            return Resource(content=projects.encode(), content_type=pages.HTML, ranges=False)
        name = path.removeprefix(f"{channel.pages}/").rstrip("/")
        project = canonicalize_name(name)
        shown = channel.without([one for one in listed if one.wheel.name == project])
        if not shown:
            return None
        if path != f"{channel.pages}/{project}/":
            return Resource(location=f"{channel.pages}/{project}/")
        if channel.json and pages.JSON in accept:
            text, content_type = pages.project_json(project, shown, channel), pages.JSON
        else:
            text, content_type = pages.project_html(project, shown, channel), pages.HTML
        return Resource(content=text.encode(), content_type=content_type, ranges=False, max_age=channel.page_age)
