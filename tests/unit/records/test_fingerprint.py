"""Fingerprints: dependence on every input, independence of the machine; the files of a suite on disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.records import fingerprint
from scripts.run.suite import SuiteFiles, files

TEXTS = st.text(max_size=20)
SETTINGS = st.fixed_dictionaries(
    {"default": TEXTS, "further": st.lists(TEXTS, max_size=2), "links": st.lists(TEXTS, max_size=2)}
)
INPUTS = st.fixed_dictionaries(
    {
        "cell": TEXTS,
        "suite": TEXTS,
        "requirements": st.lists(TEXTS, max_size=3),
        "env": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "plugins": st.booleans(),
        "gpu": st.booleans(),
        "exclude_newer": st.none() | TEXTS,
        "index": st.none() | TEXTS,
        "settings": SETTINGS,
        "companions": st.sets(TEXTS, max_size=2),
    }
)
LOCAL = {"index", "settings"}
#: Text and binary files by name.
FILES = st.dictionaries(
    st.from_regex(r"[a-zé]{1,5}(/[a-z]{1,5})?\.[a-z]{1,3}", fullmatch=True),
    st.binary(max_size=40) | st.text("ab \n", max_size=40).map(str.encode),
    max_size=5,
)


@given(INPUTS, INPUTS, st.data())
def test_every_input_affects_exactly_one_part(inputs: dict[str, Any], changed: dict[str, Any], data: Any) -> None:
    name = data.draw(st.sampled_from(sorted(inputs)))
    before, after = fingerprint.of(**inputs), fingerprint.of(**{**inputs, name: changed[name]})
    same = inputs[name] == changed[name]
    assert (before.portable == after.portable) == (same or name in LOCAL)
    assert (before.local == after.local) == (same or name not in LOCAL)


@given(INPUTS, SETTINGS, st.none() | TEXTS)
def test_a_record_of_another_machine_is_current_behind_any_mirror(
    inputs: dict[str, Any], settings: dict[str, Any], index: str | None
) -> None:
    here, there = fingerprint.of(**inputs), fingerprint.of(**{**inputs, "settings": settings, "index": index})
    assert here.matches(there.portable, None)
    assert here.matches(there.portable, there.local) == (here.local == there.local)
    assert not here.matches("", None)


@given(FILES, st.randoms(use_true_random=False))
def test_line_endings_and_order_do_not_change_a_suite(content: dict[str, bytes], random: Any) -> None:
    text = {name: file.replace(b"\0", b"").replace(b"\r", b"") for name, file in content.items()}
    shuffled = list(text.items())
    random.shuffle(shuffled)
    windows = {name: file.replace(b"\n", b"\r\n") for name, file in shuffled}
    assert fingerprint.suite_digest(windows) == fingerprint.suite_digest(text)


@given(FILES, FILES)
def test_different_files_give_different_digests(first: dict[str, bytes], second: dict[str, bytes]) -> None:
    def plain(content: dict[str, bytes]) -> dict[str, bytes]:
        return {name: text if b"\0" in text else text.replace(b"\r\n", b"\n") for name, text in content.items()}

    same = plain(first) == plain(second)
    assert (fingerprint.suite_digest(first) == fingerprint.suite_digest(second)) == same


def test_unicode_normal_forms_are_equivalent() -> None:
    assert fingerprint.suite_digest({"test_\u00e9.py": b""}) == fingerprint.suite_digest({"test_e\u0301.py": b""})


def test_line_endings_of_binary_files_count() -> None:
    assert fingerprint.suite_digest({"x": b"\0\r\n"}) != fingerprint.suite_digest({"x": b"\0\n"})


# --- on disk ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    suite = tmp_path / "suite"
    (suite / "data").mkdir(parents=True)
    (suite / "test_a.py").write_bytes(b"assert 1\n")
    (suite / "data" / "x.bin").write_bytes(b"\0\1")
    return suite


def digest(folder: Path) -> str:
    return SuiteFiles({"suite": folder}).snapshot().digest


def test_hidden_and_compiled_files_are_ignored(folder: Path) -> None:
    before = digest(folder)
    for name in ("__pycache__/a.pyc", ".pytest_cache/v/x", ".git/HEAD", ".hidden", "old.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    assert digest(folder) == before


def test_the_location_of_a_suite_is_ignored(folder: Path, tmp_path: Path) -> None:
    before = digest(folder)
    folder.rename(tmp_path / "moved [x]")
    assert digest(tmp_path / "moved [x]") == before


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_are_followed_and_loops_end(folder: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "test_b.py").write_text("1")
    (folder / "linked").symlink_to(shared)
    (folder / "loop").symlink_to(folder)
    before = digest(folder)
    assert folder / "linked" / "test_b.py" in files(folder)
    (shared / "test_b.py").write_text("2")
    assert digest(folder) != before


@pytest.mark.skipif(sys.platform == "win32", reason="such names are impossible there")
def test_names_that_are_not_utf8_count(folder: Path) -> None:
    before = digest(folder)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text("x")
    assert digest(folder) != before


def test_a_file_that_was_edited_and_restored_counts_as_changed(folder: Path) -> None:
    suite, file = SuiteFiles({"suite": folder}), folder / "test_a.py"
    before = suite.snapshot()
    assert before.changed(suite.snapshot()) == frozenset()
    content, times = file.read_bytes(), file.stat()
    file.write_bytes(b"assert 0\n")
    edited = suite.snapshot()
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = suite.snapshot()
    assert (before.digest == after.digest, before.digest == edited.digest) == (True, False)
    if sys.platform != "win32":  # it has no time of the last status change
        assert before.changed(after) == {"suite/test_a.py"}


def test_a_new_file_does_not_count_as_changed(folder: Path) -> None:
    suite = SuiteFiles({"suite": folder})
    before = suite.snapshot()
    (folder / "output.txt").write_text("x")
    assert before.changed(suite.snapshot()) == frozenset()


@pytest.mark.skipif(sys.platform == "win32", reason="no time of the last status change there")
@pytest.mark.parametrize(
    ("writes", "runs", "current"),
    [
        ([], 1, True),
        ([(b"edited", b"assert 1\n")], 2, True),
        ([(b"edited", b"assert 1\n")] * 2, 2, True),
        ([(b"edited", b"edited")], 2, True),
        ([(b"edited", b"edited"), (b"more", b"more")], 2, False),
    ],
    ids=["untouched", "restored once", "by the tests", "edited once", "edited again"],
)
def test_the_digest_is_that_of_the_files_that_ran(
    folder: Path, writes: list[tuple[bytes, bytes]], runs: int, *, current: bool
) -> None:
    suite, file, notes = SuiteFiles({"suite": folder}), folder / "test_a.py", list[str]()
    read: list[bytes] = []

    def tests() -> bytes:
        read.append(file.read_bytes())
        for content in writes[len(read) - 1] if len(read) <= len(writes) else ():
            file.write_bytes(content)
        return read[-1]

    result, suite_digest = suite.run(tests, notes.append)
    assert (len(read), len(notes)) == (runs, runs - 1 + (not current))
    if current:
        expected = folder.parent / "expected"
        (expected / "data").mkdir(parents=True)
        (expected / "test_a.py").write_bytes(result)
        (expected / "data" / "x.bin").write_bytes(b"\0\1")
        assert suite_digest == digest(expected)
    else:
        assert suite_digest == ""


def test_a_fingerprint_without_companions_is_that_of_earlier_versions() -> None:
    inputs: dict[str, Any] = {"env": {}, "plugins": False, "gpu": False, "exclude_newer": None, "settings": {}}
    found = fingerprint.of(cell="2.5.1-cpu-py3.11", suite="0", requirements=["pytest"], index=None, **inputs)
    assert found.portable == "ae695045a62d47e89ab2fe0c141d502b332e93c9fbb13b76240bd21eef6bc2a0"
