"""Resolving a cell's requirements to a lock (``pylock.toml``, PEP 751), and reading it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts import process
from scripts.index import diagnosis, http, pages, settings
from scripts.index.checks import Source
from scripts.index.errors import MissingError, through
from scripts.matrix.cells import Cell
from scripts.matrix.config import Matrix
from scripts.results.records import write_atomically
from scripts.running import failures
from scripts.running.failures import CellError
from scripts.running.interpreters import uv_bin


@dataclasses.dataclass(frozen=True, kw_only=True)
class LockedWheel:
    """One wheel of a lock. ``size`` in bytes, where the index or the file's server tells it.

    The hash is always there: what an index tells none for, as that of the nightlies does, uv downloads to lock it.
    """

    name: str
    version: str
    url: str
    sha256: str
    size: int | None

    @property
    def filename(self) -> str:
        """The wheel's file name, with its local label as it is."""
        return unquote(posixpath.basename(urlsplit(self.url).path))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lock:
    """Exactly what a cell's environment will hold."""

    path: Path
    digest: str
    wheels: tuple[LockedWheel, ...]
    source: Source

    @property
    def torch(self) -> LockedWheel:
        """The torch wheel."""
        return next(wheel for wheel in self.wheels if wheel.name == "torch")

    @property
    def bytes(self) -> int:
        """Size of all wheels, in bytes."""
        return sum(wheel.size or 0 for wheel in self.wheels)

    @property
    def versions(self) -> dict[str, str]:
        """Version of each package, by name."""
        return {wheel.name: wheel.version for wheel in self.wheels}


def requirements(matrix: Matrix, cell: Cell, extra: Sequence[str] = ()) -> list[str]:
    """What a cell's environment needs besides torch: pins, what the probes need, and ``extra``.

    An extra requirement takes the place of a pin on the same package, so that other pins can be tried.
    """
    replaced = {canonicalize_name(Requirement(text).name) for text in extra}
    pins = [pin.require for pin in matrix.pins_for(cell.torch)]
    kept = [
        text for text in (*pins, *matrix.probes.require) if canonicalize_name(Requirement(text).name) not in replaced
    ]
    return [*kept, *extra]


def torch_requirements(cell: Cell, source: Source) -> list[str]:
    """What to ask for as torch, the best first: the next is tried when an index doesn't have it.

    Behind a fallback, wheels with the label of the build that was asked for may still lie in a local folder or
    an extra index; if not, the plain version is wanted, and no other build's label.
    """
    plain = f"torch=={cell.torch}"
    if source.label is not None:
        return [f"{plain}+{source.label}" if source.label else f"torch==={cell.torch}"]
    if source.fallback is None or not settings.further_sources():
        return [plain]
    return [f"torch=={cell.torch}+{cell.build}", f"torch==={cell.torch}", plain]


def resolve(
    cell: Cell,
    *,
    source: Source,
    needs: Sequence[str],
    python: Path,
    folder: Path,
    cache: Path,
    log: Path,
    timeout: float,
    refresh: bool = False,
) -> Lock:
    """Resolve a cell's requirements with uv, and keep the lock in ``folder``.

    Pages of an index count for as long as the index says, unless ``refresh``. That there is no such wheel is taken only
    from pages that were asked for just now.

    Raises:
        CellError: there is no solution, or an index cannot be used; the reason tells which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    project, new = folder / "pyproject.toml", folder / "pylock.new.toml"
    command: list[str | Path] = [
        *(uv_bin(), "pip", "compile", project, "--python", python, "--no-python-downloads"),
        *("--format", "pylock.toml", "--output-file", new, "--only-binary", ":all:"),
        *("--no-header", "--no-annotate", "--no-progress", "--color", "never", "--quiet", "--cache-dir", cache),
    ]
    env = process.clean_environment(**settings.uv_settings())
    wanted = torch_requirements(cell, source)
    for torch, anew in [(torch, anew) for anew in sorted({refresh, True}) for torch in wanted]:
        write_atomically(project, _project([torch, *needs], source))
        new.unlink(missing_ok=True)  # else uv keeps to what it holds
        done = process.run([*command, *(["--refresh"] if anew else [])], log=log, env=env, timeout=timeout)
        if done.ok:
            new.replace(folder / "pylock.toml")
            return _with_sizes(load(folder / "pylock.toml", source))
        if done.timed_out:
            raise failures.CellError("resolve", "timed out", f"resolving took longer than {timeout:g} s")
        error = failures.of_resolving(done.output)
        if error.reason.kind not in {"no such release", "no such requirement", "no wheel", "conflict among pins"}:
            break
    raise _diagnosed(error, done.output, cell, source)


def _diagnosed(error: CellError, output: str, cell: Cell, source: Source) -> CellError:
    """The error of a resolution, with the true reason where the index's page tells another one than uv."""
    if error.reason.kind not in {"no such release", "no such requirement", "index unreachable"}:
        return error
    project = failures.missing_project(output) or "torch"
    own = source.index if project == "torch" else None
    if own is None and "UV_NO_INDEX" in {**settings.uv_settings(), **os.environ}:
        return error
    release = cell.torch if project == "torch" else None
    found = diagnosis.why_missing(own or pages.default_index(), project, release, source.label or cell.build)
    if found is None or (isinstance(found, MissingError) and project != "torch"):
        return _with_proxy(error)
    return CellError("resolve", found.kind, f"index {source.build if own else 'default'!r}: {project}: {found}")


