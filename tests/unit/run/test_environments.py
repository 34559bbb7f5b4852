"""What is installed in an environment, and how much disk it takes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scripts.run import environments


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / ("Lib/site-packages" if sys.platform == "win32" else "lib/python3.11/site-packages")
    folder.mkdir(parents=True)
    return folder


def sizes(folder: Path) -> dict[str, int]:
    return environments.sizes(folder, environments.recorded(folder), environments.files(folder))


def package(packages: Path, name: str, files: dict[str, int], *, rows: list[str]) -> None:
    """An installed package of files of so many bytes, whose RECORD has these lines."""
    for file, size in files.items():
        path = packages / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    record = packages / f"{name}-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("".join(f"{row}\n" for row in rows))


def test_a_package_is_known_by_its_normalised_name(tmp_path: Path, packages: Path) -> None:
    rows = ["some_package/a.py,sha256=x,1", "other.py,sha256=y,1", "some_package-1.0.dist-info/RECORD,,"]
    package(packages, "some_package", {"some_package/a.py": 10, "other.py": 10}, rows=rows)
    assert environments.recorded(tmp_path) == {
        "some-package": {
            "some_package/a.py": "sha256=x",
            "other.py": "sha256=y",
            "some_package-1.0.dist-info/RECORD": "",
        }
    }


def test_disk_is_what_files_take_and_not_what_their_list_says(tmp_path: Path, packages: Path) -> None:
    """The list of torch 1.9.1 comes to 3.9 GB, and its files take 1.8."""
    size = 1 << 20
    rows = [f"torch/lib.so,sha256=x,{size}", f"torch/lib.so,sha256=x,{size}", f"torch/gone.so,sha256=x,{size}"]
    package(packages, "torch", {"torch/lib.so": size}, rows=rows)
    assert size <= sizes(tmp_path)["torch"] < 2 * size


def test_a_name_with_dots_counts_under_its_normalised_name(tmp_path: Path, packages: Path) -> None:
    package(packages, "ruamel.yaml", {"ruamel/yaml.py": 5000}, rows=["ruamel/yaml.py,sha256=x,1"])
    assert sizes(tmp_path)["ruamel-yaml"] >= 5000


@pytest.mark.parametrize("record", [b"\xff\xfe,,\n", b'"a', b"\0,,\n", b",,\n", b"a\n", b"../" * 50 + b"x,,\n"])
def test_a_record_that_is_odd_is_no_error(tmp_path: Path, packages: Path, record: bytes) -> None:
    folder = packages / "odd-1.0.dist-info"
    folder.mkdir()
    (folder / "RECORD").write_bytes(record)
    assert sizes(tmp_path)["odd"] >= 0
