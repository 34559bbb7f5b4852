"""Source trees of libraries in any layout, each with its own build backend, so that a build needs no index."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

#: Packs a package into a wheel, with a generated module. Like setuptools, it writes into the source tree.
_BACKEND: Final = """
import json, os, pathlib, zipfile

HERE = pathlib.Path(__file__).parent
WANTED = json.loads((HERE / "build.json").read_text())


def build_wheel(directory, settings=None, metadata=None):
    (HERE / "litter.egg-info").mkdir(exist_ok=True)
    with open(WANTED["count"], "a") as file:
        file.write("built\\n")
    if WANTED["fails"]:
        raise SystemExit(WANTED["fails"])
    package = HERE / WANTED["package"]
    name, info = package.name, package.name + "-1.0.dist-info"
    contents = {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and path.name not in WANTED["left_out"]
    }
    contents[name + "/_generated.py"] = b"VALUE = 42\\n"
    contents[info + "/METADATA"] = WANTED["metadata"].encode()
    contents[info + "/WHEEL"] = b"Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    contents[info + "/RECORD"] = "".join(f"{path},,\\n" for path in [*contents, info + "/RECORD"]).encode()
    wheel = name + "-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w") as archive:
        for path, content in contents.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return wheel
"""


def write_library(
    folder: Path,
    package: str,
    files: Mapping[str, str],
    *,
    pyproject: str = "",
    requires: Sequence[str] = (),
    requires_python: str = "",
    left_out: Sequence[str] = (),
    fails: str = "",
    dynamic: bool = False,
) -> Path:
    """Write the source tree of a library, and return its folder. ``build.log`` beside it has a line for each build.

    Args:
        folder: the tree.
        package: its package, from the folder: ``src/mylib``.
        files: contents by path.
        pyproject: further tables of ``pyproject.toml``.
        requires: requirement lines.
        requires_python: the specifier of its Pythons.
        left_out: names of files that the wheel lacks.
        fails: the error with which a build ends, if it should fail.
        dynamic: whether only a build knows the requirements.
    """
    name = Path(package).name
    fields = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requires)]
    fields += [f"Requires-Python: {requires_python}"] if requires_python else []
    wanted = {
        "package": package,
        "left_out": list(left_out),
        "fails": fails,
        "count": str(folder.with_name(f"{folder.name}.builds")),
        "metadata": "\n".join([*fields, ""]),
    }
    lines = ["[build-system]", "requires = []", 'build-backend = "backend"', 'backend-path = ["."]']
    lines += ["[project]", f'name = "{name}"', 'version = "1.0"']
    lines += ['dynamic = ["dependencies"]' if dynamic else f"dependencies = {json.dumps(list(requires))}"]
    lines += [f"requires-python = {json.dumps(requires_python)}"] if requires_python else []
    texts = {"pyproject.toml": "\n".join([*lines, pyproject]), "backend.py": _BACKEND, "build.json": json.dumps(wanted)}
    for path, text in {**texts, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def builds(folder: Path) -> int:
    """Return the number of builds of a library."""
    count = folder.with_name(f"{folder.name}.builds")
    return len(count.read_text().splitlines()) if count.exists() else 0
