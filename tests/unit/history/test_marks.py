"""Marks: a letter for each failure and each set of warnings, the same everywhere, all explained."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scripts.history.marks import ASCII, Entry, Marks, glyph, letters
from scripts.results.signature import Signature

WARNINGS = st.lists(st.sampled_from([("a.W", "x"), ("b.W", "y")]), max_size=2, unique=True).map(tuple)
SIGNATURES = st.builds(
    Signature,
    outcome=st.sampled_from(["returned", "passed", "raised", "failed", "blocked", "skipped", "crashed", "timed-out"]),
    phase=st.sampled_from([None, "compiling"]),
    message=st.sampled_from([None, "no", "never"]),
    warnings=WARNINGS,
)


def marks_of(signatures: list[Signature]) -> tuple[dict[Signature, str], tuple[Entry, ...]]:
    marks = Marks()
    return {signature: marks.mark(signature) for signature in signatures}, marks.legend()


def failure_of(signature: Signature) -> object:
    return None if signature.good else (signature.phase, signature.exception, signature.bases, signature.message)


@given(st.lists(SIGNATURES, max_size=12))
def test_equal_marks_mean_the_same_and_only_that(signatures: list[Signature]) -> None:
    marks, _ = marks_of(signatures)
    for a in signatures:
        for b in signatures:
            if {a.outcome, b.outcome} & {"blocked", "skipped"}:
                continue  # by what, the legend doesn't tell
            same = (glyph(a), failure_of(a), a.warnings) == (glyph(b), failure_of(b), b.warnings)
            assert (marks[a] == marks[b]) == same


@given(st.lists(SIGNATURES, max_size=12))
def test_the_legend_explains_all_that_is_used_and_nothing_else(signatures: list[Signature]) -> None:
    marks, legend = marks_of(signatures)
    explained = [entry.mark for entry in legend]
    assert len(set(explained)) == len(explained)
    assert all(entry.text for entry in legend)
    assert set("".join(explained)) == set("".join(marks.values()))


def test_a_failure_has_one_letter_whether_an_observation_raised_it_or_a_test_failed_by_it() -> None:
    raised = Signature(outcome="raised", exception="a.B", message="no")
    failed = Signature(outcome="failed", exception="a.B", message="no")
    marks, _ = marks_of([raised, failed])
    assert set(marks.values()) == {"✗A"}


def test_warnings_have_small_letters_of_their_own() -> None:
    warned = Signature(outcome="returned", warnings=(("a.W", "x"),))
    both = Signature(outcome="raised", message="no", warnings=(("a.W", "x"),))
    marks, legend = marks_of([warned, both])
    assert marks == {warned: "✓a", both: "✗Aa"}
    assert [entry.mark for entry in legend] == ["✓", "✗", "A", "a"]


@given(st.integers(0, 2000))
def test_letters_are_told_apart_and_come_in_order(number: int) -> None:
    assert letters(number) != letters(number + 1)
    assert (len(letters(number)), letters(number)) < (len(letters(number + 1)), letters(number + 1))


def test_letters() -> None:
    assert [letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_there_are_marks_for_plain_terminals() -> None:
    assert "✓ ✗A ·".translate(ASCII).isascii()
