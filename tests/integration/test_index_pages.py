"""Pages of an index count for as long as it says; that something isn't there is taken from a page of now only."""

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
    """An index that lets everybody keep its pages for ten minutes, as the real ones do."""
    for channel in ("default", "cpu"):
        index.configure(channel, page_age=600)
    return index


def test_cells_ask_for_a_page_once_and_upgrade_asks_again(lasting: LocalIndex, project: MakeProject) -> None:
    lasting.add(build_torch("2.5.0"), build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.0", "2.5.1")
    assert copy.nox("-s", "matrix", "--", "-j1").code == 0
    assert len(lasting.requests_to("/default/simple/pluggy/")) == 1
    assert copy.nox("-s", "matrix", "--", "-j1", "--upgrade").code == 0
    assert len(lasting.requests_to("/default/simple/pluggy/")) > 1


def test_a_release_that_just_came_out_is_found(lasting: LocalIndex, project: MakeProject) -> None:
    lasting.add(build_torch("2.5.0"), channel="cpu")
    copy = project("2.5.0", "2.5.1")
    assert copy.nox("-s", "matrix").code == 0
    assert copy.records()[cell("2.5.1")]["reason"]["kind"] == "no such release"
    lasting.add(build_torch("2.5.1"), channel="cpu")
    assert copy.nox("-s", "matrix").code == 0
    assert copy.records()[cell("2.5.1")]["status"] == "recorded"


def test_what_was_locked_is_installed_though_the_page_that_is_kept_is_older(
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
        held = lock(version)
        environments.create(folder, Path(sys.executable), cache=cache, log=log)
        installation.install(folder, held, cache=cache, log=log, timeout=60)
        assert (environments.site_packages(folder) / f"helper-{version}.dist-info").is_dir()
