"""Requirements of a cell, and the lock that uv made of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.config import matrix_toml, suite
from scripts.config.cell import Cell
from scripts.index.sources import Source
from scripts.run import locks, resolution

MATRIX = matrix_toml.load()
SUITE = suite.named(MATRIX)
LOCK = """
lock-version = "1.0"
[[packages]]
name = "numpy"
version = "1.26.4"
wheels = [{ url = "https://example.org/numpy-1.26.4-cp311-cp311-any.whl", size = 100, hashes = { sha256 = "aa" } }]
[[packages]]
name = "torch"
version = "2.5.1+cu124"
wheels = [{ url = "https://example.org/whl/torch-2.5.1%2Bcu124-cp311-cp311-linux.whl", hashes = { sha256 = "bb" } }]
"""
SOURCE = Source(build="cu124", index="https://example.org/whl")


def cell(torch: str) -> Cell:
    return Cell(torch=torch, build="cpu", python="3.11")


@pytest.fixture
def lock(tmp_path: Path) -> locks.Lock:
    (tmp_path / "pylock.toml").write_text(LOCK)
    return locks.load(tmp_path / "pylock.toml", SOURCE)


def test_pins_depend_on_the_release() -> None:
    assert "numpy<2" in locks.requirements(MATRIX, SUITE, cell("2.2.2"))
    assert "numpy" in locks.requirements(MATRIX, SUITE, cell("2.5.1"))
    assert any(need.startswith("setuptools") for need in locks.requirements(MATRIX, SUITE, cell("1.10.2")))


def test_an_extra_requirement_replaces_a_pin_on_the_same_package() -> None:
    needs = locks.requirements(MATRIX, SUITE, cell("2.2.2"), ["NumPy>=2", "einops"])
    assert "numpy<2" not in needs
    assert needs[-2:] == ["NumPy>=2", "einops"]


def test_a_lock_lists_the_wheels(lock: locks.Lock) -> None:
    assert lock.torch.filename == "torch-2.5.1+cu124-cp311-cp311-linux.whl"
    assert lock.versions == {"numpy": "1.26.4", "torch": "2.5.1+cu124"}
    assert lock.torch.sha256 == "bb"


def test_requested_sizes_are_saved_beside_the_lock(lock: locks.Lock) -> None:
    assert (lock.torch.size, lock.bytes) == (None, 100)
    (lock.path.parent / "sizes.json").write_text(json.dumps({lock.torch.url: 900}))
    again = locks.load(lock.path, SOURCE)
    assert (again.torch.size, again.bytes, again.digest) == (900, 1000, lock.digest)


def test_requirement_lines_are_exact_and_hashed(lock: locks.Lock) -> None:
    assert locks.hashed_requirements(lock.wheels).splitlines() == [
        "numpy===1.26.4 --hash=sha256:aa",
        "torch===2.5.1+cu124 --hash=sha256:bb",
    ]


@pytest.mark.parametrize(
    ("fallback", "links", "expected"),
    [
        (None, "", ["torch==2.5.1"]),
        (None, "/wheels", ["torch==2.5.1"]),
        ("index 'cpu' is unreachable", "", ["torch==2.5.1"]),
        ("index 'cpu' is unreachable", "/wheels", ["torch==2.5.1+cpu", "torch===2.5.1", "torch==2.5.1"]),
    ],
)
def test_a_label_is_required_only_if_another_source_may_have_it(
    monkeypatch: pytest.MonkeyPatch, fallback: str | None, links: str, expected: list[str]
) -> None:
    for name in ("UV_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_INDEX", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("UV_FIND_LINKS", links)
    source = Source(build="default", index=None, fallback=fallback)
    assert resolution.torch_requirements(cell("2.5.1"), source) == expected


def test_public_versions() -> None:
    assert locks.public("2.5.1+cu124") == "2.5.1" == locks.public("2.5.1")
    assert locks.public("2.16.0.dev20261101+cpu") == "2.16.0.dev20261101"
