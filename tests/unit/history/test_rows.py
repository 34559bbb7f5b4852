"""The table of a report: what behaves alike is one row, and a column ends where any row changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scripts.history.build import build_report
from scripts.history.labels import folded, labels, variants
from scripts.records import model
from scripts.records.essence import background, essence, hint
from scripts.records.model import Record
from tests.support.library import MISSING, PASSED, failed, library_records, without_setuptools
from tests.support.records import blocked, observed, raised, record, returned

SKIPPED = model.Test(outcome="skipped", message="torch.export is missing")


def rows_of(records: list[Record]) -> dict[tuple[str, ...], tuple[bool, tuple[str, ...]]]:
    (table,) = build_report(records).tables
    return {row.names: (row.listed, row.blocks) for row in table.rows}


def test_what_behaves_alike_is_one_row_and_only_what_fails_or_changes_is_listed() -> None:
    (table,) = build_report(list(library_records(172))).tables
    assert len(table.rows) == 5
    assert [len(row.names) for row in table.rows if not row.listed] == [149]
    assert [len(releases) for releases in table.columns] == [4, 1, 1, 6]


@given(st.lists(st.text("AB.w", min_size=4, max_size=4), min_size=1, max_size=6))
def test_every_name_is_in_one_row_and_every_release_in_one_column(histories: list[str]) -> None:
    records = [
        record(f"2.{n}.0", {f"step-{k}": observed(letters[n]) for k, letters in enumerate(histories)}) for n in range(4)
    ]
    report = build_report(records)
    (table,) = report.tables
    assert sorted(name for row in table.rows for name in row.names) == sorted(report.labels)
    assert [release for releases in table.columns for release in releases] == list(report.releases)
    assert len(table.rows) == len(set(histories))
    assert len(table.columns) == 1 + sum(any(h[n] != h[n - 1] for h in histories) for n in range(1, 4))
    for row in table.rows:
        for name in row.names:
            for releases, keys in zip(table.columns, row.signatures, strict=True):
                assert all((cell.seen[name],) == keys for cell in report.cells if cell.torch in releases)


def test_what_only_another_one_blocks_is_folded_under_it() -> None:
    broken = {"compile": raised("no"), "call": blocked("compile"), "again": blocked("call")}
    fine = {"compile": returned(), "call": returned(), "again": raised("its own failure")}
    names = rows_of([record("2.0.0", broken), record("2.1.0", {**fine, "again": returned()})])
    assert names == {("compile",): (True, ("call", "again"))}
    names = rows_of([record("2.0.0", broken), record("2.1.0", fine)])
    assert names == {("compile",): (True, ("call",)), ("again",): (True, ())}


def test_blocked_by_something_that_is_not_reported_or_by_itself_stays_a_row() -> None:
    names = rows_of([record("2.0.0", {"a": blocked("elsewhere"), "b": blocked("c"), "c": blocked("b")})])
    assert set(names) == {("a",), ("b",), ("c",)}


def test_changes_from_blocked_and_from_skipped_say_so() -> None:
    old = record("2.0.0", {"a": raised("x"), "call": blocked("a"), "run": blocked("a")}, tests={"t.py::t": SKIPPED})
    new = record("2.1.0", {"a": returned(), "call": returned(), "run": raised("y")}, tests={"t.py::t": PASSED})
    found = {change.name: change.sentence for change in build_report([old, new]).changes}
    assert found["call"] == "call: 2.0.0 → 2.1.0, available since 2.1.0"
    assert found["run"] == "run: 2.0.0 → 2.1.0, now reached: RuntimeError 'y' when compiling"
    assert found["t.py::t"] == "t: 2.0.0 → 2.1.0, available since 2.1.0"


def test_a_skip_between_two_equal_verdicts_is_no_change() -> None:
    verdicts = [PASSED, SKIPPED, PASSED]
    records = [record(f"2.{n}.0", tests={"t.py::t": verdict}) for n, verdict in enumerate(verdicts)]
    assert build_report(records).changes == ()


def test_a_reason_of_many_cells_is_told_once_with_a_hint() -> None:
    records = [record("2.0.0", {"a": returned()}), without_setuptools("2.1.0"), without_setuptools("2.2.0")]
    (reason,) = build_report(records).reasons
    assert (reason.message, reason.hint) == ("No module named 'setuptools'", "--require setuptools")
    assert reason.cells == ("linux-x86_64/2.1.0-cpu-py3.11", "linux-x86_64/2.2.0-cpu-py3.11")


def test_the_essence_of_an_output_is_its_last_exception() -> None:
    assert essence(MISSING) == "No module named 'setuptools'"
    assert essence("ModuleNotFoundError: No module named 'x'") == "No module named 'x'"
    assert essence("a line\nE   ValueError: no\nlast") == "ValueError: no"
    assert essence("one line") == "one line"
    assert essence("two\nlines") == "two\nlines"


def test_hints_name_the_package_of_a_module_or_fixture() -> None:
    assert hint("No module named 'yaml.cyaml'") == "--require pyyaml"
    assert hint("No module named 'my_package'") == "--require my-package"
    assert hint("fixture 'mocker' not found") == "--require pytest-mock"
    assert hint("A module that was compiled using NumPy 1.x cannot be run in NumPy 2.1") == "--require 'numpy<2'"
    assert hint("error: unrecognized arguments: --cov-report=xml --cov=x") == "--require pytest-cov"
    assert hint("error: unrecognized arguments: -n auto") == "--require pytest-xdist"
    assert hint("error: unrecognized arguments: --no-such") is None
    assert hint("No module named 'torch.export'") is None
    assert hint("fixture 'x' not found") is None


def test_a_module_that_torch_imports_has_a_reason() -> None:
    assert str(background("No module named 'setuptools.command'")).startswith("torch imports it to compile C++")
    assert background("No module named 'pkg_resources'") is None
    assert background("fixture 'mocker' not found") is None


def test_a_test_in_error_is_described_by_its_exception_with_a_hint() -> None:
    unreadable = record("2.0.0", {"a": returned()}, tests={"test_x.py": model.Test(outcome="error", message=MISSING)})
    (entry,) = [entry for entry in build_report([unreadable]).legend if entry.mark == "A"]
    assert (entry.text, entry.hint) == ("error 'No module named 'setuptools''", "--require setuptools")


# --- labels -----------------------------------------------------------------------------------------------------


def test_labels_are_the_shortest_paths_that_tell_names_apart() -> None:
    expected = {
        "trace": "trace",
        "test_a.py::test_only": "test_only",
        "test_a.py::test_same": "test_a.py::test_same",
        "test_b.py::test_same": "test_b.py::test_same",
        "x/test_c.py::T::test_m[a/b::c]": "x/test_c.py::T::test_m[a/b::c]",
        "y/test_c.py::T::test_m[a/b::c]": "y/test_c.py::T::test_m[a/b::c]",
        "test_c.py::U::test_m[a/b::c]": "U::test_m[a/b::c]",
        "test_file.py": "test_file.py",
    }
    assert labels(expected) == expected


NAMES = st.text("ab/[]:x.", min_size=1, max_size=12) | st.from_regex(
    r"(a/|b/)?(t|u)\.py::(C::)?(m|n)(\[x\])?", fullmatch=True
)


@given(st.lists(NAMES, unique=True, max_size=8))
def test_labels_differ_and_end_their_names(names: list[str]) -> None:
    found = labels(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    assert all(name.endswith(label) for name, label in found.items())


def test_variants_are_folded_with_their_number_and_mark() -> None:
    all_labels = [*(f"test_lr[{n}]" for n in range(31)), "test_one", "test_two[a]", "test_two[b]"]
    totals = variants(all_labels)
    assert folded(all_labels[:24], totals, "✗A") == ["test_lr[…] (24 of 31 ✗A)"]
    assert folded(all_labels, totals, "✓") == ["test_lr[…] (all 31)", "test_one", "test_two[a]", "test_two[b]"]
    assert folded(["test_lr[0]", "test_lr[1]"], totals) == ["test_lr[0]", "test_lr[1]"]
    assert failed("x").outcome == "failed"
