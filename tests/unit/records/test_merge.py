"""Merging: independent of order and repetition; invalid files are refused by name and affect no other file."""

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
from scripts.records import merge_folders, store
from scripts.records.merge import File, Merged
from scripts.records.merge_folders import Limits
from scripts.records.model import FreshRecord
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
    """Return a record of a cell; ``at`` is the second at which it was made."""
    conclusive = status == "recorded"
    return FreshRecord.model_validate(
        {
            "schema": 2,
            "cell": {"torch": torch, "build": "cpu", "python": "3.11", "platform": platform},
            "status": status,
            "reason": None if conclusive else {"stage": "resolve", "kind": "no wheel", "message": message},
            "torch": {"version": torch} if conclusive else None,
            "observations": {"trace": {"outcome": "raised", "exception": "builtins.ValueError", "message": message}}
            if conclusive
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


def file(fresh: FreshRecord, folder: str = "a", *, text: str | bytes | None = None) -> File:
    """Return a record as a file found in a folder."""
    path = PurePosixPath(fresh.cell.platform, f"{fresh.run.asked}.json")
    content = store.dump(fresh) if text is None else text
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
    """Return the merged files, to merge them again."""
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
def test_one_record_per_cell_and_conclusive_ones_win(files: list[File]) -> None:
    merged = merging.merge(files)
    by_cell: dict[tuple[str, str], list[FreshRecord]] = {}
    for source in files:
        found = merging.checked(source)
        by_cell.setdefault((found.cell.platform, found.cell.id), []).append(found)
    assert {(chosen.cell.platform, chosen.cell.id) for chosen in merged.records} == by_cell.keys()
    for chosen in merged.records:
        sources = by_cell[chosen.cell.platform, chosen.cell.id]
        assert chosen.is_conclusive == any(source.is_conclusive for source in sources)


def test_only_records_of_this_machine_keep_the_local_fingerprint() -> None:
    ours, theirs = file(record(at=1, local="l"), "here"), file(record("2.5.0", local="m"))
    records = merging.merge([theirs], own=[ours]).records
    assert [(merged.cell.torch, merged.run.local) for merged in records] == [("2.5.0", None), ("2.5.1", "l")]


def test_an_own_record_that_returns_stays_an_own_one() -> None:
    ours = record(local="l")
    for here, back in (("a", "b"), ("b", "a")):
        (merged,) = merging.merge([file(ours, back)], own=[file(ours, here)]).records
        assert merged.run.local == "l"


def test_of_two_equal_runs_the_later_is_kept_without_a_conflict() -> None:
    merged = merging.merge([file(record(at=2), "b"), file(record(at=1, machine="other"), "a")])
    assert [chosen.run.recorded_at[-8:-6] for chosen in merged.records] == ["02"]
    assert not merged.conflicts


def test_an_unavailable_cell_does_not_conflict_with_a_recorded_one() -> None:
    merged = merging.merge([file(record(), "a"), file(record(status="unavailable", at=9), "b")])
    assert [chosen.status for chosen in merged.records] == ["recorded"]
    assert not merged.conflicts


def test_records_of_different_inputs_do_not_conflict() -> None:
    merged = merging.merge([file(record(message="old", inputs="old")), file(record(at=1), "b")])
    assert [chosen.observations["trace"].message for chosen in merged.records] == ["no"]
    assert not merged.conflicts


def test_a_conflict_shows_and_keeps_both_sides() -> None:
    merged = merging.merge([file(record(message="no"), "a"), file(record(message="never", at=1), "b")])
    (conflict,) = merged.conflicts
    text = views.conflict(conflict)
    assert "conflict: linux-x86_64/2.5.1-cpu-py3.11" in text
    assert "b/linux-x86_64/2.5.1-cpu-py3.11.json" in text
    assert "a/linux-x86_64/2.5.1-cpu-py3.11.json" in text
    assert "    kept:  ValueError 'never'\n    other: ValueError 'no'" in text
    assert len(result(merged)) == 2
    assert command.verdict(merged) is Exit.UNEXPECTED


# --- untrusted files ---


GOOD = record()
TEXT = store.dump(GOOD)


def changed(**changes: Any) -> str:
    """Return the text of a record with changed top-level keys."""
    return json.dumps({**json.loads(TEXT), **changes})


def run_changed(**changes: Any) -> str:
    return changed(run={**json.loads(TEXT)["run"], **changes})


HOSTILE = {
    "truncated": (TEXT[: len(TEXT) // 2], "not JSON"),
    "empty": ("", "not JSON"),
    "a list": ("[]", "no schema number"),
    "another schema": (changed(schema=3), "unknown schema 3; this version reads schema 2"),
    "an unknown key": (changed(evil=1), "evil"),
    "no UTF-8": (b"\xff\xfe\x00", "not JSON"),
    "deep": ("[" * 100_000 + "]" * 100_000, "not JSON"),
    "not a number": (run_changed(timings={"total": float("nan")}), "finite number"),
    "a lone surrogate": (run_changed(machine="\ud800"), "not JSON"),
    "another cell's name": (store.dump(record("2.5.0")), "does not match the path"),
    "another platform's folder": (store.dump(record(platform="windows-x86_64")), "does not match the path"),
    "a path for a cell": (run_changed(asked="../../../etc/passwd"), "invalid cell id"),
    "a path for a platform": (changed(cell={**json.loads(TEXT)["cell"], "platform": "../x"}), "invalid platform"),
    "a path for a release": (changed(cell={**json.loads(TEXT)["cell"], "torch": "../x"}), "invalid cell id"),
    "no version": (changed(cell={**json.loads(TEXT)["cell"], "torch": "1..2"}), "invalid cell id"),
    "a log elsewhere": (run_changed(log="../../secret"), "outside the project"),
    "an absolute log": (run_changed(log="/etc/passwd"), "outside the project"),
    "no time": (run_changed(recorded_at="9"), "invalid time"),
}


@pytest.mark.parametrize(("text", "why"), HOSTILE.values(), ids=HOSTILE)
def test_an_invalid_record_is_refused_by_name_and_affects_no_other(text: str | bytes, why: str) -> None:
    merged = merging.merge([file(GOOD, "bad", text=text), file(record("1.13.1"), "good")])
    assert [chosen.cell.torch for chosen in merged.records] == ["1.13.1"]
    (refused,) = merged.refused
    assert refused.name == "bad/linux-x86_64/2.5.1-cpu-py3.11.json"
    assert why in refused.why
    assert command.verdict(merged) is Exit.MACHINERY


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()), st.integers(0, len(TEXT)))
def test_arbitrary_bytes_do_not_abort_a_merge(noise: bytes, position: int) -> None:
    data = TEXT.encode()[:position] + noise + TEXT.encode()[position:]
    merged = merging.merge([file(GOOD, "bad", text=data), file(record("1.13.1"), "good")])
    assert "1.13.1" in {chosen.cell.torch for chosen in merged.records}
    assert len(merged.records) + len(merged.refused) == 2


def write(folder: Path, records: Iterable[FreshRecord]) -> Path:
    for fresh in records:
        path = folder / fresh.cell.platform / f"{fresh.run.asked}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(store.dump(fresh), "utf-8")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))


def test_the_command_merges_folders_into_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, output = (tmp_path / name for name in ("one", "two", "out"))
    write(first, [record("1.13.1"), record("2.5.1", message="no")])
    write(second / "deeper" / "still", [record("2.5.0"), record("2.5.1", message="never", at=1)])
    arguments = ["merge", str(first), str(second), "--output", str(output)]
    assert cli.main(arguments) == Exit.UNEXPECTED
    written = {name: (output / name).read_bytes() for name in names(output)}
    shown = capsys.readouterr()
    assert "conflict: linux-x86_64/2.5.1-cpu-py3.11" in shown.out
    assert "3 records, 1 conflicts, 0 files refused" in shown.err
    assert sorted(path.rpartition("/")[2][:6] for path in written if "conflicts" not in path) == [
        "1.13.1",
        "2.5.0-",
        "2.5.1-",
    ]
    assert cli.main(arguments) == Exit.UNEXPECTED  # the conflict is still there
    assert {name: (output / name).read_bytes() for name in names(output)} == written


def test_merging_nothing_is_inconclusive(tmp_path: Path) -> None:
    assert cli.main(["merge", str(tmp_path), "--output", str(tmp_path / "out")]) == Exit.INCONCLUSIVE
    assert cli.main(["merge", str(tmp_path / "nowhere")]) == Exit.USAGE


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of this kind are POSIX's")
def test_links_and_pipes_are_refused_unread(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret", [record("1.13.1")])
    received = write(tmp_path / "received", [record("2.5.1")])
    (received / PLATFORM / "1.13.1-cpu-py3.11.json").symlink_to(secret / PLATFORM / "1.13.1-cpu-py3.11.json")
    (received / "windows-x86_64").symlink_to(secret / PLATFORM)
    os.mkfifo(received / PLATFORM / "2.5.0-cpu-py3.11.json")
    files, refused = merge_folders.read([received])
    assert [file.path.name for file in files] == ["2.5.1-cpu-py3.11.json"]
    assert sorted((Path(file.name).name, file.why) for file in refused) == [
        ("1.13.1-cpu-py3.11.json", "symbolic link"),
        ("2.5.0-cpu-py3.11.json", "not a regular file"),
        ("windows-x86_64", "symbolic link"),
    ]


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(file=100), "larger than 100 bytes"),
        (Limits(total=len(TEXT) + 10), "larger than 10 bytes"),
        (Limits(files=1), "more than 1 files"),
        (Limits(depth=0), "nested too deeply"),
    ],
)
def test_limits_bound_what_is_read(tmp_path: Path, limits: Limits, why: str) -> None:
    write(
        tmp_path, [GOOD, GOOD.model_copy(update={"cell": GOOD.cell.model_copy(update={"platform": "windows-x86_64"})})]
    )
    files, refused = merge_folders.read([tmp_path], limits)
    assert len(files) + len(refused) == 2
    assert refused
    assert all(why in file.why for file in refused)


def test_messages_are_escaped_for_terminals_and_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
