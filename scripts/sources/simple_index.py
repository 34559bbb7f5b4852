"""What an index lists: a project's wheels, from its page in JSON or HTML (PEP 503, PEP 691).

Pages are asked for again each time, but with the conditions that the last answer gave, so that one which hasn't
changed isn't sent again; where the index is out of reach, the last page is taken, and that is said.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pypi_simple
from pypi_simple import DistributionPackage, ProjectPage

from scripts import paths
from scripts.index import settings
from scripts.results.records import write_atomically
from scripts.sources.web import Web, WebError, shown
from scripts.sources.wheelfiles import WheelFile, is_wheel

_log = logging.getLogger(__name__)


def default_index() -> str:
    """The URL of the configured default index, or of the one that pip and uv know by themselves."""
    return settings.default_index() or pypi_simple.PYPI_SIMPLE_ENDPOINT


def wheels(web: Web, index: str, project: str = "torch", *, cache: Path | None = None) -> list[WheelFile]:
    """The wheels of a project that an index lists, without those that were withdrawn.

    Raises:
        WebError: the index is out of reach and was never read before, has no such project, or is no index.
    """
    url = f"{index.rstrip('/')}/{project}/"
    page = _local(url) if url.startswith("file:") else _page(web, url, (cache or paths.STATE / "wheels") / "pages")
    try:
        packages = _parsed(page, project).packages
    except (ValueError, KeyError, pypi_simple.UnsupportedRepoVersionError) as error:
        raise WebError(f"{shown(url)}: that is no page of a package index ({error})") from error
    return [_wheel(p) for p in packages if not p.is_yanked and is_wheel(unquote(p.filename))]


def _parsed(page: dict[str, str], project: str) -> ProjectPage:
    body, url = page["body"], page["url"]
    if "json" in page["type"]:
        return ProjectPage.from_json_data(json.loads(body), base_url=url)
    return ProjectPage.from_html(project, body, base_url=url)


def _wheel(package: DistributionPackage) -> WheelFile:
    return WheelFile(
        filename=unquote(package.filename),  # some pages write a label's "+" as %2B in the name too
        url=package.url,
        sha256=package.digests.get("sha256"),
        size=package.size,
        uploaded=package.upload_time,
    )


def _local(url: str) -> dict[str, str]:
    """The page of an index in a folder. Raises `WebError`."""
    path = Path(unquote(urlsplit(url).path), "index.html")
    try:
        return {"url": url, "type": "text/html", "body": path.read_text("utf-8")}
    except OSError as error:
        raise WebError(f"{path}: can't be read ({error.strerror})") from error


def _page(web: Web, url: str, folder: Path) -> dict[str, str]:
    """A page's text, type and address, as kept in ``folder``."""
    kept = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"
    before = _kept(kept)
    conditions = {
        header: before[name]
        for header, name in (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
        if before and before[name]
    }
    try:
        response = web.get(url, {"Accept": pypi_simple.ACCEPT_JSON_PREFERRED, **conditions})
    except WebError as error:
        if before is None or "answers 404" in str(error):
            raise
        _log.warning("%s; taking the page as it was when last read", error)
        return before
    if before and response.status_code == 304:  # noqa: PLR2004 - "not modified"
        return before
    page = {
        "url": str(response.url),
        "type": response.headers.get("Content-Type", "text/html"),
        "etag": response.headers.get("ETag", ""),
        "modified": response.headers.get("Last-Modified", ""),
        "body": response.text,
    }
    if before != page:
        write_atomically(kept, json.dumps(page))
    return page


def _kept(path: Path) -> dict[str, str] | None:
    try:
        page: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return page if isinstance(page, dict) and {"url", "type", "etag", "modified", "body"} <= page.keys() else None
