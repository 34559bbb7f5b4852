"""What a library's metadata exclude, from ``pyproject.toml`` and from a wheel."""

from __future__ import annotations

import pytest

from scripts.config import exclusions
from scripts.config.cell import Cell
from scripts.config.exclusions import Metadata


def reason(
    metadata: Metadata, *, torch: str = "2.1.0", python: str = "3.11", extras: tuple[str, ...] = ()
) -> str | None:
    cell = Cell(torch=torch, build="cpu", python=python)
    return exclusions.reason("mylib", metadata, extras, (), cell)


@pytest.mark.parametrize(
    ("line", "python", "extras", "excluded"),
    [
        ("torch>=2.2", "3.11", (), True),
        ("Torch >= 2.1", "3.11", (), False),
        ("torch", "3.11", (), False),
        ("torchvision>=0.17", "3.11", (), False),
        ("torch>=2.2; python_version>='3.12'", "3.11", (), False),
        ("torch>=2.2; python_version>='3.12'", "3.13t", (), True),
        ("torch>=2.2; extra == 'Fast'", "3.11", (), False),
        ("torch>=2.2; extra == 'fast'", "3.11", ("Fast",), True),
        ("torch @ https://example.org/torch.whl", "3.11", (), False),
        ("not a requirement", "3.11", (), False),
    ],
)
def test_a_requirement_on_torch_excludes(line: str, python: str, extras: tuple[str, ...], *, excluded: bool) -> None:
    found = reason(Metadata(requires=(line,)), python=python, extras=extras)
    assert found == ("excluded by mylib's `torch>=2.2`" if excluded else None)


@pytest.mark.parametrize(
    ("spec", "python", "excluded"),
    [
        (">=3.10", "3.9", True),
        (">=3.10", "3.10", False),
        (">=3.9.2", "3.9", False),
        ("<3.13", "3.13t", True),
        ("?", "3.9", False),
    ],
)
def test_requires_python_excludes(spec: str, python: str, *, excluded: bool) -> None:
    found = reason(Metadata(requires_python=spec), python=python)
    assert found == (f"excluded by mylib's `requires-python {spec}`" if excluded else None)


def test_metadata_are_the_same_from_the_table_and_the_wheel() -> None:
    table = {
        "requires-python": ">=3.9",
        "dependencies": ["torch>=2"],
        "optional-dependencies": {"Fast": ["torch>=2.2; python_version<'4'"]},
    }
    wheel = (
        "Name: mylib\nRequires-Python: >=3.9\nRequires-Dist: torch>=2\n"
        "Requires-Dist: torch>=2.2 ; (python_version<'4') and extra == 'fast'\n\nRequires-Dist: none\n"
    )
    assert exclusions.static(table) == exclusions.of_wheel(wheel)
    assert exclusions.static({"name": "x", "dynamic": ["dependencies"]}) is None
    assert exclusions.static(None) is None
