"""The disk budget: sizes, eviction, and cells that wait for space."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.core.files import human_size
from scripts.index.sources import Source
from scripts.run.disk_budget import DiskBudget, unpacked
from scripts.run.failures import CellError
from scripts.run.locks import Lock, LockedWheel
from scripts.run.unpack.fast_path import NO_PLACEHOLDERS, PlaceholderRules

SOURCE = Source(build="default", index=None)


def wheel(name: str, version: str = "1", size: int | None = 100) -> LockedWheel:
    return LockedWheel(name=name, version=version, url=f"https://x/{name}.whl", sha256=f"{name}{version}", size=size)


def lock(*wheels: LockedWheel) -> Lock:
    return Lock(path=Path("pylock.toml"), digest="0", wheels=wheels, source=SOURCE)


@pytest.fixture
def budget(tmp_path: Path) -> DiskBudget:
    """A budget of 1000 bytes; a wheel of 100 of an unknown package needs 400."""
    return DiskBudget(tmp_path, 1000)


def install(budget: DiskBudget, name: str, held: Lock, sizes: dict[str, int]) -> None:
    """Run a cell from its reservation to the removal of its environment."""
    with budget.reserved(name, held):
        budget.installed(name, held, sizes)


def test_unpacked_wheels_count_with_their_real_sizes(budget: DiskBudget) -> None:
    held = lock(wheel("a"), wheel("b"))
    assert budget.missing(held) == 200
    install(budget, "one", held, {"a": 700, "b": 300})
    assert budget.missing(held) == 0
    with budget.reserved("two", held):
        pass
    assert DiskBudget(budget.cache, 1000).missing(held) == 0  # from the file


def test_a_cell_that_can_never_fit_is_unavailable(budget: DiskBudget) -> None:
    with (
        pytest.raises(CellError, match=r"needs 1\.2KB, 1\.0KB free") as caught,
        budget.reserved("one", lock(wheel("a", size=300))),
    ):
        raise AssertionError
    assert (caught.value.status, caught.value.reason.kind) == ("unavailable", "over the disk budget")


def test_packages_that_no_pending_cell_needs_are_evicted_first(budget: DiskBudget) -> None:
    old, shared = wheel("old"), wheel("shared")
    install(budget, "one", lock(old), {"old": 400})
    install(budget, "two", lock(shared), {"shared": 400})
    budget.expect("later", lock(shared))
    with budget.reserved("three", lock(wheel("new"))):
        assert budget.missing(lock(old)) == 100
        assert budget.missing(lock(shared)) == 0


def test_packages_of_the_cell_itself_are_not_evicted(budget: DiskBudget) -> None:
    shared, big = wheel("shared"), wheel("big")
    install(budget, "one", lock(shared, big), {"shared": 300, "big": 700})
    with budget.reserved("two", lock(shared, wheel("new"))):
        assert budget.missing(lock(shared)) == 0
        assert budget.missing(lock(big)) == 100


def test_a_cell_waits_for_the_space_of_another(budget: DiskBudget) -> None:
    inside, leave = threading.Event(), threading.Event()
    happened: list[str] = []

    def first() -> None:
        with budget.reserved("one", lock(wheel("a", size=200))):
            inside.set()
            leave.wait()
            happened.append("one leaves")

    def second() -> None:
        with budget.reserved("two", lock(wheel("b", size=200))):
            happened.append("two enters")

    with ThreadPoolExecutor(2) as pool:
        pool.submit(first)
        inside.wait()
        waiting = pool.submit(second)
        leave.set()
        waiting.result(timeout=10)
    assert happened == ["one leaves", "two enters"]


def test_a_broken_ledger_is_rebuilt(budget: DiskBudget) -> None:
    install(budget, "one", lock(wheel("a")), {"a": 400})
    (budget.cache / "ledger.json").write_text("[")
    assert budget.missing(lock(wheel("a"))) == 100


def test_estimates_are_by_prefix_of_the_name() -> None:
    assert (
        unpacked([wheel("torch", size=1000), wheel("nvidia-cublas-cu12", size=1000), wheel("numpy", size=None)]) == 4000
    )
    assert unpacked([wheel("six", size=1000), wheel("nvidia-cudnn-cu12", size=1000)]) == 5800
    assert unpacked([wheel("triton", size=1000), wheel("nvidia-cudnn-cu12", size=1000)], whole=False) == 300


def test_sizes_for_people() -> None:
    assert human_size(1_234_567) == "1.2MB"


def test_saved_bytecode_counts_and_is_evicted_with_its_package(budget: DiskBudget) -> None:
    held = lock(wheel("a"), wheel("b"))
    install(budget, "one", held, {"a": 500, "b": 100})
    bytecode = budget.cache / "bytecode" / "a" / "a1"
    bytecode.mkdir(parents=True)
    budget.compiled(held, {"a": 300})
    with budget.reserved("two", lock(wheel("c", size=50))):  # 200 bytes, and 900 of 1000 are taken
        assert budget.missing(held) == 100
    assert not bytecode.exists()
    with budget.reserved("three", lock(wheel("d", size=200))):  # 800 fit, since "a" is evicted
        assert budget.missing(lock(wheel("b"))) == 0


def test_a_wheel_with_placeholders_is_missing_where_none_are_allowed(budget: DiskBudget) -> None:
    held = lock(wheel("a"), wheel("b"))
    install(budget, "one", held, {"a": 100, "b": 100})
    stored = budget.cache / "unpacked" / "a" / "a1"
    (stored / "files").mkdir(parents=True)
    (stored / "held.json").write_text(json.dumps([{"path": "a/lib.so", "size": 300_000, "mode": 0o666}]))
    assert (budget.missing(held), budget.missing(held, NO_PLACEHOLDERS)) == (0, 100)
    back = PlaceholderRules(patterns=("a/*",))
    assert (budget.missing(held, back), budget.missing(held, back.without(["a/lib.so"]))) == (0, 100)
    with budget.reserved("two", lock(wheel("c", size=250))):  # 1000 bytes: everything else is evicted
        assert not stored.exists()
        assert budget.missing(held) == 200


def test_an_incomplete_wheel_is_evicted_to_make_room_for_itself(budget: DiskBudget) -> None:
    held = lock(wheel("a"))
    install(budget, "one", held, {"a": 700})
    stored = budget.cache / "unpacked" / "a" / "a1"
    (stored / "files").mkdir(parents=True)
    (stored / "held.json").write_text(json.dumps([{"path": "a/lib.so", "size": 300_000, "mode": 0o666}]))
    with budget.reserved("one", held, NO_PLACEHOLDERS):  # 400 bytes, and 300 are left
        assert not stored.exists()


def test_cells_that_need_the_same_wheel_reserve_it_together(tmp_path: Path) -> None:
    budget = DiskBudget(tmp_path, 1000)
    shared, both = lock(wheel("cuda", size=400)), lock(wheel("cuda", size=400), wheel("small", size=50))  # 720, 920
    with ThreadPoolExecutor(1) as pool, budget.reserved("second", both):
        pool.submit(install, budget, "first", shared, {}).result(timeout=10)
        assert budget.missing(both) == 50
    with ThreadPoolExecutor(1) as pool, budget.reserved("second", lock(wheel("a", size=200))):
        waiting = pool.submit(install, budget, "first", lock(wheel("b", size=100)), {})  # 400 of 200 that are free
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.1)


@pytest.mark.parametrize(
    "text", ["", "[", "null", "[]", "5", '"x"', '{"a": "x"}', '{"a": null}', '{"a": -1}', '{"a": [1]}', '{"a": 1e400}']
)
def test_an_unusable_ledger_is_rebuilt_from_all_files_in_the_cache(tmp_path: Path, text: str) -> None:
    held = tmp_path / "archive-v0" / "x" / "file"
    held.parent.mkdir(parents=True)
    held.write_bytes(b"x" * 9000)
    (tmp_path / "ledger.json").write_text(text)
    budget = DiskBudget(tmp_path, 10_000)
    assert budget.missing(lock(wheel("a"))) == 100
    with budget.reserved("one", lock(wheel("a", size=2000))):  # 8000 bytes: the cache has to be emptied
        assert not held.exists()


def test_packages_that_uv_fails_to_remove_still_count(budget: DiskBudget, monkeypatch: pytest.MonkeyPatch) -> None:
    held = lock(wheel("a"))
    install(budget, "one", held, {"a": 700})
    failing = budget.cache / "uv"
    failing.write_text("#!/bin/sh\necho no >&2\nexit 2\n")
    failing.chmod(0o755)
    monkeypatch.setattr("scripts.run.disk_budget.uv_bin", lambda: str(failing))
    with (
        pytest.raises(CellError, match=r"needs 400B, 300B free"),
        budget.reserved("two", lock(wheel("new"))),
    ):
        raise AssertionError
    assert budget.missing(held) == 0


OTHER_RUN = """
import sys
from pathlib import Path
from scripts.run.disk_budget import DiskBudget
from tests.unit.run.test_disk_budget import lock, wheel
budget = DiskBudget(Path(sys.argv[1]), 1000)
with budget.reserved("theirs", lock(wheel("theirs", size=150))):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_two_runs_in_one_folder_share_the_budget(budget: DiskBudget) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_RUN, str(budget.cache)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"in\n"
        entered = threading.Event()

        def enter() -> None:
            with budget.reserved("ours", lock(wheel("ours", size=150))):
                entered.set()

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(enter)
            assert not entered.wait(1.5)  # 600 bytes each, and 1000 in all
            process.stdin.close()
            waiting.result(timeout=30)


def test_reservations_of_a_killed_run_are_ignored(budget: DiskBudget) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_RUN, str(budget.cache)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    with budget.reserved("ours", lock(wheel("ours", size=200))):
        pass


@pytest.mark.parametrize("text", ["", "null", "[]", '{"1-1": 5}', '{"1-1": {"c": [1]}}', '{"1-1": {"c": [-1, []]}}'])
def test_unreadable_reservations_are_ignored(budget: DiskBudget, text: str) -> None:
    (budget.cache / "reservations.json").write_text(text)
    with budget.reserved("ours", lock(wheel("ours", size=200))):
        pass
