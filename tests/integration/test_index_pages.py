"""Cached index pages: valid as long as the index allows, except to conclude that a release is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.index.sources import Source
from scripts.run import environments, installation, locks
from tests.integration.conftest import MakeProject
from tests.support.index import LocalIndex
from tests.support.matrices import cell
from tests.support.torches import build_torch
from tests.support.wheels import build_package

SOURCE = Source(build="default", index=None)


@pytest.fixture
def lasting(index: LocalIndex) -> LocalIndex:
    """Return an index whose pages may be cached for ten minutes, as those of real ones."""
    for channel in ("default", "cpu"):
        index.configure(channel, page_age=600)
    return index


def test_cells_request_a_page_once_and_again_for_an_upgrade(lasting: LocalIndex, project: MakeProject) -> None:
    lasting.add(build_torch("2.5.0"), build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.0", "2.5.1")
    assert copy.nox("-s", "matrix", "--", "-j1").code == 0
    assert len(lasting.requests_to("/default/simple/pluggy/")) == 1
    assert copy.nox("-s", "matrix", "--", "-j1", "--upgrade").code == 0
    assert len(lasting.requests_to("/default/simple/pluggy/")) > 1


def test_a_new_release_is_found_despite_cached_pages(lasting: LocalIndex, project: MakeProject) -> None:
    lasting.add(build_torch("2.5.0"), channel="cpu")
    copy = project("2.5.0", "2.5.1")
    assert copy.nox("-s", "matrix").code == 0
    assert copy.records()[cell("2.5.1")]["reason"]["kind"] == "no such release"
    lasting.add(build_torch("2.5.1"), channel="cpu")
    assert copy.nox("-s", "matrix").code == 0
    assert copy.records()[cell("2.5.1")]["status"] == "recorded"


def test_a_locked_wheel_is_installed_despite_an_older_cached_page(
    lasting: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", lasting.url())
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    cache, log, folder = tmp_path / "cache", tmp_path / "log", tmp_path / "env"

    def lock(version: str) -> locks.Lock:
        wheel = build_package("helper", version)
        lasting.add(wheel)
        url = lasting.file_url(wheel)
        locked = locks.LockedWheel(name="helper", version=version, url=url, sha256=wheel.sha256, size=1)
        return locks.Lock(path=tmp_path / "pylock.toml", digest=version, wheels=(locked,), source=SOURCE)

    for version in ("1.0", "1.1"):
        locked = lock(version)
        environments.create(folder, Path(sys.executable), cache=cache, log=log)
        installation.install(folder, locked, cache=cache, log=log, timeout=60)
        assert (environments.site_packages(folder) / f"helper-{version}.dist-info").is_dir()
