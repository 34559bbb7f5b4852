"""Merging: the same whatever the order and number of times; strangers' files are refused, named, and cost nothing."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import cli
from scripts.commands import merge as command
from scripts.core.errors import Exit
from scripts.records import merge as merging
from scripts.records import model, untrusted
from scripts.records.merge import File, Merged
from scripts.records.model import FreshRecord
from scripts.records.untrusted import Limits
from scripts.views import merge as views

PLATFORM = "linux-x86_64"


def record(
    torch: str = "2.5.1",
    *,
    message: str = "no",
    status: str = "recorded",
    at: int = 0,
    inputs: str = "i",
    fallback: str | None = None,
    platform: str = PLATFORM,
    **run: Any,
) -> FreshRecord:
    """A record of a cell; ``at`` is the second at which it was made."""
    telling = status == "recorded"
    return FreshRecord.model_validate(
        {
            "schema": 1,
            "cell": {"torch": torch, "build": "cpu", "python": "3.11", "platform": platform},
            "status": status,
            "reason": None if telling else {"stage": "resolve", "kind": "no wheel", "message": message},
            "torch": {"version": torch} if telling else None,
            "observations": {"trace": {"outcome": "raised", "exception": "builtins.ValueError", "message": message}}
            if telling
            else {},
            "run": {
                "asked": f"{torch}-cpu-py3.11",
                "inputs": inputs,
                "fallback": fallback,
                "recorded_at": f"2026-11-24T10:00:{at:02}+00:00",
                "machine": "m",
                **run,
            },
        }
    )


def file(one: FreshRecord, folder: str = "a", *, text: str | bytes | None = None) -> File:
    """A record as a file that came in a folder."""
    path = PurePosixPath(one.cell.platform, f"{one.run.asked}.json")
    content = model.dump(one) if text is None else text
    data = content if isinstance(content, bytes) else content.encode()
    return File(name=f"{folder}/{path}", path=path, content=data)


any_record = st.builds(
    record,
    st.sampled_from(["1.13.1", "2.5.0", "2.5.1"]),
    message=st.sampled_from(["no", "never"]),
    status=st.sampled_from(["recorded", "unavailable"]),
    at=st.integers(0, 3),
    fallback=st.sampled_from([None, "the index is unreachable"]),
    platform=st.sampled_from([PLATFORM, "windows-x86_64"]),
    machine=st.sampled_from(["m", "n"]),
)
any_files = st.lists(st.builds(file, any_record, st.sampled_from("abc")), max_size=12)


def result(merged: Merged) -> dict[PurePosixPath, str]:
    return dict(merged.files())


def as_files(merged: Merged) -> list[File]:
    """What merging wrote, as files to merge again."""
    return [File(name=f"out/{path}", path=path, content=text.encode()) for path, text in merged.files()]


@given(any_files.flatmap(lambda files: st.tuples(st.just(files), st.permutations(files))))
def test_any_order_gives_the_same(files: tuple[list[File], list[File]]) -> None:
    assert result(merging.merge(files[0])) == result(merging.merge(files[1]))


@given(any_files)
def test_merging_twice_changes_nothing(files: list[File]) -> None:
    once = merging.merge(files)
    assert result(merging.merge(as_files(once))) == result(once)
    assert result(merging.merge([*files, *as_files(once), *files])) == result(once)


@given(st.lists(any_files, max_size=4))
def test_any_partition_gives_the_same(parts: list[list[File]]) -> None:
    whole = merging.merge(itertools.chain.from_iterable(parts))
    step = Merged()
    for part in parts:
        step = merging.merge([*as_files(step), *part])
    assert result(step) == result(whole)


@given(any_files)
def test_one_record_a_cell_and_what_tells_goes_first(files: list[File]) -> None:
    merged = merging.merge(files)
    by_cell: dict[tuple[str, str], list[FreshRecord]] = {}
    for one in files:
        found = merging.checked(one)
        by_cell.setdefault((found.cell.platform, found.cell.id), []).append(found)
    assert {(one.cell.platform, one.cell.id) for one in merged.records} == by_cell.keys()
    for kept in merged.records:
        assert kept.is_conclusive == any(other.is_conclusive for other in by_cell[kept.cell.platform, kept.cell.id])


def test_only_records_of_this_machine_keep_what_is_local() -> None:
    ours, theirs = file(record(at=1, local="l"), "here"), file(record("2.5.0", local="m"))
    kept = merging.merge([theirs], here=[ours]).records
    assert [(one.cell.torch, one.run.local) for one in kept] == [("2.5.0", None), ("2.5.1", "l")]


def test_a_record_that_comes_back_is_still_ours() -> None:
    ours = record(local="l")
    for here, back in (("a", "b"), ("b", "a")):
        (kept,) = merging.merge([file(ours, back)], here=[file(ours, here)]).records
        assert kept.run.local == "l"


def test_a_rerun_is_no_conflict_and_the_later_is_kept() -> None:
    merged = merging.merge([file(record(at=2), "b"), file(record(at=1, machine="other"), "a")])
    assert [one.run.recorded_at[-8:-6] for one in merged.records] == ["02"]
    assert not merged.conflicts


def test_what_could_not_be_had_says_nothing_against_what_was_seen() -> None:
    merged = merging.merge([file(record(), "a"), file(record(status="unavailable", at=9), "b")])
    assert [one.status for one in merged.records] == ["recorded"]
    assert not merged.conflicts


def test_records_from_other_inputs_are_no_conflict() -> None:
    merged = merging.merge([file(record(message="old", inputs="old")), file(record(at=1), "b")])
    assert [one.observations["trace"].message for one in merged.records] == ["no"]
    assert not merged.conflicts


def test_a_conflict_shows_both_sides_and_keeps_both() -> None:
    merged = merging.merge([file(record(message="no"), "a"), file(record(message="never", at=1), "b")])
    (conflict,) = merged.conflicts
    text = views.conflict(conflict)
    assert "conflict: linux-x86_64/2.5.1-cpu-py3.11" in text
    assert "b/linux-x86_64/2.5.1-cpu-py3.11.json" in text
    assert "a/linux-x86_64/2.5.1-cpu-py3.11.json" in text
    assert "    kept:  ValueError 'never'\n    other: ValueError 'no'" in text
    assert len(result(merged)) == 2
    assert command.verdict(merged) is Exit.UNEXPECTED


# --- strangers ---


GOOD = record()
TEXT = model.dump(GOOD)


def changed(**changes: Any) -> str:
    """The text of a record with other keys at the top."""
    return json.dumps({**json.loads(TEXT), **changes})


def run_changed(**changes: Any) -> str:
    return changed(run={**json.loads(TEXT)["run"], **changes})


HOSTILE = {
    "truncated": (TEXT[: len(TEXT) // 2], "not JSON"),
    "empty": ("", "not JSON"),
    "a list": ("[]", "schema None"),
    "another schema": (changed(schema=2), "schema 2, and this version reads schema 1"),
    "an unknown key": (changed(evil=1), "evil"),
    "no UTF-8": (b"\xff\xfe\x00", "not JSON"),
    "deep": ("[" * 100_000 + "]" * 100_000, "not JSON"),
    "a number that is none": (run_changed(timings={"total": float("nan")}), "finite number"),
    "a lone surrogate": (run_changed(machine="\ud800"), "not JSON"),
    "another cell's name": (model.dump(record("2.5.0")), "named otherwise"),
    "another platform's folder": (model.dump(record(platform="windows-x86_64")), "named otherwise"),
    "a path for a cell": (run_changed(asked="../../../etc/passwd"), "is no cell"),
    "a path for a platform": (changed(cell={**json.loads(TEXT)["cell"], "platform": "../x"}), "is no platform"),
    "a path for a release": (changed(cell={**json.loads(TEXT)["cell"], "torch": "../x"}), "is no cell"),
    "no version": (changed(cell={**json.loads(TEXT)["cell"], "torch": "1..2"}), "is no cell"),
    "a log elsewhere": (run_changed(log="../../secret"), "outside the project"),
    "an absolute log": (run_changed(log="/etc/passwd"), "outside the project"),
    "a time in the far future of no calendar": (run_changed(recorded_at="9"), "is no time in UTC"),
}


@pytest.mark.parametrize(("text", "why"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_record_is_refused_and_named_and_costs_nothing_else(text: str | bytes, why: str) -> None:
    merged = merging.merge([file(GOOD, "bad", text=text), file(record("1.13.1"), "good")])
    assert [one.cell.torch for one in merged.records] == ["1.13.1"]
    (refused,) = merged.refused
    assert refused.name == "bad/linux-x86_64/2.5.1-cpu-py3.11.json"
    assert why in refused.why
    assert command.verdict(merged) is Exit.MACHINERY


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()), st.integers(0, len(TEXT)))
def test_no_bytes_whatever_end_a_merge(noise: bytes, place: int) -> None:
    data = TEXT.encode()[:place] + noise + TEXT.encode()[place:]
    merged = merging.merge([file(GOOD, "bad", text=data), file(record("1.13.1"), "good")])
    assert "1.13.1" in {one.cell.torch for one in merged.records}
    assert len(merged.records) + len(merged.refused) == 2


def write(folder: Path, ones: Iterable[FreshRecord]) -> Path:
    for one in ones:
        path = folder / one.cell.platform / f"{one.run.asked}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(model.dump(one), "utf-8")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))


def test_the_command_merges_folders_into_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, out = (tmp_path / name for name in ("one", "two", "out"))
    write(one, [record("1.13.1"), record("2.5.1", message="no")])
    write(two / "deeper" / "still", [record("2.5.0"), record("2.5.1", message="never", at=1)])
    arguments = ["merge", str(one), str(two), "--output", str(out)]
    assert cli.main(arguments) == Exit.UNEXPECTED
    first = {name: (out / name).read_bytes() for name in names(out)}
    shown = capsys.readouterr()
    assert "conflict: linux-x86_64/2.5.1-cpu-py3.11" in shown.out
    assert "3 records, 1 conflicts, 0 files refused" in shown.err
    assert sorted(path.rpartition("/")[2][:6] for path in first if "conflicts" not in path) == [
        "1.13.1",
        "2.5.0-",
        "2.5.1-",
    ]
    assert cli.main(arguments) == Exit.UNEXPECTED  # the conflict is still there
    assert {name: (out / name).read_bytes() for name in names(out)} == first


def test_nothing_to_merge_is_inconclusive(tmp_path: Path) -> None:
    assert cli.main(["merge", str(tmp_path), "--output", str(tmp_path / "out")]) == Exit.INCONCLUSIVE
    assert cli.main(["merge", str(tmp_path / "nowhere")]) == Exit.USAGE


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of this kind are POSIX's")
def test_links_and_pipes_are_refused_unread(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret", [record("1.13.1")])
    came = write(tmp_path / "came", [record("2.5.1")])
    (came / PLATFORM / "1.13.1-cpu-py3.11.json").symlink_to(secret / PLATFORM / "1.13.1-cpu-py3.11.json")
    (came / "windows-x86_64").symlink_to(secret / PLATFORM)
    os.mkfifo(came / PLATFORM / "2.5.0-cpu-py3.11.json")
    files, refused = untrusted.read([came])
    assert [one.path.name for one in files] == ["2.5.1-cpu-py3.11.json"]
    assert sorted((Path(one.name).name, one.why) for one in refused) == [
        ("1.13.1-cpu-py3.11.json", "a link"),
        ("2.5.0-cpu-py3.11.json", "no ordinary file"),
        ("windows-x86_64", "a link"),
    ]


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(file=100), "above 100 bytes"),
        (Limits(total=len(TEXT) + 10), "above 10 bytes"),
        (Limits(files=1), "more than 1 files"),
        (Limits(depth=0), "too deep"),
    ],
)
def test_no_more_is_taken_than_the_limits_allow(tmp_path: Path, limits: Limits, why: str) -> None:
    write(
        tmp_path, [GOOD, GOOD.model_copy(update={"cell": GOOD.cell.model_copy(update={"platform": "windows-x86_64"})})]
    )
    files, refused = untrusted.read([tmp_path], limits)
    assert len(files) + len(refused) == 2
    assert refused
    assert all(why in one.why for one in refused)


def test_what_is_shown_can_not_command_a_terminal_or_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "x\n::add-mask::y\n\x1b[2J"
    folders = [
        write(tmp_path / "a", [record(message=evil)]),
        write(tmp_path / "b", [record(message="good", at=1)]),
    ]
    (tmp_path / "b" / PLATFORM / "\x1b[31m.json").write_text("{}")
    cli.main(["merge", *map(str, folders), "--output", str(tmp_path / "out")])
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert not [line for line in (shown.out + shown.err).splitlines() if line.strip().startswith("::")]
