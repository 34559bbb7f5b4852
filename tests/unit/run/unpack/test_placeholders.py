"""Opened placeholders are detected, with the real kernel and real processes."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.run.unpack import placeholders
from scripts.run.unpack.placeholders import OpenedError, watched

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has inotify, and there are no placeholders elsewhere"
)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Placeholders of a megabyte."""
    made = [tmp_path / name for name in ("a.so", "b.so")]
    for path in made:
        path.touch(mode=0o755)
        os.truncate(path, 1 << 20)
    return made


def child(code: str) -> Callable[[Path], object]:
    return lambda path: subprocess.run([sys.executable, "-c", code, path], check=False, capture_output=True)


def mapped(path: Path) -> None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
        content[:4]


def linked(path: Path) -> None:
    link = path.with_name("link.so")
    os.link(path, link)
    link.read_bytes()


@pytest.mark.parametrize(
    "look",
    [
        lambda path: path.read_bytes(),
        mapped,
        linked,
        child("import ctypes, sys; ctypes.CDLL(sys.argv[1])"),
        child("import os, sys; os.execv(sys.argv[1], sys.argv[1:])"),
        child("import os, sys; os.path.exists(sys.argv[1]); open(sys.argv[1])"),
    ],
    ids=["read", "mapped", "by another name", "loaded", "run", "opened by a child"],
)
def test_opening_a_placeholder_is_detected(files: list[Path], look: Callable[[Path], object]) -> None:
    with pytest.raises(OpenedError) as caught, watched(files):
        look(files[1])
    assert caught.value.paths == (files[1],)


def test_asking_for_its_size_does_not_open_it(files: list[Path]) -> None:
    with watched(files):
        assert [path.stat().st_size for path in files] == [1 << 20] * 2
        assert os.access(files[0], os.X_OK)
        assert sorted(files[0].parent.iterdir()) == files


def test_an_exception_after_opening_a_placeholder_is_replaced(files: list[Path]) -> None:
    def load() -> None:
        files[0].read_bytes()
        raise ValueError("invalid ELF header")

    with pytest.raises(OpenedError), watched(files):
        load()


def test_another_exception_is_passed_on(files: list[Path]) -> None:
    with pytest.raises(ValueError, match="its own"), watched(files):
        raise ValueError("its own")


def test_an_interruption_is_passed_on(files: list[Path]) -> None:
    def load() -> None:
        files[0].read_bytes()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watched(files):
        load()


def test_opening_before_or_after_does_not_count(files: list[Path]) -> None:
    files[0].read_bytes()
    with watched(files):
        pass
    files[0].read_bytes()


def test_a_placeholder_that_cannot_be_watched_counts_as_opened(files: list[Path]) -> None:
    files[0].unlink()
    with pytest.raises(OpenedError) as caught, watched(files):
        raise AssertionError
    assert caught.value.paths == tuple(files)


def test_without_placeholders_nothing_is_watched() -> None:
    with watched([]):
        pass
    assert placeholders.can_watch()
