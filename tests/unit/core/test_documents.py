"""Documents with a schema number: read back as written, migrated, or refused with the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from scripts.core.documents import Format, StrictModel
from scripts.core.errors import SchemaError


class Part(StrictModel):
    size: int = 0
    tag: str = ""


class Document(StrictModel):
    schema_: Literal[3] = Field(3, alias="schema")
    title: str
    notes: dict[str, str] = {}
    part: Part = Part()


def renamed(data: dict[str, Any]) -> dict[str, Any]:
    """Migrate schema 2, where ``title`` was ``name``."""
    return {"title": data["name"], **{key: value for key, value in data.items() if key != "name"}}


FORMAT = Format(name="document", model=Document, schema=3, remedy="write it again", migrations={2: renamed})

texts = st.text(st.characters(exclude_categories=["Cs"]))
documents = st.builds(
    Document, title=texts, notes=st.dictionaries(texts, texts), part=st.builds(Part, size=st.integers())
)


@given(documents)
def test_documents_round_trip(document: Document) -> None:
    text = FORMAT.dump(document)
    assert FORMAT.parse(text, "x") == document
    assert FORMAT.dump(FORMAT.parse(text, "x")) == text


def test_a_file_has_its_schema_number_first_and_ends_with_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.json"
    FORMAT.write(path, Document(title="ä", notes={"b": "1", "a": "2"}))
    text = path.read_text("utf-8")
    assert text.endswith("}\n")
    assert "ä" in text
    assert list(json.loads(text)) == ["schema", "title", "notes"]
    assert list(json.loads(text)["notes"]) == ["b", "a"]
    assert FORMAT.read(path).title == "ä"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("defaults", "data"),
    [
        ("none", {"schema": 3, "title": "x", "part": {"tag": "y"}}),
        ("top-level", {"schema": 3, "title": "x", "notes": {}, "part": {"tag": "y"}}),
        ("all", {"schema": 3, "title": "x", "notes": {}, "part": {"size": 0, "tag": "y"}}),
    ],
)
def test_fields_with_their_default_value_are_written_as_the_format_says(
    defaults: Literal["none", "top-level", "all"], data: dict[str, Any]
) -> None:
    written = Format(name="document", model=Document, schema=3, remedy="", defaults=defaults)
    assert json.loads(written.dump(Document(title="x", part=Part(tag="y")))) == data


def test_an_older_document_is_migrated_step_by_step() -> None:
    def without_author(data: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in data.items() if key != "author"}

    text = '{"schema": 1, "name": "x", "author": "y"}'
    both = Format(name="document", model=Document, schema=3, remedy="", migrations={1: without_author, 2: renamed})
    assert both.parse(text, "x.json") == Document(title="x")
    with pytest.raises(SchemaError, match="unknown schema 1"):
        FORMAT.parse(text, "x.json")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}{}", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no schema number; this version reads schema 3"),
        ("null", "no schema number"),
        ('{"title": "x"}', "no schema number"),
        ('{"schema": true, "title": "x"}', "unknown schema True"),
        ('{"schema": "3", "title": "x"}', "unknown schema '3'"),
        ('{"schema": 4, "title": "x"}', "unknown schema 4; this version reads schema 3"),
        ('{"schema": 0, "title": "x"}', "unknown schema 0"),
        ('{"schema": 3}', "title: Field required"),
        ('{"schema": 3, "title": "x", "part": {"sise": 1}}', r"part\.sise: Extra inputs are not permitted"),
        ('{"schema": 2, "name": 1}', "title: Input should be a valid string"),
    ],
)
def test_an_invalid_document_is_refused_with_file_problem_and_remedy(text: str, problem: str) -> None:
    with pytest.raises(SchemaError, match=rf"x\.json: invalid document: {problem}.*; write it again"):
        FORMAT.parse(text, "x.json")


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(SchemaError, match="not JSON"):
        FORMAT.parse(b'{"schema": 3, "title": "\xff"}', "x.json")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"x\.json: cannot be read \(No such file or directory\); write it again"):
        FORMAT.read(tmp_path / "x.json")
    with pytest.raises(SchemaError, match="cannot be read"):
        FORMAT.read(tmp_path)


@given(st.binary())
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    with pytest.raises(SchemaError):
        FORMAT.parse(data, "x.json")
