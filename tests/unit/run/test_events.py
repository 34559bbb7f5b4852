"""The events file is untrusted: whatever is in it, there is a valid record that claims no more than was reported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.records import store
from scripts.records.model import FreshRecord
from scripts.run import events, recording
from scripts.run.events import Started
from scripts.run.failures import CellError
from scripts.run.pytest_runs import SuiteReport
from scripts.run.session import End, Session
from tests.unit.run.test_recording import CELL, RUN, lock

TOKEN = "t" * 32
WARNING = {"category": "builtins.UserWarning", "message": "old \udcff"}
RAISED = {
    "exception": "builtins.RuntimeError",
    "bases": ["builtins.Exception"],
    "message": "no \ud800 good",
    "frames": [{"file": "torch/x.py", "line": 1, "function": "f"}],
    "traceback": "Traceback …",
    "warnings": [WARNING],
}
EVENTS: list[dict[str, Any]] = [
    {"event": "started", "torch": {"version": "2.5.1+cpu", "git_version": "a", "cuda": None, "hip": None}},
    {"event": "collected", "tests": ["t::a", "t::b", "t::c"]},
    {"event": "test-started", "test": "t::a"},
    {"event": "observing", "test": "t::a", "name": "one"},
    {"event": "observed", "test": "t::a", "name": "one", "outcome": "returned", "warnings": [WARNING]},
    {"event": "observing", "test": "t::a", "name": "two"},
    {"event": "observed", "test": "t::a", "name": "two", "outcome": "raised", **RAISED},
    {"event": "test-finished", "test": "t::a", "outcome": "passed", "observed": 2},
    {"event": "test-started", "test": "t::b"},
    {"event": "test-finished", "test": "t::b", "outcome": "failed", **RAISED},
    {"event": "test-started", "test": "t::c"},
    {"event": "test-finished", "test": "t::c", "outcome": "skipped", "message": "why \udc80 not"},
    {"event": "finished", "exit": 1, "tests": 3, "warned_in": []},
]


def sealed(line: bytes) -> bytes:
    """A line as the recorder writes it."""
    return hashlib.blake2b(line, key=TOKEN.encode(), digest_size=16).hexdigest().encode() + b" " + line


LINES = [sealed(json.dumps(event).encode()) for event in EVENTS]


ENDED = End(returncode=1)


def record(data: bytes, end: End = ENDED) -> FreshRecord:
    """The record of a cell whose one process left these bytes."""
    session = Session().after(events.parse(data, TOKEN), end)
    report = SuiteReport(events=session.events, aborted=session.aborted, missing=session.missing)
    try:
        made = recording.recorded(CELL, "linux-x86_64", lock(), report, RUN)
    except CellError as error:
        made = recording.unavailable(CELL, "linux-x86_64", error, RUN, lock())
    text = store.dump(made)
    assert store.parse(text.encode(), FreshRecord, Path("x.json")) == made
    return made


HONEST = record(b"\n".join(LINES))


def test_all_events_are_recorded() -> None:
    assert HONEST.status == "recorded"
    assert {name: test.outcome for name, test in HONEST.tests.items()} == {
        "t::a": "passed",
        "t::b": "failed",
        "t::c": "skipped",
    }
    assert HONEST.observations["two"].message == "no \\ud800 good"


def check(made: FreshRecord) -> None:
    """A record claims nothing that was not reported; what is missing makes it inconclusive."""
    claimed = {name: test for name, test in made.tests.items() if test.outcome not in {"crashed", "timed-out"}}
    assert claimed.items() <= HONEST.tests.items()
    ended = {"crashed", "timed-out"}
    completed = {name: found for name, found in made.observations.items() if found.outcome not in ended}
    assert completed.items() <= HONEST.observations.items()
    if made.status == "recorded":
        assert made.tests.keys() == HONEST.tests.keys()
        unseen = HONEST.observations.keys() - made.observations.keys()
        aborted = {name for name, test in made.tests.items() if test.outcome in ended}
        assert all(HONEST.observations[name].test in aborted for name in unseen)


@given(st.lists(st.sampled_from(range(len(LINES))), max_size=2 * len(LINES)), st.sampled_from([0, 1, -11, -9, 4]))
def test_deleted_repeated_and_reordered_lines(chosen: list[int], code: int) -> None:
    names = {-11: "SIGSEGV", -9: "SIGKILL"}
    check(record(b"\n".join(LINES[number] for number in chosen), End(returncode=code, signal_name=names.get(code))))


@given(st.integers(0, sum(map(len, LINES)) + len(LINES)), st.integers(0, 200), st.binary(max_size=20))
def test_deleted_and_inserted_bytes(start: int, length: int, instead: bytes) -> None:
    whole = b"\n".join(LINES)
    check(record(whole[:start] + instead + whole[start + length :]))


@given(st.integers(0, 5000))
def test_a_truncated_file(end: int) -> None:
    check(record(b"\n".join(LINES)[:end], End(returncode=-11, signal_name="SIGSEGV")))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(range(len(EVENTS))), st.data())
def test_any_value_in_any_field(number: int, data: st.DataObject) -> None:
    event = dict(EVENTS[number])
    key = data.draw(st.sampled_from(sorted(event)))
    event[key] = data.draw(JSON)
    record(b"\n".join([*LINES[:number], sealed(json.dumps(event).encode()), *LINES[number + 1 :]]))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert record(data).status != "recorded"


FORGED: dict[str, Callable[[], list[bytes]]] = {
    "nesting": lambda: [b"[" * 100_000],
    "number": lambda: [b'{"event": "finished", "exit": ' + b"9" * 10_000 + b"}"],
    "infinite": lambda: [b'{"event": "started", "seconds": 1e999, "torch": {"version": "2.5.1"}}'],
    "long": lambda: [b'{"event": "test-started", "test": "' + b"x" * 9_000_000 + b'"}'],
    "finished": lambda: [b'{"event": "finished", "exit": 0, "tests": 0}'],
    "passed": lambda: [b'{"event": "test-finished", "test": "t::b", "outcome": "passed"}'],
    "started": lambda: [json.dumps({**EVENTS[0], "torch": {"version": "2.5.1", "cuda": "9"}}).encode()],
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_lines_are_ignored_and_reported(name: str) -> None:
    data = b"\n".join([*FORGED[name](), *LINES[:4], *FORGED[name](), *LINES[4:], *FORGED[name]()])
    read = events.parse(data, TOKEN)
    assert len(read.problems) == 3
    assert record(data) == HONEST


def test_version_attributes_of_torch_need_not_be_strings() -> None:
    read = events.parse(b'{"event": "started", "torch": {"version": "2.5.1", "cuda": 12.4, "git_version": 7}}')
    started = read.events[0]
    assert isinstance(started, Started)
    assert (started.torch.cuda, started.torch.git_version) == ("12.4", "7")


def test_an_invalid_version_is_a_wrong_version() -> None:
    reason = record(sealed(b'{"event": "started", "torch": {"version": "unknown"}}')).reason
    assert reason is not None
    assert (reason.kind, reason.message) == ("wrong version", "the wheel of 2.5.1 says it is unknown")
