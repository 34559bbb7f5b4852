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
        return Bytecode(cache, self.packages, self.wheels, self.hashes, version=VERSION, least=1)

    def leave(self, path: str, content: bytes = b"whatever a test writes") -> Path:
        """Leave a file of bytecode, as a cell does for what it imports."""
        file = self.packages / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def save(self, cache: Path) -> dict[str, int]:
        return self.bytecode(cache).save(PYTHON, scratch=self.scratch, log=self.scratch / "log")

    def restored(self, cache: Path) -> dict[str, str]:
        """What is restored in an environment, as the value of X in each."""
        self.bytecode(cache).restore()
        return {path.relative_to(self.packages).as_posix(): value(path) for path in self.packages.rglob("*.pyc")}


def value(pyc: Path) -> str:
    names: dict[str, str] = {}
    exec(marshal.loads(pyc.read_bytes()[16:]), names)
    return names["X"]


PACKAGE = {"package/__init__.py": "X = 'package'\n", "package/other.py": "X = 'other'\n", "six.py": "X = 'six'\n"}
INIT, SIX = f"package/__pycache__/__init__.{TAG}.pyc", f"__pycache__/six.{TAG}.pyc"


def test_the_next_environment_finds_what_the_last_one_imported(tmp_path: Path) -> None:
    one, other, cache = (
        Environment(tmp_path / "one", PACKAGE),
        Environment(tmp_path / "other", PACKAGE),
        tmp_path / "cache",
    )
    one.leave(INIT)
    one.leave(SIX)
    assert one.save(cache).keys() == {"package", "six"}
    assert other.restored(cache) == {INIT: "package", SIX: "six"}


def test_what_a_test_wrote_there_is_not_taken(tmp_path: Path) -> None:
    one, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    evil = tmp_path / "evil.py"
    evil.write_text("X = 'POISONED'\n")
    py_compile.compile(str(evil), cfile=str(one.packages / INIT))
    one.save(cache)
    assert Environment(tmp_path / "other", PACKAGE).restored(cache) == {INIT: "package"}


def test_a_source_that_a_test_modified_is_not_compiled(tmp_path: Path) -> None:
    one, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    one.leave(INIT)
    (one.packages / "package/__init__.py").write_text("X = 'POISONED'\n")
    assert one.save(cache) == {}


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
def test_other_files_are_passed_over(tmp_path: Path, name: str) -> None:
    one = Environment(tmp_path / "one", PACKAGE)
    one.leave(name)
    assert one.save(tmp_path / "cache") == {}


def test_what_no_longer_fits_its_source_is_compiled_anew(tmp_path: Path) -> None:
    """Uv may have unpacked the wheel again, at another time."""
    one, other, cache = Environment(tmp_path / "one", PACKAGE), Environment(tmp_path / "other", PACKAGE), tmp_path / "c"
    one.leave(INIT)
    one.save(cache)
    os.utime(other.packages / "package/__init__.py", (1e9, 1e9))
    other.bytecode(cache).restore()
    (other.packages / INIT).unlink()
    other.leave(INIT)
    other.save(cache)
    (kept,) = (cache / "bytecode").rglob("*.pyc")
    assert int.from_bytes(kept.read_bytes()[8:12], "little") == 10**9


def test_another_wheel_of_the_same_package_gets_none(tmp_path: Path) -> None:
    one, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    one.leave(INIT)
    one.save(cache)
    assert Environment(tmp_path / "other", PACKAGE, sha256="2").restored(cache) == {}


def test_what_another_wheel_imported_is_compiled_before(tmp_path: Path) -> None:
    one, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    one.leave(INIT)
    one.save(cache)
    changed = {**PACKAGE, "package/__init__.py": "X = 'newer'\n"}
    other = Environment(tmp_path / "other", changed, sha256="2")
    other.bytecode(cache).prepare(PYTHON, scratch=tmp_path, log=tmp_path / "log")
    assert other.restored(cache) == {INIT: "newer"}


def test_a_module_that_warns_when_compiled_is_compiled_each_time(tmp_path: Path) -> None:
    """Else a warning of the compiler would be part of the first record only."""
    files = {"package/warns.py": "X = '\\d'\n", "package/quiet.py": "X = 'quiet'\n"}
    one, cache = Environment(tmp_path / "one", files), tmp_path / "cache"
    for name in ("warns", "quiet"):
        one.leave(f"package/__pycache__/{name}.{TAG}.pyc")
    one.save(cache)
    assert Environment(tmp_path / "other", files).restored(cache) == {f"package/__pycache__/quiet.{TAG}.pyc": "quiet"}


def test_a_package_is_forgotten_in_all_versions(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for sha256 in ("1", "2"):
        one = Environment(tmp_path / sha256, PACKAGE, sha256=sha256)
        one.leave(INIT)
        one.save(cache)
    evict(cache, ["package", "unknown"])
    for sha256 in ("1", "2"):
        assert Environment(tmp_path / f"other{sha256}", PACKAGE, sha256=sha256).restored(cache) == {}


@pytest.mark.parametrize("text", ["", "null", "{}", "[5]", '["../../evil.py"]', '["/evil.py"]', '["package/no.py"]'])
def test_a_list_of_imports_that_cannot_be_used_is_passed_over(tmp_path: Path, text: str) -> None:
    one, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    (cache / "bytecode").mkdir(parents=True)
    (cache / "bytecode" / "package.json").write_text(text)
    one.bytecode(cache).prepare(PYTHON, scratch=tmp_path, log=tmp_path / "log")
    assert one.restored(cache) == {}


def test_what_the_built_in_suite_imports_is_known_before_the_first_cell(tmp_path: Path) -> None:
    files = {"torch/nn/modules/linear.py": "X = 'linear'\n", "torch/strange.py": "X = 'strange'\n"}
    one, cache = Environment(tmp_path / "one", files), tmp_path / "cache"
    one.bytecode(cache).prepare(PYTHON, scratch=tmp_path, log=tmp_path / "log")
    assert one.restored(cache) == {f"torch/nn/modules/__pycache__/linear.{TAG}.pyc": "linear"}


def test_a_handful_of_modules_is_not_worth_a_compiler(tmp_path: Path) -> None:
    one, cache = Environment(tmp_path / "one", PACKAGE), tmp_path / "cache"
    one.leave(INIT)
    bytecode = Bytecode(cache, one.packages, one.wheels, one.hashes, version=VERSION)
    assert bytecode.save(PYTHON, scratch=tmp_path, log=tmp_path / "log") == {}
    assert not (tmp_path / "log").exists()
