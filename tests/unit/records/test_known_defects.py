"""The marker ``known_defect`` is read from a suite's files without importing them."""

from __future__ import annotations

from pathlib import Path

from scripts.core import paths
from scripts.records.known_defects import declared, in_source

SOURCE = b"""
import pytest
from pytest import mark

@pytest.mark.known_defect("saving fails  as upstream expects")
def test_save(): ...

@mark.parametrize("n", [1])
@mark.known_defect("loading fails too")
async def test_load(n): ...

class TestAll:
    pytestmark = [mark.slow, mark.known_defect("all of it fails")]
    def test_a(self): ...
    @mark.known_defect("in a way of its own")
    def test_b(self): ...

@mark.known_defect(SENTENCE)
def test_not_literal(): ...

@mark.other("x")
def test_other(): ...
"""


def test_sentences_of_functions_and_classes() -> None:
    assert in_source(SOURCE) == {
        "test_save": "saving fails as upstream expects",
        "test_load": "loading fails too",
        "TestAll::test_a": "all of it fails",
        "TestAll::test_b": "in a way of its own",
    }


def test_a_mark_of_the_file_applies_to_all_of_it() -> None:
    source = (
        b"pytestmark = pytest.mark.known_defect('it fails')\ndef test_a(): ...\nclass T:\n    def test_b(self): ..."
    )
    assert in_source(source) == {"test_a": "it fails", "T::test_b": "it fails"}


def test_files_that_are_no_python_have_none(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "test_a.py").write_bytes(SOURCE)
    (tmp_path / "test_b.py").write_bytes(b"known_defect ) (")
    (tmp_path / "test_c.py").write_bytes(b"known_defect \x00 \xff")
    assert len(declared(tmp_path)) == 4
    assert declared(tmp_path)["sub/test_a.py::TestAll::test_a"] == "all of it fails"
    assert declared(tmp_path / "nowhere") == {}


def test_the_built_in_suite_marks_the_contract_of_scripting() -> None:
    found = declared(paths.ROOT / "tests" / "cells" / "parametrization")
    assert found == {"test_script.py::test_scriptable": "scripting fails as upstream expects"}
