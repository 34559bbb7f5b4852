"""Timelines compared with brute force: changes back and forth, gaps, disagreeing builds, and causes of changes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.cell import Cell
from scripts.history.build import build_report
from scripts.history.report import Report
from scripts.records.model import Observation, Record
from scripts.records.signature import Signature, signature_of
from tests.support.records import fresh, history, observed, raised, record, returned, unavailable

NAME = "script"


def report_of(records: list[Record], *, known: Sequence[str] = ()) -> Report:
    """Return the report of some records with one timeline."""
    report = build_report(records, known=known)
    assert len(report.timelines) == 1
    return report


def signature_in(report: Report, name: str) -> Signature:
    return report.signatures[name].signature


def releases(letters: str) -> list[str]:
    return [f"2.{minor}.0" for minor in range(len(letters))]


def signature(letter: str) -> Signature:
    return signature_of(observed(letter))


# --- one build and Python ----------------------------------------------------------------------------------------

LETTERS = st.text("AB.w ", min_size=1, max_size=12).filter(lambda text: text.strip())


@given(LETTERS, st.randoms())
def test_the_changes_on_one_axes_are_those_found_by_brute_force(letters: str, random: Random) -> None:
    records = history(NAME, letters)
    random.shuffle(records)
    report = report_of(records, known=releases(letters))
    known = [number for number, letter in enumerate(letters) if letter != " "]
    expected = [
        (f"2.{a}.0", f"2.{b}.0", signature(letters[a]), signature(letters[b]), tuple(releases(letters)[a + 1 : b + 1]))
        for a, b in pairwise(known)
        if letters[a] != letters[b]
    ]
    assert [
        (c.before, c.after, signature_in(report, c.old), signature_in(report, c.new), c.suspects)
        for c in report.changes
    ] == expected
    assert all(not change.confounded for change in report.changes)
    assert not report.disagreements


@given(LETTERS)
def test_intervals_and_gaps_cover_all_releases(letters: str) -> None:
    report = report_of(history(NAME, letters), known=releases(letters))
    (timeline,) = report.timelines
    by_release = {
        release: [signature_in(report, name) for name in interval.signatures]
        for interval in timeline.intervals
        for release in interval.releases
    }
    assert by_release == {f"2.{n}.0": [signature(letter)] for n, letter in enumerate(letters) if letter != " "}
    recorded = [n for n, letter in enumerate(letters) if letter != " "]
    within = range(recorded[0], recorded[-1])  # releases outside of what is recorded are no gaps
    assert list(timeline.gaps) == [f"2.{n}.0" for n in within if letters[n] == " "]
    assert all(a.signatures != b.signatures for a, b in pairwise(timeline.intervals))


def test_a_history_that_is_not_monotonic_has_all_its_intervals() -> None:
    report = report_of(history(NAME, "..AA.A"))
    assert [(i.releases[0], i.releases[-1]) for i in report.timelines[0].intervals] == [
        ("2.0.0", "2.1.0"),
        ("2.2.0", "2.3.0"),
        ("2.4.0", "2.4.0"),
        ("2.5.0", "2.5.0"),
    ]
    assert [change.kind for change in report.changes] == ["broken", "fixed", "broken"]


def test_a_change_across_a_gap_lies_somewhere_in_it() -> None:
    records = [*history(NAME, ". . A"), unavailable("2.1.0"), unavailable("2.3.0")]
    report = report_of(records, known=[*releases("....."), "2.3.1"])
    (change,) = report.changes
    assert (change.before, change.after, change.suspects) == ("2.2.0", "2.4.0", ("2.3.0", "2.3.1", "2.4.0"))
    assert report.timelines[0].gaps == {
        "2.1.0": "unavailable: no-wheel",
        "2.3.0": "unavailable: no-wheel",
        "2.3.1": "not recorded",
    }


def test_a_release_without_an_observation_is_a_gap() -> None:
    records = [
        *history(NAME, ". A"),
        record("2.1.0", {NAME: Observation(outcome="skipped", why="no GPU"), "trace": returned()}),
    ]
    report = build_report(records)
    assert report.timelines[0].gaps == {"2.1.0": "not observed"}
    assert report.changes[0].suspects == ("2.1.0", "2.2.0")


def test_releases_are_ordered_by_version() -> None:
    shown = {"2.10.0": "A", "2.9.1": ".", "2.9.0": "."}
    records = [record(torch, {NAME: observed(letter)}) for torch, letter in shown.items()]
    assert [(c.before, c.after) for c in report_of(records).changes] == [("2.9.1", "2.10.0")]


# --- several builds and Pythons ----------------------------------------------------------------------------------

AXES = [("cpu", "3.9"), ("cpu", "3.11"), ("cu118", "3.9"), ("cu118", "3.11")]
#: By release, then by axes: the letter of an observation.
WORLDS = st.lists(
    st.dictionaries(st.sampled_from(AXES), st.sampled_from("AB."), min_size=1), min_size=1, max_size=6
)  # fmt: skip
World = list[dict[tuple[str, str], str]]


def records_of(world: World) -> list[Record]:
    return [
        record(f"2.{n}.0", {NAME: observed(letter)}, build=build, python=python)
        for n, shown in enumerate(world)
        for (build, python), letter in shown.items()
    ]


def build_and_python(axes: str) -> tuple[str, str]:
    build, _, python = axes.partition(" on Python ")
    return build, python


def steps(world: World) -> set[tuple[str, str, tuple[str, str], Signature, Signature]]:
    """Return every change on equal axes, from one release that they were run on to the next."""
    found = set()
    for axes in AXES:
        run_on = [n for n, shown in enumerate(world) if axes in shown]
        for a, b in pairwise(run_on):
            if world[a][axes] != world[b][axes]:
                found.add((f"2.{a}.0", f"2.{b}.0", axes, signature(world[a][axes]), signature(world[b][axes])))
    return found


def blamed_on_torch(report: Report) -> set[tuple[str, str, tuple[str, str], Signature, Signature]]:
    return {
        (
            change.before,
            change.after,
            build_and_python(axes),
            signature_in(report, change.old),
            signature_in(report, change.new),
        )
        for change in report.changes
        if not change.confounded
        for axes in change.on
    }


@given(WORLDS)
def test_torch_is_blamed_for_changes_on_equal_axes_only(world: World) -> None:
    blamed = blamed_on_torch(report_of(records_of(world)))
    assert blamed <= steps(world)
    neighbours = {(f"2.{n}.0", f"2.{n + 1}.0") for n in range(len(world))}
    assert {step for step in steps(world) if step[:2] in neighbours} <= blamed


@given(WORLDS)
def test_every_change_on_equal_axes_is_reported_or_follows_from_reported_ones(world: World) -> None:
    report = report_of(records_of(world))
    changes = [
        (c.before, c.after, signature_in(report, c.old), signature_in(report, c.new))
        for c in report.changes
        if not c.confounded
    ]
    for before, after, axes, old, new in steps(world):
        reached = {old}
        for first, last, left, right in changes:  # in order
            if before <= first and last <= after and left in reached:
                reached.add(right)
        assert (before, after, old, new) in changes or new in reached, axes


def test_a_change_between_default_wheels_is_settled_by_a_cell_of_the_default_build() -> None:
    records = [
        record("1.12.0", {NAME: observed(".")}, build="cu102", python="3.9", index="default"),
        record("1.13.0", {NAME: observed("A")}, build="cu117", python="3.10", index="default"),
    ]
    (change,) = build_report(records, exists=lambda cell: cell.build == "default").changes
    assert change.confounded == ("Python",)
    assert set(change.settle) == {"1.13.0-default-py3.9", "1.12.0-default-py3.10"}


def test_a_change_is_found_across_a_release_that_was_run_on_other_axes_only() -> None:
    records = [
        *history(NAME, "..."),
        *history(NAME, ". A", python="3.9"),
    ]
    (change,) = report_of(records).changes
    assert (change.before, change.after, change.kind) == ("2.0.0", "2.2.0", "broken")
    assert change.on == ("cpu on Python 3.9",)
    assert change.suspects == ("2.1.0", "2.2.0")


def test_a_change_that_follows_from_narrower_ones_is_not_reported_again() -> None:
    records = [*history(NAME, ".AB"), *history(NAME, ". B", python="3.9")]
    assert [(change.before, change.after) for change in report_of(records).changes] == [
        ("2.0.0", "2.1.0"),
        ("2.1.0", "2.2.0"),
    ]


@given(WORLDS)
def test_a_change_without_shared_axes_is_confounded_and_names_what_differs(world: World) -> None:
    report = report_of(records_of(world))
    steps = {(f"2.{n}.0", f"2.{n + 1}.0"): pair for n, pair in enumerate(pairwise(world))}
    confounded = {(c.before, c.after): c for c in report.changes if c.confounded}
    for step, (old, new) in steps.items():
        nothing_shared = not old.keys() & new.keys()
        assert (step in confounded) == (nothing_shared and not set(old.values()) & set(new.values()))
    for (before, after), change in confounded.items():
        old, new = steps[before, after]
        fewest = min(sum(x != y for x, y in zip(a, b, strict=True)) for a in old for b in new)
        assert len(change.confounded) == fewest
        assert set(change.confounded) <= {"build", "Python"}
        settled = {Cell.parse(text) for text in change.settle}
        assert {cell.torch for cell in settled} == {before, after}
        for cell in settled:  # with it, both releases were run on the same axes
            assert (cell.build, cell.python) in (old if cell.torch == after else new)


@given(WORLDS)
def test_a_settling_cell_ends_the_confounding(world: World) -> None:
    records = records_of(world)
    for change in report_of(records).changes:
        for text in change.settle:
            cell = Cell.parse(text)
            for letter in "AB.":
                more = record(cell.torch, {NAME: observed(letter)}, build=cell.build, python=cell.python)
                again = report_of([*records, more]).changes
                assert not [c for c in again if (c.before, c.after) == (change.before, change.after) and c.confounded]


@given(WORLDS)
def test_disagreements_are_releases_with_several_signatures(world: World) -> None:
    report = report_of(records_of(world))
    expected = {f"2.{n}.0" for n, shown in enumerate(world) if len(set(shown.values())) > 1}
    assert {found.release for found in report.disagreements} == expected
    for found in report.disagreements:
        shown = world[int(found.release.split(".")[1])]
        assert {
            build_and_python(axes): signature_in(report, name)
            for name, all_axes in found.sides.items()
            for axes in all_axes
        } == {axes: signature(letter) for axes, letter in shown.items()}


def findings(report: Report, platform: str) -> str:
    """Return the findings of a platform as text, with signatures in place of their ids."""
    text = json.dumps(
        [
            [timeline.intervals for timeline in report.timelines if timeline.platform == platform],
            [change.model_copy(update={"platform": ""}) for change in report.changes if change.platform == platform],
            [found.model_copy(update={"platform": ""}) for found in report.disagreements if found.platform == platform],
        ],
        default=lambda model: model.model_dump(),
    )
    return re.sub(r'"(s\d+)"', lambda match: json.dumps(repr(signature_in(report, match[1]))), text)


@given(WORLDS)
def test_platforms_have_separate_findings(world: World) -> None:
    here = records_of(world)
    there = [each.model_copy(update={"cell": each.cell.model_copy(update={"platform": "plan9"})}) for each in here]
    both, alone = build_report([*here, *there]), report_of(here)
    # Ids depend on which cells come first, so signatures are compared by what they stand for.
    assert findings(both, "linux-x86_64") == findings(alone, "linux-x86_64")
    assert findings(both, "plan9") == findings(alone, "linux-x86_64")


def bridged(*, bridge: bool) -> list[Record]:
    old = [record("1.12.1", {NAME: raised("old")}, python="3.9")]
    new = [record("1.13.1", {NAME: raised("new")}, python="3.11")]
    return [*old, *new, *([record("1.13.1", {NAME: raised("new")}, python="3.9")] if bridge else [])]


def test_without_a_bridge_a_change_is_confounded() -> None:
    (change,) = report_of(bridged(bridge=False)).changes
    assert change.confounded == ("Python",)
    assert change.settle == ("1.13.1-cpu-py3.9", "1.12.1-cpu-py3.11")


def test_with_a_bridge_a_change_is_blamed_on_torch() -> None:
    (change,) = report_of(bridged(bridge=True)).changes
    assert change.confounded == ()
    assert change.on == ("cpu on Python 3.9",)


def test_a_cell_without_a_wheel_is_not_proposed() -> None:
    (change,) = build_report(bridged(bridge=False), exists=lambda cell: cell.torch == "1.12.1").changes
    assert change.settle == ("1.12.1-cpu-py3.11",)


def test_the_cuda_wheels_of_the_default_index_are_one_build() -> None:
    records = [
        record("2.4.0", {NAME: observed(".")}, build="cu121", index="default"),
        record("2.5.0", {NAME: observed("A")}, build="cu124", index="default"),
    ]
    (change,) = report_of(records).changes
    assert change.confounded == ()
    assert change.on == ("default on Python 3.11",)


def test_cpu_of_the_default_index_is_a_build_of_its_own() -> None:
    records = [
        record("2.4.0", {NAME: observed(".")}, build="cu121", index="default"),
        record("2.5.0", {NAME: observed("A")}, build="cpu", index="default"),
    ]
    (change,) = report_of(records).changes
    assert change.confounded == ("build",)
    assert "2.5.0-default-py3.11" in change.settle


def test_fresh_and_accepted_records_give_the_same_timeline() -> None:
    records = history(NAME, "..A")
    now, accepted = report_of([fresh(each) for each in records]), report_of(records)
    assert (now.timelines, now.changes) == (accepted.timelines, accepted.changes)


KINDS = {".w": "warning added", "w.": "warning gone", "AB": "different failure", "A.": "fixed", "wA": "broken"}


@pytest.mark.parametrize("letters", KINDS)
def test_the_kind_of_a_change(letters: str) -> None:
    assert [change.kind for change in report_of(history(NAME, letters)).changes] == [KINDS[letters]]
