"""Interpreters that uv would download: asked for where uv would get them, with the real uv."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from scripts.run import interpreters, python_downloads
from tests.support.index import LocalIndex

PYTHON = "3.12"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_PYTHON_DOWNLOADS", "UV_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setattr(interpreters, "find", lambda _: None)


def test_an_unreachable_mirror_makes_an_interpreter_unavailable_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", "http://127.0.0.1:9/mirror")
    started = time.monotonic()
    problem = interpreters.problem(PYTHON)
    assert problem
    assert f"no Python {PYTHON} on this machine, and its download is unreachable: " in problem
    assert "127.0.0.1" in problem
    assert time.monotonic() - started < 20


def test_a_mirror_is_asked_for_the_very_file(monkeypatch: pytest.MonkeyPatch, index: LocalIndex) -> None:
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", f"{index.url()}/mirror")
    found = interpreters.download(PYTHON)
    assert found.host == "127.0.0.1"
    assert found.problem
    assert "404" in found.problem


def test_a_folder_is_a_mirror_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", tmp_path.as_uri())
    listed, _ = python_downloads._listed(interpreters.uv_bin(), tuple(sorted(interpreters.environment().items())))
    url = next(entry["url"] for entry in listed if python_downloads._is(entry, PYTHON))
    found = interpreters.download(PYTHON).problem
    assert found
    assert "no such file: " in found
    python_downloads._problem.cache_clear()
    file = Path(unquote(urlsplit(url).path))
    file.parent.mkdir(parents=True)
    file.touch()
    assert interpreters.problem(PYTHON) is None


def test_switched_off_downloads_and_unknown_versions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "uv knows no download of Python 3.2 " in str(interpreters.problem("3.2"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    assert str(interpreters.problem(PYTHON)).endswith("downloads are switched off")
