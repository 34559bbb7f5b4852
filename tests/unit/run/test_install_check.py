"""Whether everything that was locked is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.run import install_check
from scripts.run.failures import CellError
from scripts.run.locks import LockedWheel


def locked(name: str, version: str) -> LockedWheel:
    return LockedWheel(name=name, version=version, url=f"https://example.org/{name}.whl", sha256="00", size=1)


def install(packages: Path, name: str, version: str) -> None:
    info = packages / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_what_is_there_passes_whatever_it_is_spelled_like(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.5.1")
    install(tmp_path, "ruamel_yaml", "0.18")
    (tmp_path / "broken.dist-info").mkdir()
    install_check.check(tmp_path, [locked("torch", "2.5.1+cu124"), locked("ruamel.yaml", "0.18.0")])


def test_what_is_missing_or_another_version_is_an_error(tmp_path: Path) -> None:
    install(tmp_path, "numpy", "1.26.4")
    with pytest.raises(CellError) as caught:
        install_check.check(tmp_path, [locked("numpy", "2.0.0"), locked("mylib", "1.0")])
    assert str(caught.value) == "numpy is 1.26.4, not 2.0.0; mylib 1.0 is missing"
    assert (caught.value.reason.stage, caught.value.status) == ("install", "error")
