"""Wheels whose index gives no hashes (nightlies): downloaded whole, so that their sha256 is known."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import httpx
import tenacity

from scripts import failures
from scripts.locks import Lock, LockedWheel

_CHUNK = 1 << 20


def with_hashes(lock: Lock, folder: Path, *, timeout: float) -> Lock:
    """The lock with every hash known; what the index gives no hash for is downloaded into ``folder``.

    Raises:
        CellError: a download broke off again and again.
    """
    wheels = tuple(w if w.sha256 else dataclasses.replace(w, sha256=_fetched(w, folder, timeout)) for w in lock.wheels)
    return dataclasses.replace(lock, wheels=wheels)


def _fetched(wheel: LockedWheel, folder: Path, timeout: float) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / wheel.filename
    if not target.exists():
        partial = target.with_suffix(".part")
        try:
            _download(wheel.url, partial, timeout)
        except (httpx.HTTPError, OSError) as error:
            raise failures.CellError("download", "download broken off", f"{wheel.filename}: {error}") from error
        partial.replace(target)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(httpx.TransportError),
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_exponential(multiplier=0.5, max=5),
    reraise=True,
)
def _download(url: str, partial: Path, timeout: float) -> None:
    """Download a file; a retry goes on where the last attempt broke off, if the server can do that."""
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
        response.raise_for_status()
        mode = "ab" if response.status_code == httpx.codes.PARTIAL_CONTENT else "wb"
        with partial.open(mode) as file:
            for chunk in response.iter_bytes(_CHUNK):
                file.write(chunk)
