"""What a cell needs, and its lock (``pylock.toml``, PEP 751): exactly what is installed."""

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
from scripts.core import urls
from scripts.core.errors import MatrixError
from scripts.core.files import write_atomically
from scripts.index import http
from scripts.index.sources import Source
from scripts.run import pylock
from scripts.run.pylock import Package


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
    direct: bool = False  # asked for by its URL, not found on an index

    @property
    def filename(self) -> str:
        """The wheel's file name, with its local label as it is."""
        return urls.filename(self.url)


class LockError(MatrixError):
    """A file is not a lock that cells can be installed from."""

    def __init__(self, path: Path, problem: object) -> None:
        what = " ".join(str(problem).split())
        super().__init__(f"{path}: not a lock of a cell ({what}); remove it, and the next run resolves anew")


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


def load(path: Path, source: Source) -> Lock:
    """Read a lock that was resolved before.

    Raises:
        LockError: it can't be read, is not a lock, or holds something else than wheels with their hashes.
    """
    try:
        text = path.read_bytes()
        packages = pylock.parse(text)
        wheels = [_wheel(package) for package in packages]
    except (OSError, ValueError) as error:
        raise LockError(path, error) from error
    if not any(wheel.name == "torch" for wheel in wheels):
        raise LockError(path, "torch is not in it")
    asked = _asked_sizes(path)
    return Lock(
        path=path,
        digest=hashlib.sha256(text).hexdigest(),
        wheels=tuple(dataclasses.replace(w, size=asked.get(w.url)) if w.size is None else w for w in wheels),
        source=source,
    )


def _wheel(package: Package) -> LockedWheel:
    """Return a package's wheel. Raise `ValueError` where the lock has none, or no hash of it."""
    file = package.wheel
    if file is None or package.version is None or file.sha256 is None:
        raise ValueError(f"{package.name} has no wheel with a sha256 in it")
    return LockedWheel(
        name=package.name,
        version=package.version,
        url=file.location,
        sha256=file.sha256,
        size=file.size,
        direct=file is package.archive,
    )


def with_sizes(lock: Lock) -> Lock:
    """Return the lock with sizes that had to be asked for; they are kept beside it, for the plan."""
    unknown = [wheel.url for wheel in lock.wheels if wheel.size is None]
    if not unknown:
        return lock
    write_atomically(_sizes_file(lock.path), json.dumps(http.sizes(unknown), indent=0))
    return load(lock.path, lock.source)


def _asked_sizes(path: Path) -> dict[str, int]:
    """Return the sizes that were asked for; without them, or with a broken file, they are unknown."""
    try:
        asked = json.loads(_sizes_file(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(asked, dict):
        return {}
    return {url: size for url, size in asked.items() if type(size) is int and size >= 0}


def _sizes_file(path: Path) -> Path:
    return path.with_name("sizes.json")


def hashed_requirements(wheels: Iterable[LockedWheel]) -> str:
    """Wheels as requirement lines with hashes, for ``uv pip install --require-hashes``.

    With ``===``, since ``==`` lets a wheel with a local label from a further source take the place of the locked one.
    A wheel that was asked for by its URL is on no index.
    """
    return "".join(
        f"{w.name}{f' @ {w.url}' if w.direct else f'==={w.version}'} --hash=sha256:{w.sha256}\n" for w in wheels
    )


def public(text: str) -> str:
    """A version without its local label: the default index's metadata has none where ``torch.__version__`` has."""
    return Version(text).public
