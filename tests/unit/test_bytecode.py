"""Bytecode is kept by wheel, lent to the next environment, and never what could change a record."""

from __future__ import annotations

import os
import time
from pathlib import Path

from scripts.running import bytecode
from scripts.running.environments import Installed
from scripts.running.locks import LockedWheel

NAME = "__pycache__/module.cpython-311.pyc"


def wheel(name: str, sha256: str = "1") -> LockedWheel:
    return LockedWheel(name=name, version="1", url=f"https://x/{name}.whl", sha256=sha256, size=1)


def installed(*roots: str) -> Installed:
    return Installed(bytes=1, roots=frozenset(roots))


def compiled(path: Path, content: str = "code", *, age: float = 10) -> Path:
    """A file of bytecode that was written so many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_next_environment_finds_what_the_last_one_compiled(tmp_path: Path) -> None:
    one, other, cache = tmp_path / "one", tmp_path / "other", tmp_path / "cache"
    compiled(one / "package" / NAME)
    compiled(one / "__pycache__" / "six.cpython-39.pyc", "six")
    wheels = [wheel("package"), wheel("six")]
    packages = {"package": installed("package", "package-1.dist-info"), "six": installed("six.py")}
    assert bytecode.keep(cache, one, wheels, packages, imported=time.time(), warned_in=None) == {"package": 4, "six": 3}
    bytecode.lend(cache, other, wheels)
    assert (other / "package" / NAME).read_text() == "code"
    assert (other / "__pycache__" / "six.cpython-39.pyc").read_text() == "six"


def test_another_wheel_of_the_same_package_gets_none(tmp_path: Path) -> None:
    compiled(tmp_path / "one" / "package" / NAME)
    packages = {"package": installed("package")}
    bytecode.keep(
        tmp_path / "cache", tmp_path / "one", [wheel("package")], packages, imported=time.time(), warned_in=None
    )
    bytecode.lend(tmp_path / "cache", tmp_path / "other", [wheel("package", "2")])
    assert not (tmp_path / "other").exists()


def test_what_is_compiled_after_torch_was_imported_and_warns_is_compiled_each_time(tmp_path: Path) -> None:
    """Else a warning of the compiler would be part of the first record only."""
    imported, packages = time.time() - 100, {"package": installed("package")}
    for name in ("quiet", "warns"):
        compiled(tmp_path / "one" / "package" / "__pycache__" / f"{name}.cpython-311.pyc", age=99)
    warned_in = ["/env/lib/python3.11/site-packages/package/warns.py", "/elsewhere/package/quiet.py"]
    one, cache, wheels = tmp_path / "one", tmp_path / "cache", [wheel("package")]
    assert bytecode.keep(cache, one, wheels, packages, imported=imported, warned_in=warned_in) == {"package": 4}
    bytecode.lend(cache, tmp_path / "other", wheels)
    assert [path.name for path in (tmp_path / "other").rglob("*.pyc")] == ["quiet.cpython-311.pyc"]


def test_of_a_run_that_did_not_finish_nothing_later_is_kept(tmp_path: Path) -> None:
    imported = time.time() - 100
    compiled(tmp_path / "one" / "package" / NAME, age=99)
    packages = {"package": installed("package")}
    assert (
        bytecode.keep(
            tmp_path / "cache", tmp_path / "one", [wheel("package")], packages, imported=imported, warned_in=None
        )
        == {}
    )


def test_what_belongs_to_no_wheel_stays_where_it_is(tmp_path: Path) -> None:
    compiled(tmp_path / "one" / "stranger" / NAME)
    assert (
        bytecode.keep(
            tmp_path / "cache", tmp_path / "one", [wheel("package")], {}, imported=time.time(), warned_in=None
        )
        == {}
    )


def test_what_was_compiled_anew_takes_the_place_of_what_is_kept(tmp_path: Path) -> None:
    packages, wheels, cache = {"package": installed("package")}, [wheel("package")], tmp_path / "cache"
    compiled(tmp_path / "one" / "package" / NAME, "old")
    bytecode.keep(cache, tmp_path / "one", wheels, packages, imported=time.time(), warned_in=None)
    compiled(tmp_path / "two" / "package" / NAME, "newer")
    assert bytecode.keep(cache, tmp_path / "two", wheels, packages, imported=time.time(), warned_in=None) == {
        "package": 5
    }
    bytecode.lend(cache, tmp_path / "three", wheels)
    assert (tmp_path / "three" / "package" / NAME).read_text() == "newer"
    assert (tmp_path / "one" / "package" / NAME).read_text() == "old"


def test_a_package_is_forgotten_in_all_versions(tmp_path: Path) -> None:
    packages, cache = {"package": installed("package")}, tmp_path / "cache"
    for sha256 in ("1", "2"):
        compiled(tmp_path / sha256 / "package" / NAME)
        bytecode.keep(
            cache, tmp_path / sha256, [wheel("package", sha256)], packages, imported=time.time(), warned_in=None
        )
    bytecode.drop(cache, ["package", "unknown"])
    bytecode.lend(cache, tmp_path / "other", [wheel("package", "1"), wheel("package", "2")])
    assert not (tmp_path / "other").exists()
