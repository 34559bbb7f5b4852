"""The wheels of a project on an index, from its page in JSON or HTML (PEP 503, PEP 691).

Pages are cached and requested conditionally, so that an unchanged page is not sent again. If the index is unreachable,
the cached page is used, with a warning.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import requests
from packaging.version import Version

from scripts.core import paths, urls
from scripts.core.files import write_atomically
from scripts.core.urls import shown
from scripts.index import settings
from scripts.index.errors import EmptyPageError, MissingError, NotAnIndexError, UnreachableError, WebError, YankedError
from scripts.index.http import Web
from scripts.index.retries import Retries
from scripts.index.wheel_files import WheelFile, is_wheel

if TYPE_CHECKING:  # imported where a page is read: most commands read none, and its HTML parser loads slowly
    from pypi_simple import DistributionPackage, ProjectPage

_log = logging.getLogger(__name__)

#: Elements of login pages and captive portals that an index page never has.
_FOREIGN: Final = re.compile(r"<(?:form|input|script|iframe|meta[^<>]+refresh)\b", re.IGNORECASE)
_TITLE: Final = re.compile(r"<title[^<>]*>\s*([^<]{1,80})", re.IGNORECASE)
#: For a diagnosis after a failure: the installer has repeated its requests already.
_DIAGNOSIS: Final = Retries(attempts=2, timeout=8)


def default_index() -> str:
    """Return the URL of the configured default index, or pip's and uv's built-in one."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415 - loads slowly

    return settings.default_index() or PYPI_SIMPLE_ENDPOINT


def wheels(
    web: Web,
    index: str,
    project: str = "torch",
    *,
    cache: Path | None = None,
    yanked: bool = False,
    stale: bool = True,
) -> list[WheelFile]:
    """Return the wheels of a project on an index, in the page's order.

    Args:
        web: the HTTP client.
        index: the index's URL.
        project: the project's normalised name.
        cache: the folder for cached pages, instead of the project's own.
        yanked: include yanked files, which have a reason in `WheelFile.yanked`.
        stale: use the cached page if the index is unreachable.

    Raises:
        UnreachableError: the index is unreachable, and there is no cached page or it must not be used.
        WebError: the index does not have the project, has an empty page, denies access, or is not an index.
    """
    url = f"{index.rstrip('/')}/{project}/"
    folder = (cache or paths.STATE / "wheels") / "pages"
    page = _local(url) if urls.is_file(url) else _page(web, url, folder, stale=stale)
    listed = [_wheel(package) for package in _packages(page, url, project) if is_wheel(unquote(package.filename))]
    return [wheel for wheel in listed if yanked or wheel.yanked is None]


def _packages(page: dict[str, str], url: str, project: str) -> list[DistributionPackage]:
    """Return the files listed by a page. Raise `WebError`, with the reason, if there are none."""
    from pypi_simple import UnsupportedRepoVersionError  # noqa: PLC0415 - loads slowly

    try:
        packages = _parsed(page, project).packages
    except (ValueError, KeyError, TypeError, UnsupportedRepoVersionError) as error:
        raise NotAnIndexError(f"{shown(url)}: not an index page ({error})") from error
    if any(package.version for package in packages):
        return packages
    redirected = _location(page["url"]) != _location(url)
    foreign = packages or redirected or "html" not in page["type"] or _FOREIGN.search(page["body"])
    if foreign and "json" not in page["type"]:
        title = _TITLE.search(page["body"])
        name = f", but one titled {title[1].strip()!r}" if title else ""
        target = f", redirected to {shown(page['url'])}" if redirected else ""
        raise NotAnIndexError(f"{shown(url)}: not an index page{name}{target} (a captive portal or a login page?)")
    raise EmptyPageError(f"{shown(url)}: the page lists no files")


def _location(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2], parts.path.rstrip("/")


def _parsed(page: dict[str, str], project: str) -> ProjectPage:
    from pypi_simple import ProjectPage  # noqa: PLC0415 - loads slowly

    body, url = page["body"], page["url"]
    if "json" in page["type"]:
        return ProjectPage.from_json_data(json.loads(body), base_url=url)
    return ProjectPage.from_html(project, body, base_url=url)


def _wheel(package: DistributionPackage) -> WheelFile:
    return WheelFile(
        filename=unquote(package.filename),  # some pages encode the "+" of a label as %2B
        url=package.url,
        sha256=package.digests.get("sha256"),
        size=package.size,
        yanked=(package.yanked_reason or "") if package.is_yanked else None,
    )


def _local(url: str) -> dict[str, str]:
    """Return the page of a local index. Raises `WebError`."""
    try:
        path = urls.to_path(url) / "index.html"
        return {"url": url, "type": "text/html", "body": path.read_text("utf-8")}
    except FileNotFoundError as error:
        raise MissingError(f"{url}index.html: no such file") from error
    except (OSError, ValueError) as error:
        raise WebError(f"{url}: cannot be read ({error})") from error


def _page(web: Web, url: str, folder: Path, *, stale: bool) -> dict[str, str]:
    """Return a page's text, type and URL, and cache it in ``folder``."""
    from pypi_simple import ACCEPT_JSON_PREFERRED  # noqa: PLC0415 - loads slowly

    cached = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"
    before = _load(cached)
    conditions = {
        header: before[name]
        for header, name in (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
        if before and before[name]
    }
    try:
        response = web.get(url, {"Accept": ACCEPT_JSON_PREFERRED, **conditions})
    except UnreachableError as error:
        if before is None or not stale:
            raise
        _log.warning("%s; using the cached page", error)
        return before
    if before and response.status_code == requests.codes.not_modified:
        return before
    page = {
        "url": response.url,
        "type": response.headers.get("Content-Type", "text/html"),
        "etag": response.headers.get("ETag", ""),
        "modified": response.headers.get("Last-Modified", ""),
        "body": _text(response),
    }
    if before != page:
        write_atomically(cached, json.dumps(page))
    return page


def _text(response: requests.Response) -> str:
    """Return a page's text; UTF-8 if its encoding is missing or unknown."""
    header = Message()
    header["Content-Type"] = response.headers.get("Content-Type", "")
    try:
        return response.content.decode(header.get_content_charset("utf-8"), "replace")
    except LookupError:
        return response.content.decode("utf-8", "replace")


def _load(path: Path) -> dict[str, str] | None:
    try:
        page: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return page if isinstance(page, dict) and {"url", "type", "etag", "modified", "body"} <= page.keys() else None


def why_missing(index: str, project: str, release: str | None, label: str | None = None) -> WebError | None:
    """Return why an installer found no wheel, from the project's page; None if the page does not explain it.

    Installers report a yanked release, an empty page, a login page and a missing page all alike.

    Args:
        index: the index's URL.
        project: the project's name.
        release: the version that was not found; None for any.
        label: the local label that is accepted besides none.
    """
    try:
        with Web(_DIAGNOSIS) as web:
            found = wheels(web, index, project, yanked=True, stale=False)
    except UnreachableError:
        return None
    except WebError as error:
        return error
    public = Version(release).public if release else None
    return _yanked([wheel for wheel in found if wheel.release == public and wheel.label in {None, label}])


def _yanked(listed: Sequence[WheelFile]) -> YankedError | None:
    """Return the error for a release whose wheels are all yanked, with the index's reasons."""
    if not listed or any(wheel.yanked is None for wheel in listed):
        return None
    reasons = dict.fromkeys(wheel.yanked for wheel in listed if wheel.yanked)
    return YankedError(f"{listed[0].release} is yanked: {'; '.join(reasons) or 'no reason given'}")
