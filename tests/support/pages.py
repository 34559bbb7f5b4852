"""Pages of a package index, as HTML (PEP 503) or JSON (PEP 691), with the details that a channel provides."""

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
    """One of the indexes on a server, and its settings.

    ``root`` is the path of all its resources, ``pages`` that of the projects' pages, ``files`` that of the wheels.
    """

    root: str
    pages: str
    files: str
    json: bool = False  # JSON for clients that accept it
    requires_python: bool = False
    upload_times: bool = False  # in HTML; JSON always has them
    hashes: bool = True
    algorithm: str = "sha256"  # of the hashes
    metadata: bool = True  # a wheel's METADATA as a separate file (PEP 658)
    ranges: bool = True  # byte ranges of files
    max_age: int | None = None  # seconds for which a client may cache a file
    page_age: int | None = None  # seconds for which a client may cache a page
    newest: int | None = None  # number of versions that are listed, the newest ones

    @classmethod
    def named(cls, name: str) -> Channel:
        """Return the settings of a real channel: ``default``, or one of download.pytorch.org, as ``nightly/cu124``.

        The latter have only HTML, without the required Pythons; ``nightly`` has no hashes, and lists only the 60 newest
        versions (pytorch/test-infra: s3_management/manage.py).
        """
        if name == "default":
            root = "/default"
            return cls(root=root, pages=f"{root}/simple", files=f"{root}/files", json=True, requires_python=True)
        root = f"/whl/{name}"
        if name.startswith("nightly/"):
            return cls(root=root, pages=root, files=root, upload_times=True, hashes=False, newest=60)
        return cls(root=root, pages=root, files=root, upload_times=True)

    def visible(self, listed: Sequence[Listed]) -> list[Listed]:
        """Return the wheels that are listed, without those of versions that are too old."""
        if self.newest is None:
            return list(listed)
        newest = set(sorted({Version(item.wheel.version) for item in listed})[-self.newest :])
        return [item for item in listed if Version(item.wheel.version) in newest]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A wheel on an index. ``sha256`` is the hash on the page; ``yanked`` the reason, if it is yanked."""

    wheel: Wheel
    sha256: str
    yanked: str | None = None

    def path(self, channel: Channel) -> str:
        """Return the path of the file on the server, unquoted."""
        folder = f"/{self.wheel.sha256[:16]}" if channel.root == "/default" else ""
        return f"{channel.files}{folder}/{self.wheel.filename}"

    def hashed(self, algorithm: str) -> str:
        """Return the hash of the file on the page."""
        return self.sha256 if algorithm == "sha256" else hashlib.new(algorithm, self.wheel.content).hexdigest()

    @property
    def metadata_sha256(self) -> str:
        """The hash of the METADATA file."""
        return hashlib.sha256(self.wheel.metadata.encode()).hexdigest()


def project_html(project: str, listed: Iterable[Listed], channel: Channel) -> str:
    """Return a project's page. Links are relative to the server, and a label's "+" is "%2B" in them."""
    links = [_link(item, channel) for item in listed]
    return _page(f"Links for {project}", links)


def projects_html(projects: Iterable[str]) -> str:
    """Return the page of all projects."""
    return _page("Simple index", [f'<a href="{project}/">{project}</a>' for project in projects])


def _page(title: str, links: Iterable[str]) -> str:
    body = "".join(f"    {link}<br/>\n" for link in links)
    return f"<!DOCTYPE html>\n<html>\n  <body>\n    <h1>{escape(title)}</h1>\n{body}  </body>\n</html>\n"


def _link(item: Listed, channel: Channel) -> str:
    wheel = item.wheel
    attributes = {}
    if channel.requires_python and wheel.requires_python:
        attributes["data-requires-python"] = wheel.requires_python
    if channel.upload_times:
        attributes["data-upload-time"] = _time(wheel)
    if channel.metadata and wheel.metadata:
        digest = f"sha256={item.metadata_sha256}"
        attributes |= {"data-dist-info-metadata": digest, "data-core-metadata": digest}
    if item.yanked is not None:
        attributes["data-yanked"] = item.yanked
    hashed = f"#{channel.algorithm}={item.hashed(channel.algorithm)}" if channel.hashes else ""
    address = quote(item.path(channel)) + hashed
    attribute_text = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f'<a href="{address}"{attribute_text}>{wheel.filename}</a>'


def project_json(project: str, listed: Sequence[Listed], channel: Channel) -> str:
    """Return a project's page as JSON, as the default index has it, with sizes and times."""
    return json.dumps(
        {
            "meta": {"api-version": "1.1"},
            "name": project,
            "versions": sorted({item.wheel.version for item in listed}, key=Version),
            "files": [_file(item, channel) for item in listed],
        }
    )


def _file(item: Listed, channel: Channel) -> dict[str, Any]:
    wheel = item.wheel
    file: dict[str, Any] = {
        "filename": wheel.filename,
        "url": quote(item.path(channel)),
        "hashes": {channel.algorithm: item.hashed(channel.algorithm)} if channel.hashes else {},
        "size": len(wheel.content),
        "upload-time": _time(wheel),
        "yanked": False if item.yanked is None else item.yanked or True,
    }
    if channel.requires_python and wheel.requires_python:
        file["requires-python"] = wheel.requires_python
    if channel.metadata and wheel.metadata:
        file["core-metadata"] = {"sha256": item.metadata_sha256}
    return file


def _time(wheel: Wheel) -> str:
    return wheel.upload_time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
