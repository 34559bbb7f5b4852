"""The supported releases: what passes, and the specifier that admits exactly that."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config import versions
from scripts.history import support
from scripts.history.support import State
from scripts.records import model
from scripts.records.model import Reason, Record, Verdict
from scripts.views import support as view
from tests.support.records import raised, record, unavailable

RELEASES = st.builds(
    lambda major, minor, patch, suffix: f"{major}.{minor}.{patch}{suffix}",
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from(["", "", "", ".1", ".post1"]),
)
STATES = st.dictionaries(RELEASES, st.sampled_from(State), max_size=25)


@given(STATES)
def test_the_specifier_admits_exactly_the_passing_ones_of_the_known_releases(states: dict[str, State]) -> None:
    specifier = support.specifier_of(states)
    if specifier is None:
        assert State.PASSES not in states.values()
        return
    for release, state in states.items():
        if state is not State.UNKNOWN:
            assert versions.matches(release, specifier) == (state is State.PASSES), (release, specifier)


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("2.0.0 P", ">=2.0"),
        ("1.13.0 F 1.13.1 P 2.0.0 P", ">=1.13.1"),
        ("1.12.0 F 1.13.0 P 2.1.0 P 2.2.0 F 2.2.1 F 2.2.2 ? 2.3.0 P", ">=1.13,!=2.2.*"),
        ("2.1.0 P 2.2.0 P 2.2.1 F 2.3.0 P 2.4.0 F", ">=2.1,!=2.2.1,<2.4"),
        ("2.1.0 P 2.2.0 E 2.3.0 P 2.3.1 F", ">=2.1,!=2.2.*,<2.3.1"),
        ("2.0.0 ? 2.0.1 P 2.1.0 ?", ">=2.0.1"),
        ("2.0.0 F 2.1.0 ?", None),
        ("", None),
    ],
)
def test_specifiers_are_short(letters: str, expected: str | None) -> None:
    words = letters.split()
    meaning = {"P": State.PASSES, "F": State.FAILS, "?": State.UNKNOWN, "E": State.EXCLUDED}
    states = {release: meaning[letter] for release, letter in zip(words[::2], words[1::2], strict=True)}
    assert support.specifier_of(states) == expected


def of_verdicts(torch: str, *verdicts: Verdict, python: str = "3.11", build: str = "cpu") -> Record:
    tests = {f"test_x.py::test_{n}": model.Test(outcome=verdict, message="no") for n, verdict in enumerate(verdicts)}
    return record(torch, {"step": raised("as expected")}, tests=tests, python=python, build=build)


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        (["passed", "skipped"], State.PASSES),
        (["skipped", "skipped"], State.UNKNOWN),
        ([], State.UNKNOWN),
        *((["passed", bad], State.FAILS) for bad in ("failed", "error", "crashed", "timed-out")),
    ],
)
def test_verdicts_decide(verdicts: list[Verdict], state: State) -> None:
    assert support.of_record(of_verdicts("2.0.0", *verdicts)).state is state


def test_a_known_defect_passes_and_only_a_conclusive_failure_fails() -> None:
    defect = {"test_x.py::test": model.Test(outcome="passed", known_defect="it still fails")}
    assert support.of_record(record("2.0.0", tests=defect)).state is State.PASSES
    assert support.of_record(unavailable("2.0.0")).state is State.UNKNOWN
    crashed = Reason(stage="import", kind="crashed", message="SIGSEGV")
    fields = of_verdicts("2.0.0").model_dump(exclude={"reason", "status", "tests"})
    assert support.of_record(Record(**fields, status="crashed", reason=crashed)).state is State.FAILS
    incomplete = Reason(stage="run", kind="incomplete", message="no verdict of test_x")
    broken_off = Record(**fields, status="error", reason=incomplete)
    assert support.of_record(broken_off).state is State.UNKNOWN


RECORDS = [
    of_verdicts("1.13.1", "passed", python="3.9"),
    of_verdicts("1.13.1", "failed", python="3.11"),
    of_verdicts("2.1.0", "passed"),
    of_verdicts("2.2.0", "passed", "failed", "failed"),
    of_verdicts("2.2.0", "passed", build="cu124"),
    of_verdicts("2.3.0", "passed"),
    unavailable("2.4.0", message="no wheel\x1b[1m. See the log."),
    unavailable("2.5.0", kind=model.EXCLUDED, message="too new"),
    unavailable("2.3.0", python="3.9", kind=model.EXCLUDED, message="mylib requires Python >=3.10"),
    of_verdicts("2.6.0.dev20261101", "passed"),
]


def test_the_text_tells_what_passes_what_fails_and_what_is_unknown() -> None:
    known = ["2.1.0", "2.1.1", "2.2.0", "2.3.0", "2.4.0", "2.5.0"]
    found = support.build(RECORDS, known=known, exists=lambda _, python: python != "3.9")
    assert view.text(found) == (
        "torch>=2.1,!=2.2.*,<2.5\n"
        "\n"
        "Python 3.9\n"
        "  passes    1.13.1\n"
        "  excluded  2.3.0   mylib requires Python >=3.10\n"
        "\n"
        "Python 3.11\n"
        "  fails     1.13.1             test_0: failed 'no'\n"
        "  passes    2.1.0\n"
        "  fails     2.2.0              test_1 (and 1 more): failed 'no'\n"
        "  passes    2.3.0\n"
        "  excluded  2.5.0              too new\n"
        "  passes    2.6.0.dev20261101\n"
        "  unknown   2.1.1: not recorded\n"
        "  unknown   2.4.0: unavailable: no wheel␛[1m. See the log.\n"
        "\n"
        "1.13.1 passes only on Python 3.9; the specifier does not admit it.\n"
        "Unknown, and admitted by the specifier: 2.1.1, 2.4.0.\n"
        "Not considered for the specifier, as pre-releases: 2.6.0.dev20261101.\n"
    )
    assert all(len(line) <= 60 for line in view.text(found, width=60).splitlines())


@pytest.mark.parametrize(
    ("records", "message", "color"),
    [
        (RECORDS[:7], ">=2.1,!=2.2.*", "brightgreen"),
        (RECORDS[:4], ">=2.1,<2.2", "orange"),
        (RECORDS[1:2], "none passes", "red"),
        (RECORDS[6:7], "unknown", "lightgrey"),
    ],
)
def test_the_badge(records: list[Record], message: str, color: str) -> None:
    content = json.loads(view.badge(support.build(records)))
    assert content == {"schemaVersion": 1, "label": "torch", "message": message, "color": color}
