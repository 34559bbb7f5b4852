"""A modified shared file is detected, whatever the test did to hide it; links of other cells are no modification."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

import pytest

from scripts.run import integrity
from scripts.run.integrity import Contents

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the caches share files by hard links on Linux")

FILES = {
    "big/lib.so": b"library " * 600_000,
    "big/small.py": b"X = 1  ",
    "big-1.dist-info/RECORD": b"unhashed",
}
UNHASHED = "big-1.dist-info/RECORD"


@pytest.fixture
def environment(tmp_path: Path) -> Contents:
    """An environment of one wheel, linked from a cache."""
    packages, hashes = tmp_path / "packages", {}
    for name, content in FILES.items():
        for folder in (tmp_path / "cache", packages):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache" / name).write_bytes(content)
        os.link(tmp_path / "cache" / name, packages / name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        hashes[name] = "" if name == UNHASHED else f"sha256={digest}"
    files = {name: os.lstat(packages / name) for name in FILES}
    return integrity.contents(packages, {"big": hashes}, files)


def forge(path: Path) -> None:
    """Overwrite a byte and restore the modification time."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("name", FILES)
def test_a_forged_modification_is_found_where_no_other_cell_has_the_wheel(environment: Contents, name: str) -> None:
    forge(environment.packages / name)
    assert environment.modified(alone={"big"}) == {"big": [name]}


@pytest.mark.parametrize("name", ["big/small.py", UNHASHED])
def test_a_forged_modification_of_a_small_file_is_found_beside_other_cells(environment: Contents, name: str) -> None:
    forge(environment.packages / name)
    assert environment.modified() == {"big": [name]}


def test_a_file_without_hash_counts_as_modified_if_no_other_cell_can_have_changed_its_ctime(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    (tmp_path / "x.pyc").write_bytes(b"bytecode")
    os.link(tmp_path / "x.pyc", packages / "x.pyc")
    found = integrity.contents(packages, {}, {"x.pyc": os.lstat(packages / "x.pyc")})
    forge(packages / "x.pyc")
    assert (found.modified(), found.modified(alone={""})) == ({}, {"": ["x.pyc"]})


@pytest.mark.parametrize("alone", [set(), {"big"}])
def test_links_of_other_cells_are_no_modification(environment: Contents, tmp_path: Path, alone: set[str]) -> None:
    for name in FILES:
        os.link(environment.packages / name, tmp_path / "link")
        (tmp_path / "link").unlink()
    assert environment.modified(alone=alone) == {}


def test_deleted_and_replaced_files_are_no_modification(environment: Contents) -> None:
    (environment.packages / "big/small.py").unlink()
    (environment.packages / "big/lib.so").unlink()
    (environment.packages / "big/lib.so").write_bytes(b"another file")
    assert environment.modified(alone={"big"}) == {}
