"""What a package index tells: pages in HTML (PEP 503) or JSON (PEP 691), as rich or as poor as the channel."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from packaging.version import Version

from tests.support.wheels import Wheel

HTML = "text/html; charset=utf-8"
JSON = "application/vnd.pypi.simple.v1+json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Channel:
    """One index of several on a server, and what it has and tells.

    ``root`` is where everything of it lies, ``pages`` where the projects' pages are, ``files`` where wheels are.
    """

    root: str
    pages: str
    files: str
    json: bool = False  # JSON for who asks for it
    requires_python: bool = False
    upload_times: bool = False  # in HTML; JSON has them always
    hashes: bool = True
    algorithm: str = "sha256"  # of the hashes
    metadata: bool = True  # a wheel's METADATA as a file of its own (PEP 658)
    ranges: bool = True  # parts of files
    max_age: int | None = None  # seconds that a client may keep a file without asking again
    page_age: int | None = None  # and a page
    newest: int | None = None  # only so many of the newest versions are listed

    @classmethod
    def named(cls, name: str) -> Channel:
        """The channel as it really is: ``default``, or those of download.pytorch.org, ``cpu`` or ``nightly/cu124``.

        The latter are HTML only and tell no Python that a wheel needs; ``nightly`` tells no hashes, and lists the
        60 newest versions only (pytorch/test-infra: s3_management/manage.py).
        """
        if name == "default":
            root = "/default"
            return cls(root=root, pages=f"{root}/simple", files=f"{root}/files", json=True, requires_python=True)
        root = f"/whl/{name}"
        if name.startswith("nightly/"):
            return cls(root=root, pages=root, files=root, upload_times=True, hashes=False, newest=60)
        return cls(root=root, pages=root, files=root, upload_times=True)

    def without(self, listed: Sequence[Listed]) -> list[Listed]:
        """What is listed, without the versions that are too old to be."""
        if self.newest is None:
            return list(listed)
        newest = set(sorted({Version(one.wheel.version) for one in listed})[-self.newest :])
        return [one for one in listed if Version(one.wheel.version) in newest]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A wheel on an index. ``sha256`` is what the index says; ``yanked`` the reason, if it was withdrawn."""

    wheel: Wheel
    sha256: str
    yanked: str | None = None

    def path(self, channel: Channel) -> str:
        """Where the file is on the server, unquoted."""
        folder = f"/{self.wheel.sha256[:16]}" if channel.root == "/default" else ""
        return f"{channel.files}{folder}/{self.wheel.filename}"

    def hashed(self, algorithm: str) -> str:
        """What the index says that the file hashes to."""
        return self.sha256 if algorithm == "sha256" else hashlib.new(algorithm, self.wheel.content).hexdigest()

    @property
    def metadata_sha256(self) -> str:
        """The hash of the METADATA file."""
        return hashlib.sha256(self.wheel.metadata.encode()).hexdigest()


def project_html(project: str, listed: Iterable[Listed], channel: Channel) -> str:
    """A project's page. Links are relative to the server, and a label's "+" is "%2B" in them."""
    links = [_link(one, channel) for one in listed]
    return _page(f"Links for {project}", links)


def projects_html(projects: Iterable[str]) -> str:
    """The page of all projects."""
    return _page("Simple index", [f'<a href="{project}/">{project}</a>' for project in projects])


def _page(title: str, links: Iterable[str]) -> str:
    body = "".join(f"    {link}<br/>\n" for link in links)
    return f"<!DOCTYPE html>\n<html>\n  <body>\n    <h1>{escape(title)}</h1>\n{body}  </body>\n</html>\n"


def _link(one: Listed, channel: Channel) -> str:
    wheel = one.wheel
    attributes = {}
    if channel.requires_python and wheel.requires_python:
        attributes["data-requires-python"] = wheel.requires_python
    if channel.upload_times:
        attributes["data-upload-time"] = _time(wheel)
    if channel.metadata and wheel.metadata:
        told = f"sha256={one.metadata_sha256}"
        attributes |= {"data-dist-info-metadata": told, "data-core-metadata": told}
    if one.yanked is not None:
        attributes["data-yanked"] = one.yanked
    hashed = f"#{channel.algorithm}={one.hashed(channel.algorithm)}" if channel.hashes else ""
    address = quote(one.path(channel)) + hashed
    said = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f'<a href="{address}"{said}>{wheel.filename}</a>'


def project_json(project: str, listed: Sequence[Listed], channel: Channel) -> str:
    """A project's page as the default index gives it to who asks for JSON, with sizes and times."""
    return json.dumps(
        {
            "meta": {"api-version": "1.1"},
            "name": project,
            "versions": sorted({one.wheel.version for one in listed}, key=Version),
            "files": [_file(one, channel) for one in listed],
        }
    )


def _file(one: Listed, channel: Channel) -> dict[str, Any]:
    wheel = one.wheel
    file: dict[str, Any] = {
        "filename": wheel.filename,
        "url": quote(one.path(channel)),
        "hashes": {channel.algorithm: one.hashed(channel.algorithm)} if channel.hashes else {},
        "size": len(wheel.content),
        "upload-time": _time(wheel),
        "yanked": False if one.yanked is None else one.yanked or True,
    }
    if channel.requires_python and wheel.requires_python:
        file["requires-python"] = wheel.requires_python
    if channel.metadata and wheel.metadata:
        file["core-metadata"] = {"sha256": one.metadata_sha256}
    return file


def _time(wheel: Wheel) -> str:
    return wheel.upload_time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
