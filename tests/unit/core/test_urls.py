"""File URLs: conversion in both directions."""

from __future__ import annotations

import os
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core import urls

POSIX = [
    ("/a/b", "file:///a/b"),
    ("/with space/x", "file:///with%20space/x"),
    ("/100%/x", "file:///100%25/x"),
    ("/a%20b", "file:///a%2520b"),
    ("/a#b", "file:///a%23b"),
    ("/a?b=c", "file:///a%3Fb%3Dc"),
    ("/torch-2.5.1+cpu.whl", "file:///torch-2.5.1%2Bcpu.whl"),
    ("/größe/日本", "file:///gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC"),
    ("/old [x]/$HOME", "file:///old%20%5Bx%5D/%24HOME"),
    (os.fsdecode(b"/not-utf8-\xff"), "file:///not-utf8-%FF"),
]
WINDOWS = [
    ("C:\\a\\b", "file:///C:/a/b"),
    ("C:\\with space\\100%", "file:///C:/with%20space/100%25"),
    ("C:\\größe#1", "file:///C:/gr%C3%B6%C3%9Fe%231"),
    ("\\\\server\\share\\x y", "file://server/share/x%20y"),
]


@pytest.mark.parametrize(("path", "url"), POSIX)
def test_paths_of_posix_systems(path: str, url: str) -> None:
    assert urls.to_pure_path(urls.of_path(PurePosixPath(path)), windows=False) == PurePosixPath(path)
    assert urls.to_pure_path(url, windows=False) == PurePosixPath(path)


@pytest.mark.parametrize(("path", "url"), WINDOWS)
def test_paths_of_windows(path: str, url: str) -> None:
    assert urls.to_pure_path(urls.of_path(PureWindowsPath(path)), windows=True) == PureWindowsPath(path)
    assert urls.to_pure_path(url, windows=True) == PureWindowsPath(path)


@pytest.mark.parametrize(
    ("url", "windows", "path"),
    [
        ("file://localhost/a", False, PurePosixPath("/a")),
        ("FILE:///a", False, PurePosixPath("/a")),
        ("file:/a", False, PurePosixPath("/a")),
        ("file:///a#sha256=00", False, PurePosixPath("/a")),
        ("file:///c|/a", True, PureWindowsPath("c:/a")),
        ("file://localhost/C:/a", True, PureWindowsPath("C:/a")),
        ("file:///C:", True, PureWindowsPath("C:/")),
    ],
)
def test_other_spellings(url: str, windows: bool, path: PurePath) -> None:
    assert urls.to_pure_path(url, windows=windows) == path


@pytest.mark.parametrize(
    "url", ["file:a", "file:", "file://server/a", "https://example.org/a", "/a", "file:///a%00b", ""]
)
def test_urls_without_a_local_path_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"not |null"):
        urls.to_pure_path(url, windows=False)


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(lambda part: part != ".")))
def test_conversion_round_trips(parts: list[str]) -> None:
    path = PurePosixPath("/", *(os.fsdecode(os.fsencode(part.encode("utf-8", "ignore").decode())) for part in parts))
    assert urls.to_pure_path(urls.of_path(path), windows=False) == path


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/whl/torch-2.5.1%2Bcpu-cp311.whl#sha256=1", "torch-2.5.1+cpu-cp311.whl"),
        ("file:///with%20space/x%23.whl", "x#.whl"),
        ("https://example.org/", ""),
    ],
)
def test_file_names_in_urls(url: str, name: str) -> None:
    assert urls.filename(url) == name
