"""The store of big wheels: filled by a real worker from a real server, linked into environments."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scripts.index.sources import Source
from scripts.run.failures import CellError
from scripts.run.locks import Lock, LockedWheel
from scripts.run.unpack import store
from scripts.run.unpack.fetcher import Fetcher
from scripts.run.unpack.placeholders import NO_PLACEHOLDERS, PlaceholderRules
from scripts.run.unpack.unsupported import UnsupportedWheelError
from tests.support.index import Fault, LocalIndex
from tests.support.wheels import Wheel, build_package, tampered

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on other platforms uv installs everything")

RULES = PlaceholderRules(patterns=("big/*.so",))
LIBRARY = b"\0" * 600_000
SCRIPTS = "[console_scripts]\nbig-run = big.cli:main\n[other]\nx = y\n"


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as index:
        yield index


@pytest.fixture
def big() -> Wheel:
    """A big wheel with a library, a program and an entry point."""
    files: dict[str, str | bytes] = {"big/__init__.py": "", "big/lib.so": LIBRARY, "nvidia/__init__.py": "big"}
    wheel = build_package("big", "1.0", files=files, size=store.BIG)
    return tampered(wheel, {"big-1.0.dist-info/entry_points.txt": SCRIPTS.encode()})


def locked(index: LocalIndex, wheel: Wheel, *, sha256: str | None = None) -> LockedWheel:
    index.add(wheel)
    url, size = index.file_url(wheel), len(wheel.content)
    return LockedWheel(name=wheel.name, version=wheel.version, url=url, sha256=sha256 or wheel.sha256, size=size)


def lock(folder: Path, *wheels: LockedWheel) -> Lock:
    return Lock(path=folder / "pylock.toml", digest="0", wheels=wheels, source=Source(build="default", index=None))


def fetch(folder: Path, lock: Lock, rules: PlaceholderRules, timeout: float = 60) -> str:
    """Add a lock's wheels to the store in ``cache``. Return the log."""
    log = folder / "log"
    with contextlib.closing(Fetcher(folder / "cache", 2)) as fetcher:
        fetcher.fetch(lock, rules, log=log, timeout=timeout)
    return log.read_text() if log.exists() else ""


def packages(folder: Path) -> tuple[Path, Path]:
    """The folder of packages of an empty environment, and its interpreter."""
    python = folder / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (folder / "env" / "site-packages").mkdir()
    return folder / "env" / "site-packages", python


