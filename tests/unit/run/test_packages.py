"""Packages of an environment: files, hashes and sizes, and the check that everything locked is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scripts.run import packages
from scripts.run.failures import CellError
from scripts.run.locks import LockedWheel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / ("Lib/site-packages" if sys.platform == "win32" else "lib/python3.11/site-packages")
    folder.mkdir(parents=True)
    return folder


def sizes(environment: Path) -> dict[str, int]:
    return packages.sizes(environment, packages.recorded(environment), packages.files(environment))


def package(folder: Path, name: str, files: dict[str, int], *, rows: list[str]) -> None:
    """Install a package with files of these sizes in bytes and these lines in its RECORD."""
    for file, size in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    record = folder / f"{name}-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("".join(f"{row}\n" for row in rows))


def test_records_are_by_normalised_name(tmp_path: Path, folder: Path) -> None:
    rows = ["some_package/a.py,sha256=x,1", "other.py,sha256=y,1", "some_package-1.0.dist-info/RECORD,,"]
    package(folder, "some_package", {"some_package/a.py": 10, "other.py": 10}, rows=rows)
    assert packages.recorded(tmp_path) == {
        "some-package": {
            "some_package/a.py": "sha256=x",
            "other.py": "sha256=y",
            "some_package-1.0.dist-info/RECORD": "",
        }
    }


def test_sizes_come_from_the_files_and_not_from_the_record(tmp_path: Path, folder: Path) -> None:
    """The RECORD of torch 1.9.1 adds up to 3.9 GB, its files to 1.8 GB."""
    size = 1 << 20
    rows = [f"torch/lib.so,sha256=x,{size}", f"torch/lib.so,sha256=x,{size}", f"torch/gone.so,sha256=x,{size}"]
    package(folder, "torch", {"torch/lib.so": size}, rows=rows)
    assert size <= sizes(tmp_path)["torch"] < 2 * size


def test_sizes_are_by_normalised_name(tmp_path: Path, folder: Path) -> None:
    package(folder, "ruamel.yaml", {"ruamel/yaml.py": 5000}, rows=["ruamel/yaml.py,sha256=x,1"])
    assert sizes(tmp_path)["ruamel-yaml"] >= 5000


@pytest.mark.parametrize("record", [b"\xff\xfe,,\n", b'"a', b"\0,,\n", b",,\n", b"a\n", b"../" * 50 + b"x,,\n"])
def test_an_unusual_record_is_no_error(tmp_path: Path, folder: Path, record: bytes) -> None:
    metadata = folder / "odd-1.0.dist-info"
    metadata.mkdir()
    (metadata / "RECORD").write_bytes(record)
    assert sizes(tmp_path)["odd"] >= 0


def locked(name: str, version: str) -> LockedWheel:
    return LockedWheel(name=name, version=version, url=f"https://example.org/{name}.whl", sha256="00", size=1)


def install(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_installed_packages_pass_under_any_spelling(tmp_path: Path, folder: Path) -> None:
    install(folder, "torch", "2.5.1")
    install(folder, "ruamel_yaml", "0.18")
    (folder / "broken.dist-info").mkdir()
    packages.check_installed(tmp_path, [locked("torch", "2.5.1+cu124"), locked("ruamel.yaml", "0.18.0")])


def test_missing_packages_and_other_versions_are_errors(tmp_path: Path, folder: Path) -> None:
    install(folder, "numpy", "1.26.4")
    with pytest.raises(CellError) as caught:
        packages.check_installed(tmp_path, [locked("numpy", "2.0.0"), locked("mylib", "1.0")])
    assert str(caught.value) == "numpy is 1.26.4, not 2.0.0; mylib 1.0 is missing"
    assert (caught.value.reason.stage, caught.value.status) == ("install", "error")
