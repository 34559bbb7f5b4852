"""Sizes of wheels whose index tells none: as the servers of the files tell them, or the disk."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx

from scripts.index import settings

#: Seconds that a server has to answer. Without a size there is only no forecast.
_TIMEOUT: Final = 8.0


def ask(urls: Iterable[str]) -> dict[str, int]:
    """The size of each file in bytes, by its URL. Never raises: what can't be told is left out."""
    urls = list(urls)
    if not urls:
        return {}
    with (
        httpx.Client(timeout=_TIMEOUT, follow_redirects=True, verify=settings.certificates()) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        sizes = pool.map(lambda url: _size(client, url), urls)
        return {url: size for url, size in zip(urls, sizes, strict=True) if size is not None}


def _size(client: httpx.Client, url: str) -> int | None:
    try:
        if url.startswith("file:"):
            return Path(url2pathname(urlsplit(url).path)).stat().st_size
        told = client.head(url, headers={"Accept-Encoding": "identity"})
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        return None
    length = told.headers.get("Content-Length", "")
    return int(length) if told.is_success and length.isdigit() else None
