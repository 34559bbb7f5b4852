"""Bytecode is compiled from what wheels hold, for what a cell imported, and is never taken from what a cell left."""

from __future__ import annotations

import base64
import hashlib
import marshal
import os
import py_compile
import sys
from pathlib import Path

import pytest

from scripts.run.locks import LockedWheel
from scripts.run.unpack.bytecode import Bytecode, evict

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag
PYTHON = Path(sys.executable)


def wheel(name: str, sha256: str = "1") -> LockedWheel:
    return LockedWheel(name=name, version="1", url=f"https://x/{name}.whl", sha256=sha256, size=1)


class Environment:
    """Packages in a folder, as if installed from wheels of their names."""

    def __init__(self, folder: Path, files: dict[str, str], *, sha256: str = "1") -> None:
        self.packages, self.scratch = folder / "packages", folder
        hashes: dict[str, dict[str, str]] = {}
        for path, text in files.items():
            file = self.packages / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            hashes.setdefault(path.split("/")[0].removesuffix(".py"), {})[path] = f"sha256={digest}"
        self.wheels = [wheel(name, sha256) for name in hashes]
        self.hashes = hashes

    def bytecode(self, cache: Path) -> Bytecode:
        return Bytecode(cache, self.packages, self.wheels, self.hashes, version=VERSION, min_sources=1)

    def leave(self, path: str, content: bytes = b"anything") -> Path:
        """Leave a file of bytecode, as a cell does for what it imports."""
        file = self.packages / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def save(self, cache: Path) -> dict[str, int]:
        return self.bytecode(cache).save(PYTHON, scratch=self.scratch, log=self.scratch / "log")

    def restored(self, cache: Path) -> dict[str, str]:
        """Restore bytecode. Return the value of X in each file."""
        self.bytecode(cache).restore()
        return {path.relative_to(self.packages).as_posix(): value(path) for path in self.packages.rglob("*.pyc")}


def value(pyc: Path) -> str:
    names: dict[str, str] = {}
    exec(marshal.loads(pyc.read_bytes()[16:]), names)
    return names["X"]


PACKAGE = {"package/__init__.py": "X = 'package'\n", "package/other.py": "X = 'other'\n", "six.py": "X = 'six'\n"}
INIT, SIX = f"package/__pycache__/__init__.{TAG}.pyc", f"__pycache__/six.{TAG}.pyc"


def test_imported_modules_are_restored_in_the_next_environment(tmp_path: Path) -> None:
    first, second, cache = (
        Environment(tmp_path / "one", PACKAGE),
        Environment(tmp_path / "other", PACKAGE),
        tmp_path / "c",
    )
    first.leave(INIT)
    first.leave(SIX)
    assert first.save(cache).keys() == {"package", "six"}
    assert second.restored(cache) == {INIT: "package", SIX: "six"}


def test_bytecode_written_by_a_test_is_not_reused(tmp_path: Path) -> None:
    first, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    evil = tmp_path / "evil.py"
    evil.write_text("X = 'POISONED'\n")
    py_compile.compile(str(evil), cfile=str(first.packages / INIT))
    first.save(cache)
    assert Environment(tmp_path / "other", PACKAGE).restored(cache) == {INIT: "package"}


def test_a_modified_source_is_not_compiled(tmp_path: Path) -> None:
    first, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    first.leave(INIT)
    (first.packages / "package/__init__.py").write_text("X = 'POISONED'\n")
    assert first.save(cache) == {}


@pytest.mark.parametrize(
    "name",
    [
        "package/__pycache__/test_operators.cpython-311-pytest-9.2.0.pyc",
        f"package/__pycache__/other.{TAG}.opt-1.pyc",
        "package/__pycache__/other.cpython-27.pyc",
        f"package/other.{TAG}.pyc",
        f"package/__pycache__/unknown.{TAG}.pyc",
        f"package/__pycache__/.{TAG}.pyc",
        f"stranger/__pycache__/module.{TAG}.pyc",
        "package/__pycache__/x.pyc",
        "__pycache__/.pyc",
    ],
)
def test_other_files_are_ignored(tmp_path: Path, name: str) -> None:
    first = Environment(tmp_path / "one", PACKAGE)
    first.leave(name)
    assert first.save(tmp_path / "cache") == {}