def _with_proxy(error: CellError) -> CellError:
    """The error of an unreachable index, with the proxy on the way to it."""
    url = re.search(r"https?://[^\s`()]+", error.reason.message)
    if url is None or error.reason.kind != "index unreachable":
        return error
    return CellError(error.reason.stage, error.reason.kind, f"{error.reason.message}{through(url[0])}")


def _project(needs: Sequence[str], source: Source) -> str:
    """A project file for uv, which alone can say that torch comes from one index and the rest from the default.

    JSON's strings and arrays are TOML's too.
    """
    lines = [
        "[project]",
        'name = "cell"',
        'version = "0"',
        f"dependencies = {json.dumps(list(needs))}",
    ]
    if source.index is not None:
        lines += [
            "[tool.uv.sources]",
            'torch = { index = "torch" }',
            "[[tool.uv.index]]",
            'name = "torch"',
            f"url = {json.dumps(source.index)}",
            "explicit = true",
        ]
    return "\n".join(lines) + "\n"


def load(path: Path, source: Source) -> Lock:
    """Read a lock that was resolved before."""
    text = path.read_bytes()
    packages = tomllib.loads(text.decode())["packages"]
    asked = _asked_sizes(path)
    wheels = [_wheel(package, wheel) for package in packages for wheel in package.get("wheels", ())[:1]]
    return Lock(
        path=path,
        digest=hashlib.sha256(text).hexdigest(),
        wheels=tuple(dataclasses.replace(w, size=asked.get(w.url)) if w.size is None else w for w in wheels),
        source=source,
    )


def _wheel(package: Mapping[str, Any], wheel: Mapping[str, Any]) -> LockedWheel:
    return LockedWheel(
        name=package["name"],
        version=package["version"],
        url=wheel["url"] if "url" in wheel else Path(wheel["path"]).resolve().as_uri(),
        sha256=wheel["hashes"]["sha256"],
        size=wheel.get("size"),
    )


def _with_sizes(lock: Lock) -> Lock:
    """The lock with sizes that had to be asked for; they are kept beside it, for the plan."""
    unknown = [wheel.url for wheel in lock.wheels if wheel.size is None]
    if not unknown:
        return lock
    write_atomically(_sizes_file(lock.path), json.dumps(http.sizes(unknown), indent=0))
    return load(lock.path, lock.source)


def _asked_sizes(path: Path) -> dict[str, int]:
    try:
        asked: dict[str, int] = json.loads(_sizes_file(path).read_bytes())
    except (OSError, ValueError):
        return {}
    return asked


def _sizes_file(path: Path) -> Path:
    return path.with_name("sizes.json")


def hashed_requirements(wheels: Iterable[LockedWheel]) -> str:
    """Wheels as requirement lines with hashes, for ``uv pip install --require-hashes``.

    With ``===``, since ``==`` lets a wheel with a local label from a further source take the place of the locked one.
    """
    return "".join(f"{w.name}==={w.version} --hash=sha256:{w.sha256}\n" for w in wheels)


def public(text: str) -> str:
    """A version without its local label: the default index's metadata has none where ``torch.__version__`` has."""
    return Version(text).public