def test_a_wheel_is_fetched_once_and_linked_with_its_scripts(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel, cache = locked(index, big), tmp_path / "cache"
    for _ in range(2):
        fetch(tmp_path, lock(tmp_path, wheel), NO_PLACEHOLDERS)
    assert len(index.downloads()) == 1
    target, python = packages(tmp_path)
    assert store.install(cache, wheel, target, python) == []
    assert (target / "big/lib.so").read_bytes() == LIBRARY
    assert (target / "big/lib.so").stat().st_nlink == 2
    assert (target / "big-1.0.dist-info/RECORD").is_file()
    script = python.parent / "big-run"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith(f"#!{python}")
    assert "from big.cli import main" in script.read_text()
    assert sorted(path.name for path in python.parent.iterdir()) == ["big-run"]


def test_a_placeholder_has_the_size_and_no_content(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel, cache = locked(index, big), tmp_path / "cache"
    assert "1 placeholders for 600,000 bytes" in fetch(tmp_path, lock(tmp_path, wheel), RULES)
    target, python = packages(tmp_path)
    (placeholder,) = store.install(cache, wheel, target, python)
    assert placeholder == target / "big/lib.so"
    assert (placeholder.stat().st_size, placeholder.stat().st_blocks) == (len(LIBRARY), 0)


def test_small_files_never_get_placeholders(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel = locked(index, big)
    fetch(tmp_path, lock(tmp_path, wheel), PlaceholderRules(patterns=("*.py",)))
    assert store.skipped_files(tmp_path / "cache", wheel) == []


def test_a_whole_wheel_replaces_one_with_placeholders_for_good(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel, cache = locked(index, big), tmp_path / "cache"
    wheels = lock(tmp_path, wheel)
    fetch(tmp_path, wheels, RULES)
    assert (store.has(cache, wheel, RULES), store.has(cache, wheel, NO_PLACEHOLDERS)) == (True, False)
    fetch(tmp_path, wheels, NO_PLACEHOLDERS)
    assert store.has(cache, wheel, NO_PLACEHOLDERS)
    fetch(tmp_path, wheels, RULES)
    assert len(index.downloads()) == 2
    assert [path.name for path in (cache / "unpacked" / "big").iterdir()] == [wheel.sha256]


def test_a_file_of_two_wheels_comes_from_the_last(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    second = build_package("other", "1.0", files={"nvidia/__init__.py": "other"}, size=store.BIG)
    wheels = [locked(index, big), locked(index, second)]
    fetch(tmp_path, lock(tmp_path, *wheels), NO_PLACEHOLDERS)
    target, python = packages(tmp_path)
    for wheel in wheels:
        store.install(tmp_path / "cache", wheel, target, python)
    assert (target / "nvidia/__init__.py").read_text() == "other"


@pytest.mark.parametrize("fault", [Fault.status(404), Fault.status(401)])
def test_a_failed_download_is_left_to_uv(index: LocalIndex, tmp_path: Path, big: Wheel, fault: Fault) -> None:
    wheel = locked(index, big)
    index.fail("*.whl", fault)
    assert f"left to uv: {wheel.url}" in fetch(tmp_path, lock(tmp_path, wheel), NO_PLACEHOLDERS)
    assert not store.has(tmp_path / "cache", wheel, RULES)


def test_a_wheel_with_another_hash_is_not_stored(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel = locked(index, big, sha256="0" * 64)
    assert "sha256 mismatch" in fetch(tmp_path, lock(tmp_path, wheel), RULES)
    assert list((tmp_path / "cache" / "unpacked" / "big").iterdir()) == []


def test_wheels_installed_by_uv_are_not_downloaded_again(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel, cache = locked(index, big), tmp_path / "cache"
    store.leave_to_uv(cache, [wheel])
    fetch(tmp_path, lock(tmp_path, wheel), NO_PLACEHOLDERS)
    assert index.requests_to("*.whl") == []
    store.evict(cache, ["big"])  # uv evicts it too
    fetch(tmp_path, lock(tmp_path, wheel), NO_PLACEHOLDERS)
    assert store.has(cache, wheel, NO_PLACEHOLDERS)


def test_a_store_that_cannot_be_written_fails_nothing(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel, cache = locked(index, big), tmp_path / "cache"
    cache.write_text("not a folder")
    store.leave_to_uv(cache, [wheel])
    assert not store.has(cache, wheel, NO_PLACEHOLDERS)


def test_small_and_local_wheels_are_left_to_uv(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    small = locked(index, build_package("small", "1.0"))
    local = LockedWheel(
        name="big", version="1.0", url=big.write(tmp_path).as_uri(), sha256=big.sha256, size=len(big.content)
    )
    assert fetch(tmp_path, lock(tmp_path, small, local), NO_PLACEHOLDERS) == ""
    store.leave_to_uv(tmp_path / "cache", [small, local])
    assert not (tmp_path / "cache").exists()


def test_a_download_is_killed_at_the_timeout_and_leaves_nothing(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel = locked(index, big)
    index.fail("*.whl", Fault.hang())
    with pytest.raises(CellError, match="downloading took longer than 1 s") as caught:
        fetch(tmp_path, lock(tmp_path, wheel), NO_PLACEHOLDERS, timeout=1)
    assert caught.value.status == "timed-out"
    assert not store.has(tmp_path / "cache", wheel, RULES)


UNUSUAL: Mapping[str, Mapping[str, bytes | None]] = {
    "script": {"big-1.0.dist-info/entry_points.txt": b"[console_scripts]\n../../../../evil = os:getcwd\n"},
    "python": {"big-1.0.dist-info/entry_points.txt": b"[console_scripts]\npython = os:getcwd\n"},
    "entry points": {"big-1.0.dist-info/entry_points.txt": b"\xff"},
    "record": {"big-1.0.dist-info/RECORD": b"../../evil,,\n"},
    "no metadata": {"big-1.0.dist-info/METADATA": None},
    "two projects": {"other-1.0.dist-info/METADATA": b""},
    "member": {"../../evil": b""},
    "data": {"big-1.0.data/scripts/run": b""},
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_an_unusual_wheel_is_left_to_uv_and_nothing_is_written(index: LocalIndex, tmp_path: Path, kind: str) -> None:
    wheel = locked(index, tampered(build_package("big", "1.0", size=store.BIG), UNUSUAL[kind]))
    assert "left to uv: big-1.0-py3-none-any.whl: " in fetch(tmp_path, lock(tmp_path, wheel), NO_PLACEHOLDERS)
    assert not store.has(tmp_path / "cache", wheel, NO_PLACEHOLDERS)
    assert [path.name for path in (tmp_path / "cache" / "unpacked").rglob("*")] in ([], ["big"])
    assert list(tmp_path.rglob("evil")) == []


def test_a_script_is_never_written_through_a_link(index: LocalIndex, tmp_path: Path, big: Wheel) -> None:
    wheel, outside = locked(index, big), tmp_path / "outside"
    outside.write_text("mine")
    fetch(tmp_path, lock(tmp_path, wheel), NO_PLACEHOLDERS)
    target, python = packages(tmp_path)
    (python.parent / "big-run").symlink_to(outside)
    store.install(tmp_path / "cache", wheel, target, python)
    assert outside.read_text() == "mine"


@settings(max_examples=50)
@given(name=st.text(st.characters(codec="utf-8") | st.sampled_from("./\\="), min_size=1, max_size=12))
@example("../../evil")
def test_no_script_is_written_outside_the_environment(name: str) -> None:
    with TemporaryDirectory() as folder:
        wheel = LockedWheel(name="big", version="1", url="https://x/big.whl", sha256="1", size=1)
        info = Path(folder, "cache", "unpacked", "big", "1", "files", "big-1.dist-info")
        info.mkdir(parents=True)
        (info.parents[1] / "held.json").write_text("[]")
        (info / "entry_points.txt").write_text(f"[console_scripts]\n{name} = os:getcwd\n")
        target, python = packages(Path(folder))
        before = {path for path in Path(folder).rglob("*") if Path(folder, "env") not in path.parents}
        with contextlib.suppress(UnsupportedWheelError):
            store.install(Path(folder, "cache"), wheel, target, python)
        assert {path for path in Path(folder).rglob("*") if Path(folder, "env") not in path.parents} == before


@pytest.mark.parametrize(
    "text",
    [
        *("", "[", "null", "{}", "5", '"x"', "[1]", "[null]", "[[]]", '[{"path": "a"}]', "\udcff"),
        *('[{"path": 5, "size": 1, "mode": 1}]', '[{"path": "a", "size": "x", "mode": 1}]'),
        *('[{"path": "../../evil", "size": 400000, "mode": 438}]', '[{"path": "/evil", "size": 400000, "mode": 438}]'),
    ],
)
def test_a_wheel_with_an_unusable_list_of_skipped_files_is_not_in_the_store(tmp_path: Path, text: str) -> None:
    wheel = LockedWheel(name="big", version="1", url="https://x/big.whl", sha256="1", size=1)
    folder = tmp_path / "unpacked" / "big" / "1"
    (folder / "files").mkdir(parents=True)
    (folder / "held.json").write_text(text, errors="surrogateescape")
    assert not store.has(tmp_path, wheel, RULES)
    assert store.is_incomplete(tmp_path, wheel, RULES)
    assert store.skipped_files(tmp_path, wheel) == []


def test_a_wheel_with_an_unusable_list_of_skipped_files_is_unpacked_again(
    index: LocalIndex, tmp_path: Path, big: Wheel
) -> None:
    wheel, cache = locked(index, big), tmp_path / "cache"
    fetch(tmp_path, lock(tmp_path, wheel), RULES)
    (cache / "unpacked" / "big" / wheel.sha256 / "held.json").write_text("null")
    assert "unpacking again" in fetch(tmp_path, lock(tmp_path, wheel), RULES)
    assert [file.path for file in store.skipped_files(cache, wheel)] == ["big/lib.so"]
