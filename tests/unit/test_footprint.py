"""The disk budget: what is held, what has to go, and who waits."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.index.checks import Source
from scripts.running.failures import CellError
from scripts.running.footprint import Footprint, human, unpacked
from scripts.running.holding import NOTHING, Hold
from scripts.running.locks import Lock, LockedWheel

SOURCE = Source(build="default", index=None)


def wheel(name: str, version: str = "1", size: int | None = 100) -> LockedWheel:
    return LockedWheel(name=name, version=version, url=f"https://x/{name}.whl", sha256=f"{name}{version}", size=size)


def lock(*wheels: LockedWheel) -> Lock:
    return Lock(path=Path("pylock.toml"), digest="0", wheels=wheels, source=SOURCE)


@pytest.fixture
def footprint(tmp_path: Path) -> Footprint:
    """A budget of 1000 bytes; a wheel of 100 of an unknown package needs 400."""
    return Footprint(tmp_path, 1000)


def install(footprint: Footprint, name: str, held: Lock, sizes: dict[str, int]) -> None:
    """A cell from its reservation to the end of its environment."""
    with footprint.reserved(name, held):
        footprint.installed(name, held, sizes)


def test_what_was_unpacked_counts_as_it_is(footprint: Footprint) -> None:
    held = lock(wheel("a"), wheel("b"))
    assert footprint.missing(held) == 200
    install(footprint, "one", held, {"a": 700, "b": 300})
    assert footprint.missing(held) == 0
    with footprint.reserved("two", held):
        pass
    assert Footprint(footprint.cache, 1000).missing(held) == 0  # it lasts


def test_what_can_never_fit_says_what_it_needs(footprint: Footprint) -> None:
    with (
        pytest.raises(CellError, match=r"needs 1\.2KB, 1\.0KB free") as caught,
        footprint.reserved("one", lock(wheel("a", size=300))),
    ):
        raise AssertionError
    assert (caught.value.status, caught.value.reason.kind) == ("unavailable", "over the disk budget")


def test_what_nobody_needs_any_more_goes_first(footprint: Footprint) -> None:
    old, shared = wheel("old"), wheel("shared")
    install(footprint, "one", lock(old), {"old": 400})
    install(footprint, "two", lock(shared), {"shared": 400})
    footprint.expect("later", lock(shared))
    with footprint.reserved("three", lock(wheel("new"))):
        assert footprint.missing(lock(old)) == 100
        assert footprint.missing(lock(shared)) == 0


def test_what_the_cell_itself_needs_stays(footprint: Footprint) -> None:
    shared, big = wheel("shared"), wheel("big")
    install(footprint, "one", lock(shared, big), {"shared": 300, "big": 700})
    with footprint.reserved("two", lock(shared, wheel("new"))):
        assert footprint.missing(lock(shared)) == 0
        assert footprint.missing(lock(big)) == 100


def test_a_cell_waits_for_the_room_of_another(footprint: Footprint) -> None:
    inside, leave = threading.Event(), threading.Event()
    happened: list[str] = []

    def first() -> None:
        with footprint.reserved("one", lock(wheel("a", size=200))):
            inside.set()
            leave.wait()
            happened.append("one leaves")

    def second() -> None:
        with footprint.reserved("two", lock(wheel("b", size=200))):
            happened.append("two enters")

    with ThreadPoolExecutor(2) as pool:
        pool.submit(first)
        inside.wait()
        waiting = pool.submit(second)
        leave.set()
        waiting.result(timeout=10)
    assert happened == ["one leaves", "two enters"]


def test_a_broken_ledger_is_an_empty_one(footprint: Footprint) -> None:
    install(footprint, "one", lock(wheel("a")), {"a": 400})
    (footprint.cache / "ledger.json").write_text("[")
    assert footprint.missing(lock(wheel("a"))) == 100


def test_estimates_are_by_the_kind_of_package() -> None:
    assert (
        unpacked([wheel("torch", size=1000), wheel("nvidia-cublas-cu12", size=1000), wheel("numpy", size=None)]) == 4000
    )
    assert unpacked([wheel("six", size=1000), wheel("nvidia-cudnn-cu12", size=1000)]) == 5800
    assert unpacked([wheel("triton", size=1000), wheel("nvidia-cudnn-cu12", size=1000)], whole=False) == 300


def test_sizes_for_people() -> None:
    assert human(1_234_567) == "1.2MB"


def test_kept_bytecode_counts_and_goes_with_its_package(footprint: Footprint) -> None:
    held = lock(wheel("a"), wheel("b"))
    install(footprint, "one", held, {"a": 500, "b": 100})
    bytecode = footprint.cache / "bytecode" / "a" / "a1"
    bytecode.mkdir(parents=True)
    footprint.compiled(held, {"a": 300})
    with footprint.reserved("two", lock(wheel("c", size=50))):  # 200 bytes, and 900 of 1000 are taken
        assert footprint.missing(held) == 100
    assert not bytecode.exists()
    with footprint.reserved("three", lock(wheel("d", size=200))):  # 800 fit, since nothing is left of "a"
        assert footprint.missing(lock(wheel("b"))) == 0


def test_what_was_held_back_is_missing_for_who_wants_all(footprint: Footprint) -> None:
    held = lock(wheel("a"), wheel("b"))
    install(footprint, "one", held, {"a": 100, "b": 100})
    kept = footprint.cache / "unpacked" / "a" / "a1"
    kept.mkdir(parents=True)
    (kept / "held.json").write_text(json.dumps([{"path": "a/lib.so", "size": 300_000, "mode": 0o666}]))
    assert (footprint.missing(held), footprint.missing(held, NOTHING)) == (0, 100)
    back = Hold(patterns=("a/*",))
    assert (footprint.missing(held, back), footprint.missing(held, back.without(["a/lib.so"]))) == (0, 100)
    with footprint.reserved("two", lock(wheel("c", size=250))):  # 1000 bytes: all else has to go
        assert not kept.exists()
        assert footprint.missing(held) == 200


def test_a_wheel_that_lacks_a_file_makes_room_for_itself(footprint: Footprint) -> None:
    held = lock(wheel("a"))
    install(footprint, "one", held, {"a": 700})
    kept = footprint.cache / "unpacked" / "a" / "a1"
    kept.mkdir(parents=True)
    (kept / "held.json").write_text(json.dumps([{"path": "a/lib.so", "size": 300_000, "mode": 0o666}]))
    with footprint.reserved("one", held, NOTHING):  # 400 bytes, and 300 are left
        assert not kept.exists()


def test_a_big_wheel_is_fetched_once_and_others_do_not_wait(tmp_path: Path) -> None:
    footprint = Footprint(tmp_path, 10**12)
    cuda, small = wheel("cuda", size=10**9), wheel("small")
    went: list[str] = []

    def second() -> None:
        with footprint.reserved("second", lock(cuda, small)):
            went.append(f"second, {footprint.missing(lock(cuda, small))} bytes to come")

    with ThreadPoolExecutor(1) as pool, footprint.reserved("first", lock(cuda)):
        waiting = pool.submit(second)
        with footprint.reserved("another", lock(wheel("torch", size=10**9))):
            went.append("another")
        assert not waiting.done()
        went.append("first")
        footprint.installed("first", lock(cuda), {"cuda": 3 * 10**9})
        waiting.result(timeout=10)
    assert went == ["another", "first", "second, 100 bytes to come"]
