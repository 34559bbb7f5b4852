"""Wheels that are unpacked on the fly, from a real server: written files, skipped files, refused wheels."""

from __future__ import annotations

import errno
import io
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile
from scripts.run.unpack.unsupported import UnsupportedWheelError
from scripts.run.unpack.unzip import unpack, write
from tests.support.index import Fault, LocalIndex
from tests.support.static import QUICK
from tests.support.wheels import Wheel

NAME = "big-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalIndex]:
    with LocalIndex() as index:
        yield index


@pytest.fixture
def index(server: LocalIndex) -> Iterator[LocalIndex]:
    server.heal()
    server.forget()
    server.configure("default", ranges=True)
    yield server
    server.heal()


def archive(files: Mapping[str, bytes], *, stored: frozenset[str] = frozenset(), mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            packed.writestr(entry, content, zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def served(index: LocalIndex, content: bytes, *, sha256: str | None = None) -> WheelFile:
    """Put a wheel with this content on the index."""
    wheel = Wheel(filename=NAME, content=content, metadata="")
    index.add(wheel)
    return WheelFile(filename=NAME, url=index.file_url(wheel), sha256=sha256 or wheel.sha256)


def skip_none(path: str, size: int) -> bool:
    del path, size
    return False


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


NAMES = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}\.so", fullmatch=True)
CONTENTS = st.one_of(st.binary(max_size=300), st.integers(0, 9_000_000).map(lambda size: b"ab\0" * (size // 3)))


@settings(max_examples=60)
@given(files=st.dictionaries(NAMES, CONTENTS, min_size=1, max_size=8), data=st.data())
def test_all_but_skipped_files_are_written(server: LocalIndex, files: dict[str, bytes], data: st.DataObject) -> None:
    stored = data.draw(st.frozensets(st.sampled_from(sorted(files))))
    skipped = data.draw(st.frozensets(st.sampled_from(sorted(files))))
    wheel = served(server, archive(files, stored=stored))
    with TemporaryDirectory() as folder, Web() as web:
        found = unpack(web, wheel, Path(folder), lambda path, _: path in skipped)
        assert contents(Path(folder)) == {name: content for name, content in files.items() if name not in skipped}
        assert {file.path: file.size for file in found} == {name: len(files[name]) for name in skipped}


def test_one_download_and_little_for_the_table_of_contents(index: LocalIndex, tmp_path: Path) -> None:
    wheel = served(index, archive({"a.so": os.urandom(2_000_000)}))
    with Web() as web:
        unpack(web, wheel, tmp_path, skip_none)
    assert len(index.downloads()) == 1
    assert index.sent("*.whl") < 2_010_000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bit")
def test_programs_stay_executable(index: LocalIndex, tmp_path: Path) -> None:
    wheel = served(index, archive({"bin/ptxas": b"#!"}, mode=0o755))
    with Web() as web:
        unpack(web, wheel, tmp_path, skip_none)
        skipped = unpack(web, wheel, tmp_path / "skipped", lambda *_: True)
    assert os.access(tmp_path / "bin/ptxas", os.X_OK)
    assert [file.mode & 0o111 for file in skipped] == [0o111]


def test_a_skipped_file_is_hashed(index: LocalIndex, tmp_path: Path) -> None:
    wheel = served(index, archive({"a.so": b"held back"}), sha256="0" * 64)
    with Web() as web, pytest.raises(WebError, match=r"sha256 mismatch: .*, expected 000"):
        unpack(web, wheel, tmp_path, lambda *_: True)


def test_an_interrupted_download_is_resumed(index: LocalIndex) -> None:
    content = {"a.so": os.urandom(3_000_000), "b.py": b"b"}
    wheel = served(index, archive(content))
    index.fail("*.whl", Fault.cut(1_000_000), times=3)
    with Web(QUICK) as web, web.download(wheel.url) as download:
        got = b"".join(iter(download.read, b""))
    assert len(got) > 3_000_000
    assert [request.range is None for request in index.requests_to("*.whl")] == [True, False, False, False]
    assert index.sent("*.whl") == len(got)


def test_a_download_without_ranges_starts_again(index: LocalIndex) -> None:
    content = os.urandom(3_000_000)
    wheel = served(index, content)
    index.configure("default", ranges=False)
    index.fail("*.whl", Fault.cut(1_000_000), times=1)
    with Web(QUICK) as web, web.download(wheel.url) as download:
        assert b"".join(iter(download.read, b"")) == content


def test_a_download_that_keeps_failing_is_given_up(index: LocalIndex) -> None:
    wheel = served(index, b"never")
    index.fail("*.whl", Fault.drop())
    with Web(QUICK) as web, web.download(wheel.url) as download, pytest.raises(WebError, match=NAME):
        download.read()
    assert len(index.requests_to("*.whl")) == QUICK.attempts


def test_a_refusal_is_not_retried(index: LocalIndex) -> None:
    wheel = served(index, b"never")
    index.fail("*.whl", Fault.status(403))
    with Web(QUICK) as web, web.download(wheel.url) as download, pytest.raises(WebError, match="HTTP 403"):
        download.read()
    assert len(index.requests_to("*.whl")) == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../outside.py", "outside of the wheel"),
        ("/outside.py", "outside of the wheel"),
        ("a/..\\..\\outside.py", "outside of the wheel"),
        ("big-1.0.data/scripts/run", "outside of site-packages"),
    ],
)
def test_an_unusual_wheel_is_refused_before_the_download(
    index: LocalIndex, tmp_path: Path, name: str, why: str
) -> None:
    wheel = served(index, archive({"a.py": b"", name: b""}))
    with Web() as web, pytest.raises(UnsupportedWheelError, match=why):
        unpack(web, wheel, tmp_path, skip_none)
    assert index.downloads() == []
    assert contents(tmp_path) == {}


def test_another_compression_is_refused(index: LocalIndex, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("a.py", "a")
    with Web() as web, pytest.raises(UnsupportedWheelError, match="unsupported compression"):
        unpack(web, served(index, buffer.getvalue()), tmp_path, skip_none)


def test_a_truncated_wheel_is_an_error(index: LocalIndex, tmp_path: Path) -> None:
    content = archive({"a.so": os.urandom(100_000)})
    with Web() as web, pytest.raises(WebError, match="not a valid wheel"):
        unpack(web, served(index, content[:50_000]), tmp_path, skip_none)


def test_a_damaged_file_is_an_error(index: LocalIndex, tmp_path: Path) -> None:
    content = bytearray(archive({"a.so": b"content " * 100_000}))
    content[60:80] = b"\xff" * 20
    with Web() as web, pytest.raises(WebError):
        unpack(web, served(index, bytes(content)), tmp_path, skip_none)


PIECES = os.urandom(5_000_000)


@settings(max_examples=30)
@given(
    size=st.sampled_from([0, 1, 4096, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, len(PIECES)]),
    cuts=st.lists(st.integers(0, len(PIECES)), max_size=6),
)
def test_a_file_is_the_sum_of_its_pieces(size: int, cuts: list[int]) -> None:
    whole = PIECES[:size]
    pieces = [whole[start:stop] for start, stop in pairwise([0, *sorted(cuts), len(PIECES)])]
    with TemporaryDirectory() as folder:
        path = Path(folder, "big.so")
        assert write(path, pieces, 0o644) == size
        assert path.read_bytes() == whole


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops files from the page cache")
@pytest.mark.parametrize("function", ["fdatasync", "posix_fadvise"])
def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "big.so", [PIECES], 0o644)


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "big.so").write_text("existing")
    with pytest.raises(FileExistsError):
        write(tmp_path / "big.so", [PIECES], 0o644)
