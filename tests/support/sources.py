"""Source projects to build, each with its own build backend, so that a build needs no index."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

#: A build backend. Like setuptools, it writes into the source tree.
_BACKEND: Final = """
import json, os, pathlib, sys, zipfile

HERE = pathlib.Path(__file__).parent
WANTED = json.loads((HERE / "build.json").read_text())


def build_wheel(directory, settings=None, metadata=None):
    print("compiling mylib.c", file=sys.stderr)  # one stream: the order of two is not defined
    (HERE / "build" / "lib").mkdir(parents=True, exist_ok=True)
    (HERE / "build" / "lib" / "litter.py").write_text("")
    (HERE / (WANTED["name"] + ".egg-info")).mkdir(exist_ok=True)
    if WANTED["fails"]:
        print("secret:", os.environ.get("MY_SECRET"), file=sys.stderr)
        raise SystemExit(WANTED["fails"])
    name, version = WANTED["name"], WANTED["version"]
    tag = "cp%d%d-none-any" % sys.version_info[:2] if WANTED["native"] else "py3-none-any"
    info = f"{name}-{version}.dist-info"
    contents = {f"{name}/{path.name}": path.read_bytes() for path in sorted((HERE / "src").iterdir()) if path.is_file()}
    contents[f"{info}/METADATA"] = METADATA.encode()
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: {tag}\\n".encode()
    rows = [f"{path},," for path in [*contents, f"{info}/RECORD"]]
    contents[f"{info}/RECORD"] = ("\\n".join(rows) + "\\n").encode()
    wheel = f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w") as archive:
        for path, content in contents.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    if WANTED["count"]:
        with open(WANTED["count"], "a") as file:
            file.write(json.dumps([sys.version_info[1], os.environ.get("HOME"), str(HERE)]) + "\\n")
    return wheel
"""


def write_project(
    folder: Path,
    name: str = "mylib",
    version: str = "1.0",
    *,
    code: str = "VALUE = 1\n",
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    fails: str = "",
    native: bool = False,
    count: Path | None = None,
) -> Path:
    """Write the project of a package, and return its folder.

    Args:
        folder: the project's folder, which may exist.
        name: the package and its module.
        version: its version.
        code: the text of the module.
        requires: requirement lines.
        extras: requirement lines by extra.
        fails: the error with which a build ends, if it should fail.
        native: whether the wheel is for one Python only.
        count: a file to which each build appends a line: the minor version of Python, ``HOME``, and the folder.
    """
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    for extra, lines in (extras or {}).items():
        metadata += [f"Provides-Extra: {extra}", *(f"Requires-Dist: {line}; extra == {extra!r}" for line in lines)]
    wanted = {"name": name, "version": version, "fails": fails, "native": native, "count": str(count) if count else ""}
    project = ["[build-system]", "requires = []", 'build-backend = "backend"', 'backend-path = ["."]']
    project += ["[project]", f"name = {json.dumps(name)}"]
    project += ['dynamic = ["version", "dependencies", "optional-dependencies"]']
    (folder / "src").mkdir(parents=True, exist_ok=True)
    for path, text in {
        "pyproject.toml": "\n".join([*project, ""]),
        "backend.py": _BACKEND.replace("METADATA.encode()", repr("\n".join([*metadata, ""])) + ".encode()"),
        "build.json": json.dumps(wanted),
        "src/__init__.py": code,
        "PKG-INFO": "\n".join([*metadata, ""]),
    }.items():
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def pack(project: Path, folder: Path, *, name: str = "mylib", version: str = "1.0") -> Path:
    """Pack a project as an sdist into a folder. The same files give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(target, "w:gz") as archive:
        for path in sorted(path for path in project.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(f"{name}-{version}/{path.relative_to(project).as_posix()}")
            entry.size = path.stat().st_size
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    return target


def commit(project: Path, message: str = "for this test") -> str:
    """Commit all files of a project, in a new repository if there is none; return the commit."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments],
            cwd=project,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "-m", message)
    return git("rev-parse", "HEAD")


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return modification time and content of every file in a folder, to detect changes."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }
