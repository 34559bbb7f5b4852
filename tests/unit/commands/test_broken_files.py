"""Broken files are named in a message or created again; they never cause a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import cli
from scripts.bisect import model as bisect_model
from scripts.ci import plan, publish, report
from scripts.config import matrix_toml
from scripts.core.errors import Exit, MatrixError, SchemaError
from scripts.index.remote_wheels import _CachedWheel
from scripts.index.sources import Source
from scripts.qualify import model
from scripts.records.model import FreshRecord, Record
from scripts.records.store import Store
from scripts.run import locks

#: Contents of a file, or None for a folder in its place.
CONTENTS: dict[str, bytes | None] = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "text": b'"x"',
    "object": b"{}",
    "nulls": b'{"schema": null, "a": null}',
    "schema": b'{"schema": 1, "cell": {}}',
    "not UTF-8": b'{"schema": "\xff\xfe"}',
    "half": b'{"schema": 1, "cell": {',
    "deep": b"[" * 100_000,
    "nul": b"\0" * 100,
    "surrogate": b'{"schema": "\\ud800"}',
    "TOML": b"lock-version = '1.0'\n[[packages]]\nname = 'torch'\n",
    "folder": None,
}


def put(path: Path, content: bytes | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


#: Input files, and files that can't be created again: the message names the file.
REFUSING: dict[str, Callable[[Path], object]] = {
    "record": lambda path: Store(path.parents[1]).load(path, Record),
    "records": lambda path: Store(path.parents[1]).read(Record),
    "fresh record": lambda path: Store(path.parents[1]).load(path, FreshRecord),
    "matrix.toml": matrix_toml.load,
    "lock": lambda path: locks.load(path, Source(build="cpu", index=None)),
    "bisection": bisect_model.FORMAT.read,
    "qualification": model.FORMAT.read,
    "plan": plan.FORMAT.read,
    "issue": publish._issue_text,
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("read", REFUSING.values(), ids=REFUSING)
def test_a_broken_file_is_named(tmp_path: Path, read: Callable[[Path], object], content: bytes | None) -> None:
    path = tmp_path / "linux-x86_64" / "broken.json"
    put(path, content)
    with pytest.raises(MatrixError, match=r"broken\.json"):
        read(path)


@pytest.mark.parametrize("content", [None, b"", b"null", b"[]", b"\xff", b'{"wanted": "x"}'])
def test_broken_facts_are_named(tmp_path: Path, content: bytes | None) -> None:
    put(tmp_path / "facts.json", content)
    with pytest.raises(SchemaError, match=r"facts\.json.*ci report"):
        report.read_facts(tmp_path / "facts.json")


#: Caches: a broken one counts as none.
CACHES: dict[str, Callable[[Path], Any]] = {
    "sizes.json": lambda folder: locks._requested_sizes(folder / "pylock.toml"),
    "contents.json": lambda folder: _CachedWheel(folder).contents(),
    "end.bin": lambda folder: _CachedWheel(folder).end(),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", CACHES)
def test_a_broken_cache_is_ignored(tmp_path: Path, name: str, content: bytes | None) -> None:
    put(tmp_path / name, content)
    found = CACHES[name](tmp_path)
    assert not found or found == {"schema": 1}


# --- paths of options -------------------------------------------------------------------------------------------


LONG, NUL = "x" * 3000, "a\0b"
OPTIONS = [
    ("report", "--results", "not a"),
    ("report", "--output", "not a path"),
    ("run", "--probes", "not a"),
    ("plan", "--probes", "not a"),
    ("bisect", "--replay", "not a"),
    ("qualify", "--replay", "not a"),
    ("qualify", "--show", "not a"),
    ("qualify", "--output", "not a path"),
    ("qualify", "--wheel", "not a path"),
    ("merge", "--output", "not a path"),
]


@pytest.mark.parametrize("text", [LONG, f"{LONG}/x", NUL, ""], ids=["long", "long folder", "null character", "empty"])
@pytest.mark.parametrize(("command", "option", "words"), OPTIONS)
def test_an_impossible_path_is_a_usage_error(
    command: str, option: str, words: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"merge": ["x"], "qualify": ["2.15.0"]}.get(command, [])
    assert cli.main([command, f"{option}={text}", *more]) == Exit.USAGE
    error = capsys.readouterr().err.rpartition("error: ")[2]
    assert option in error
    assert words in error
    assert len(error) < 300


@pytest.mark.parametrize(
    ("command", "option", "is_folder"),
    [
        ("report", "--results", True),
        ("run", "--probes", True),
        ("report", "--output", False),
        ("qualify", "--show", False),
        ("bisect", "--replay", False),
    ],
)
def test_files_and_folders_are_not_interchangeable(
    tmp_path: Path, command: str, option: str, is_folder: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "there"
    put(path, b"" if is_folder else None)
    assert cli.main([command, f"{option}={path}"]) == Exit.USAGE
    assert option in capsys.readouterr().err