def test_outdated_bytecode_is_compiled_again(tmp_path: Path) -> None:
    """Uv may have unpacked the wheel again, at another time."""
    first, second, cache = (
        Environment(tmp_path / "one", PACKAGE),
        Environment(tmp_path / "other", PACKAGE),
        tmp_path / "c",
    )
    first.leave(INIT)
    first.save(cache)
    os.utime(second.packages / "package/__init__.py", (1e9, 1e9))
    second.bytecode(cache).restore()
    (second.packages / INIT).unlink()
    second.leave(INIT)
    second.save(cache)
    (saved,) = (cache / "bytecode").rglob("*.pyc")
    assert int.from_bytes(saved.read_bytes()[8:12], "little") == 10**9


def test_another_wheel_of_the_same_package_gets_no_bytecode(tmp_path: Path) -> None:
    first, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    first.leave(INIT)
    first.save(cache)
    assert Environment(tmp_path / "other", PACKAGE, sha256="2").restored(cache) == {}


def test_modules_imported_of_another_wheel_are_compiled_in_advance(tmp_path: Path) -> None:
    first, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    first.leave(INIT)
    first.save(cache)
    changed = {**PACKAGE, "package/__init__.py": "X = 'newer'\n"}
    second = Environment(tmp_path / "other", changed, sha256="2")
    second.bytecode(cache).prepare(PYTHON, scratch=tmp_path, log=tmp_path / "log")
    assert second.restored(cache) == {INIT: "newer"}


def test_a_module_that_warns_when_compiled_is_compiled_each_time(tmp_path: Path) -> None:
    """Else a warning of the compiler would be part of the first record only."""
    files = {"package/warns.py": "X = '\\d'\n", "package/quiet.py": "X = 'quiet'\n"}
    first, cache = Environment(tmp_path / "one", files), tmp_path / "cache"
    for name in ("warns", "quiet"):
        first.leave(f"package/__pycache__/{name}.{TAG}.pyc")
    first.save(cache)
    assert Environment(tmp_path / "other", files).restored(cache) == {f"package/__pycache__/quiet.{TAG}.pyc": "quiet"}


def test_a_package_is_evicted_in_all_versions(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for sha256 in ("1", "2"):
        first = Environment(tmp_path / sha256, PACKAGE, sha256=sha256)
        first.leave(INIT)
        first.save(cache)
    evict(cache, ["package", "unknown"])
    for sha256 in ("1", "2"):
        assert Environment(tmp_path / f"other{sha256}", PACKAGE, sha256=sha256).restored(cache) == {}


@pytest.mark.parametrize("text", ["", "null", "{}", "[5]", '["../../evil.py"]', '["/evil.py"]', '["package/no.py"]'])
def test_an_unusable_list_of_imports_is_ignored(tmp_path: Path, text: str) -> None:
    first, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    (cache / "bytecode").mkdir(parents=True)
    (cache / "bytecode" / "package.json").write_text(text)
    first.bytecode(cache).prepare(PYTHON, scratch=tmp_path, log=tmp_path / "log")
    assert first.restored(cache) == {}


def test_imports_of_the_built_in_suite_are_compiled_before_the_first_cell(tmp_path: Path) -> None:
    files = {"torch/nn/modules/linear.py": "X = 'linear'\n", "torch/strange.py": "X = 'strange'\n"}
    first, cache = Environment(tmp_path / "one", files), tmp_path / "cache"
    first.bytecode(cache).prepare(PYTHON, scratch=tmp_path, log=tmp_path / "log")
    assert first.restored(cache) == {f"torch/nn/modules/__pycache__/linear.{TAG}.pyc": "linear"}


def test_few_modules_are_not_compiled(tmp_path: Path) -> None:
    first, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    first.leave(INIT)
    bytecode = Bytecode(cache, first.packages, first.wheels, first.hashes, version=VERSION)
    assert bytecode.save(PYTHON, scratch=tmp_path, log=tmp_path / "log") == {}
    assert not (tmp_path / "log").exists()
