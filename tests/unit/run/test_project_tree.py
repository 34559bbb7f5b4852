"""The copy of a source tree that tests run from: packages in it are those of the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config import project
from scripts.run import project_tree
from tests.support.source_trees import write_library
from tests.support.wheels import build_package

WHEEL = {
    "mylib/__init__.py": "shipped",
    "mylib/_c.so": "compiled",
    "mylib/tests/test_in.py": "shipped",
    "mylib-1.0.data/purelib/mylib/late.py": "moved",
    "../evil.py": "",
}


@pytest.mark.parametrize("layout", ["", "src/"])
def test_packages_have_the_modules_of_the_wheel(tmp_path: Path, layout: str) -> None:
    sources = {
        f"{layout}mylib/__init__.py": "source",
        f"{layout}mylib/unshipped.py": "",
        f"{layout}mylib/data.txt": "data",
        f"{layout}mylib/tests/test_in.py": "source",
        f"{layout}mylib/tests/helper.py": "unshipped, but of the tests",
        "conftest.py": "",
        ".torch-matrix/linux-x86_64/cell.json": "",
    }
    table = f'[tool.torch-matrix]\ntests = "{layout}mylib/tests"\n'
    library = project.load(write_library(tmp_path / "tree", f"{layout}mylib", sources, pyproject=table))
    wheel = build_package("mylib", "1.0", files=WHEEL).write(tmp_path)
    tree = project_tree.copy(library, wheel, tmp_path / "copy")
    package = tree.folder / layout / "mylib"
    found = {path.relative_to(package).as_posix(): path.read_text() for path in package.rglob("*") if path.is_file()}
    assert found == {
        "__init__.py": "shipped",
        "_c.so": "compiled",
        "late.py": "moved",
        "data.txt": "data",
        "tests/test_in.py": "shipped",
        "tests/helper.py": "unshipped, but of the tests",
    }
    assert tree.path == (tree.folder / layout,)
    assert (tree.folder / "conftest.py").exists()
    assert not (tree.folder / ".torch-matrix").exists()
    assert not (tmp_path / "evil.py").exists()
    listed = {path.relative_to(library.folder).as_posix() for path in project_tree.files(library)}
    assert set(sources) - listed == {".torch-matrix/linux-x86_64/cell.json"}
