"""State files and names of bisections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.bisect import bisection
from scripts.bisect import model as bisect_model
from scripts.bisect.model import Candidate, Step
from scripts.core.errors import SchemaError, UsageError
from tests.support.bisections import (
    messages,
    question,
    run,
)


def test_a_resumed_bisection_takes_the_same_steps(tmp_path: Path) -> None:
    whole, ran = run(messages("2.7.0"))
    for stop in range(len(ran)):
        begun = whole.state.model_copy(update={"steps": whole.state.steps[:stop]})
        path = bisect_model.save(tmp_path, begun)
        assert path == bisect_model.latest(tmp_path)
        again = bisect_model.FORMAT.read(path)
        assert again == begun

        def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
            return [whole.state.by_position[position] for position, _ in wanted]

        assert bisection.run(again, probe, lambda *_: None).state == whole.state


def test_the_error_for_an_unreadable_state_names_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start one"):
        bisect_model.latest(tmp_path)
    with pytest.raises(SchemaError, match="cannot be read"):
        bisect_model.FORMAT.read(tmp_path / "none.json")
    for text in ("{", '{"schema": 2}', '{"schema": 1, "question": 3}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(SchemaError):
            bisect_model.FORMAT.read(tmp_path / "bad.json")


def test_different_questions_have_different_names() -> None:
    names = {question().name, question(message="x").name, question(build="cu124").name, question(good="2.1.0").name}
    assert len(names) == 4
    assert all("/" not in name for name in names)


def test_the_suite_is_no_part_of_the_name() -> None:
    assert question().model_copy(update={"suite": "other"}).name == question().name


def test_a_command_timeout_changes_the_name_of_the_question() -> None:
    query = question(observations=(), command="{python} check.py")
    assert "command_timeout" not in query.model_dump_json(exclude={"command_timeout"})
    assert query.model_copy(update={"command_timeout": 5}).name != query.name
