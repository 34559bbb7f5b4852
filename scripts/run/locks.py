"""Requirements of a cell, and its lock (``pylock.toml``, PEP 751)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core import urls
from scripts.core.errors import MatrixError
from scripts.core.files import write_atomically
from scripts.index import http
from scripts.index.sources import Source
from scripts.run import pylock
from scripts.run.pylock import Package


@dataclasses.dataclass(frozen=True, kw_only=True)
class LockedWheel:
    """One wheel of a lock. ``size`` in bytes, or None if neither the index nor the server has it.

    The hash is always known: uv downloads a wheel without one, such as a nightly, to lock it.
    """

    name: str
    version: str
    url: str
    sha256: str
    size: int | None
    direct: bool = False  # required by its URL, not found on an index

    @property
    def filename(self) -> str:
        """File name of the wheel, with its local label."""
        return urls.filename(self.url)


class LockError(MatrixError):
    """A file is not a lock from which cells can be installed."""

    def __init__(self, path: Path, problem: object) -> None:
        reason = " ".join(str(problem).split())
        super().__init__(f"{path}: not a lock of a cell ({reason}); remove it to resolve the cell again")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lock:
    """The wheels of a cell's environment."""

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
        """Versions of the packages, by name."""
        return {wheel.name: wheel.version for wheel in self.wheels}


def requirements(matrix: Matrix, suite: Suite, cell: Cell, extra: Sequence[str] = ()) -> list[str]:
    """Return the requirements of a cell besides torch: pins, those of the suite, and ``extra``.

    An extra requirement replaces a pin on the same package, so that other pins can be tried.
    """
    replaced = {canonicalize_name(Requirement(text).name) for text in extra}
    pins = [pin.require for pin in matrix.pins_for(cell.torch)]
    declared = [text for text in (*pins, *suite.require) if canonicalize_name(Requirement(text).name) not in replaced]
    return [*declared, *extra]


def companions(matrix: Matrix, needs: Iterable[str]) -> list[str]:
    """Return the companions of torch among some requirements, by their normalised names."""
    return [name for line in needs if (name := canonicalize_name(Requirement(line).name)) in matrix.companions]


def load(path: Path, source: Source) -> Lock:
    """Return the lock in a file.

    Raises:
        LockError: the file cannot be read, is not a lock, or has a package without a hashed wheel.
    """
    try:
        text = path.read_bytes()
        packages = pylock.parse(text)
        wheels = [_wheel(package) for package in packages]
    except (OSError, ValueError) as error:
        raise LockError(path, error) from error
    if not any(wheel.name == "torch" for wheel in wheels):
        raise LockError(path, "no torch wheel")
    requested = _requested_sizes(path)
    return Lock(
        path=path,
        digest=hashlib.sha256(text).hexdigest(),
        wheels=tuple(dataclasses.replace(w, size=requested.get(w.url)) if w.size is None else w for w in wheels),
        source=source,
    )


def _wheel(package: Package) -> LockedWheel:
    """Return the wheel of a package. Raise `ValueError` if it has none, or none with a hash."""
    file = package.wheel
    if file is None or package.version is None or file.sha256 is None:
        raise ValueError(f"{package.name} has no wheel with a sha256")
    return LockedWheel(
        name=package.name,
        version=package.version,
        url=file.location,
        sha256=file.sha256,
        size=file.size,
        direct=file is package.archive,
    )


def with_sizes(lock: Lock) -> Lock:
    """Return the lock with missing sizes, requested from the servers and saved beside the lock for the plan."""
    unknown = [wheel.url for wheel in lock.wheels if wheel.size is None]
    if not unknown:
        return lock
    write_atomically(_sizes_file(lock.path), json.dumps(http.sizes(unknown), indent=0))
    return load(lock.path, lock.source)


def _requested_sizes(path: Path) -> dict[str, int]:
    """Return the saved sizes of wheels by URL; empty if the file is missing or invalid."""
    try:
        sizes = json.loads(_sizes_file(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(sizes, dict):
        return {}
    return {url: size for url, size in sizes.items() if type(size) is int and size >= 0}


def _sizes_file(path: Path) -> Path:
    return path.with_name("sizes.json")


def hashed_requirements(wheels: Iterable[LockedWheel]) -> str:
    """Return wheels as requirement lines with hashes, for ``uv pip install --require-hashes``.

    ``===`` instead of ``==``: the latter also accepts a wheel with a local label from another source.
    A wheel required by its URL keeps the URL: no index has it.
    """
    return "".join(
        f"{w.name}{f' @ {w.url}' if w.direct else f'==={w.version}'} --hash=sha256:{w.sha256}\n" for w in wheels
    )


def public(text: str) -> str:
    """Return a version without its local label, which the default index's metadata lack."""
    return Version(text).public
