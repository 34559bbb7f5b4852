"""Marks: one letter per failure and per set of warnings, all explained by the legend."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scripts.history.marks import ASCII, LegendEntry, Marks, glyph, letters
from scripts.records.signature import Signature

WARNINGS = st.lists(st.sampled_from([("a.W", "x"), ("b.W", "y")]), max_size=2, unique=True).map(tuple)
SIGNATURES = st.builds(
    Signature,
    outcome=st.sampled_from(["returned", "passed", "raised", "failed", "blocked", "skipped", "crashed", "timed-out"]),
    phase=st.sampled_from([None, "compiling"]),
    message=st.sampled_from([None, "no", "never"]),
    warnings=WARNINGS,
)


def marks_of(signatures: list[Signature]) -> tuple[dict[Signature, str], tuple[LegendEntry, ...]]:
    marks = Marks()
    return {signature: marks.mark(signature) for signature in signatures}, marks.legend()


def failure_of(signature: Signature) -> object:
    return None if signature.good else (signature.phase, signature.exception, signature.bases, signature.message)


@given(st.lists(SIGNATURES, max_size=12))
def test_marks_are_equal_exactly_where_signatures_look_the_same(signatures: list[Signature]) -> None:
    marks, _ = marks_of(signatures)
    for a in signatures:
        for b in signatures:
            if {a.outcome, b.outcome} & {"blocked", "skipped"}:
                continue  # the legend does not say by what
            same = (glyph(a), failure_of(a), a.warnings) == (glyph(b), failure_of(b), b.warnings)
            assert (marks[a] == marks[b]) == same


@given(st.lists(SIGNATURES, max_size=12))
def test_the_legend_explains_exactly_the_marks_in_use(signatures: list[Signature]) -> None:
    marks, legend = marks_of(signatures)
    explained = [entry.mark for entry in legend]
    assert len(set(explained)) == len(explained)
    assert all(entry.text for entry in legend)
    assert set("".join(explained)) == set("".join(marks.values()))


def test_an_exception_has_the_same_letter_in_an_observation_and_a_test() -> None:
    raised = Signature(outcome="raised", exception="a.B", message="no")
    failed = Signature(outcome="failed", exception="a.B", message="no")
    marks, _ = marks_of([raised, failed])
    assert set(marks.values()) == {"✗A"}


def test_warnings_have_lower_case_letters() -> None:
    warned = Signature(outcome="returned", warnings=(("a.W", "x"),))
    both = Signature(outcome="raised", message="no", warnings=(("a.W", "x"),))
    marks, legend = marks_of([warned, both])
    assert marks == {warned: "✓a", both: "✗Aa"}
    assert [entry.mark for entry in legend] == ["✓", "✗", "A", "a"]


@given(st.integers(0, 2000))
def test_letters_are_distinct_and_ordered(number: int) -> None:
    assert letters(number) != letters(number + 1)
    assert (len(letters(number)), letters(number)) < (len(letters(number + 1)), letters(number + 1))


def test_letters() -> None:
    assert [letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_marks_have_ascii_replacements() -> None:
    assert "✓ ✗A ·".translate(ASCII).isascii()
