"""Leftovers of a killed run are removed by the next; files of a running process are kept."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from scripts.run import environments, leftovers, owners

OWNER = "from scripts.run import owners; print(owners.me()); input()"


def ended() -> str:
    """The name of a process that has ended."""
    child = subprocess.run(
        [sys.executable, "-c", OWNER],
        input="\n",
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return child.stdout.strip()


def test_a_process_is_alive_until_it_ends() -> None:
    assert owners.alive(owners.me())
    assert not owners.alive(ended())


@pytest.mark.parametrize("name", ["", "-", "x", "1", "{pid}-1", "{pid}-", "9" * 30 + "-1", "-1-5"])
def test_an_invalid_name_is_not_alive(name: str) -> None:
    assert not owners.alive(name.format(pid=os.getpid()))


def test_files_without_a_running_owner_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    cache, envs, dead, mine = tmp_path / "cache", tmp_path / "envs", ended(), owners.me()
    gone = [
        *(cache / "unpacked" / f".{dead}.x", cache / "unpacked" / "torch" / f".{dead}.x", cache / "unpacked" / ".old"),
        *(tmp_path / "tmp" / f"cell-{dead}-abc", envs / "2-5-1-cpu-py3-11", envs / ".removing-x"),
    ]
    stay = [
        *(
            cache / "unpacked" / f".{mine}.x",
            cache / "unpacked" / "torch" / f".{mine}.x",
            cache / "unpacked" / "torch" / "1",
        ),
        *(
            tmp_path / "tmp" / f"cell-{mine}-abc",
            tmp_path / "tmp" / "cell-of-somebody-else",
            envs / "mine",
            envs / "kept",
        ),
    ]
    for folder in (*gone, *stay):
        (folder / "below").mkdir(parents=True)
    environments.claim(envs / "2-5-1-cpu-py3-11", dead)
    environments.claim(envs / "mine", mine)
    environments.claim(envs / "kept", environments.KEPT)
    assert set(leftovers.remove(cache, [envs])) == set(gone)
    assert [path for path in gone if path.exists()] == []
    assert [path for path in stay if not path.exists()] == []
    assert sorted(path.name for path in envs.glob("*.owner")) == ["kept.owner", "mine.owner"]
