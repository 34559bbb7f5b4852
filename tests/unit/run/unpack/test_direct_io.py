"""Big files past the cache: whatever the pieces, the file is what they come to."""

from __future__ import annotations

import errno
import os
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.run.unpack import direct_io
from scripts.run.unpack.direct_io import BLOCK

CONTENT = os.urandom(3 * BLOCK + 5)


@settings(max_examples=40)
@given(
    size=st.sampled_from([0, 1, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, len(CONTENT)]),
    cuts=st.lists(st.integers(0, len(CONTENT)), max_size=6),
)
def test_a_file_is_what_its_pieces_come_to(size: int, cuts: list[int]) -> None:
    whole = CONTENT[:size]
    pieces = [whole[start:stop] for start, stop in pairwise([0, *sorted(cuts), len(CONTENT)])]
    with TemporaryDirectory() as folder:
        path = Path(folder, "big.so")
        assert direct_io.write(path, pieces, 0o644) == size
        assert path.read_bytes() == whole


def test_a_disk_that_wants_other_blocks_is_written_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []
    write = os.write

    def refuses_once(descriptor: int, content: memoryview) -> int:
        if not refused:
            refused.append(len(content))
            raise OSError(errno.EINVAL, "Invalid argument")
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", refuses_once)
    direct_io.write(tmp_path / "big.so", [CONTENT], 0o644)
    assert (tmp_path / "big.so").read_bytes() == CONTENT
    assert refused == [BLOCK]


def test_other_failures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        direct_io.write(tmp_path / "big.so", [CONTENT], 0o644)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "big.so").write_text("there")
    with pytest.raises(FileExistsError):
        direct_io.write(tmp_path / "big.so", [CONTENT], 0o644)
