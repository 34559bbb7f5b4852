"""Tiny wheels that installers accept: a zip with METADATA, WHEEL and a RECORD with the right hashes.

Written with `zipfile`: build backends need a project folder and include the current time, while these wheels must have
the same bytes each time, and some are damaged on purpose.
"""

from __future__ import annotations

import base64
import csv
import dataclasses
import datetime as dt
import hashlib
import importlib.metadata
import io
import random
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: The oldest time that a zip file can hold.
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)

#: Files that an installer adds to those of a distribution.
_ADDED_BY_INSTALLERS: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel in memory, with the details on an index page."""

    filename: str
    content: bytes = dataclasses.field(repr=False)
    metadata: str = dataclasses.field(repr=False)
    requires_python: str | None = None
    upload_time: dt.datetime = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

    @property
    def name(self) -> str:
        """The normalised name of the project."""
        return canonicalize_name(self.filename.split("-")[0])

    @property
    def version(self) -> str:
        """The version in the file name, with its local label."""
        return self.filename.split("-")[1]

    @property
    def sha256(self) -> str:
        """The actual hash of the content."""
        return hashlib.sha256(self.content).hexdigest()

    def write(self, folder: Path) -> Path:
        """Write the wheel to a folder under its name; return the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.filename
        path.write_bytes(self.content)
        return path


class Sdist(Wheel):
    """An sdist in memory, which an index lists like a wheel, but without metadata."""

    @property
    def version(self) -> str:
        """The version in the file name."""
        return super().version.removesuffix(".tar.gz")


def read_sdist(path: Path) -> Sdist:
    """Return the sdist in a file."""
    return Sdist(filename=path.name, content=path.read_bytes(), metadata="")


def build_package(
    name: str,
    version: str,
    *,
    files: Mapping[str, str | bytes] | None = None,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    tag: str = "py3-none-any",
    build_tag: str = "",
    size: int = 0,
    upload_time: dt.datetime | None = None,
) -> Wheel:
    """Return a wheel of any package. The same arguments give the same bytes.

    Args:
        name: the project, and the module if ``files`` is not given.
        version: with or without a local label.
        files: contents by path in the wheel.
        requires: requirement lines.
        requires_python: the specifier of the Pythons it supports.
        tag: Python, ABI and platform.
        build_tag: distinguishes a wheel from an earlier upload of the same version: ``1``.
        size: bytes of padding that cannot be compressed.
        upload_time: time of the upload to the index.
    """
    module = name.replace("-", "_").replace(".", "_")
    metadata = _metadata(name, version, requires, requires_python)
    own = {f"{module}/__init__.py": f"__version__ = {version!r}\n"} if files is None else files
    # Padding comes first, like the libraries in a real wheel, so that reading the end of the file does not read it.
    padding = {f"{module}/lib/padding.bin": random.Random(f"{name} {version}").randbytes(size)} if size else {}
    info = f"{module}-{version}.dist-info"
    wheel = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {str(tag.endswith('any')).lower()}\nTag: {tag}\n"
    parts = [module, version, *([build_tag] if build_tag else []), tag]
    return Wheel(
        filename="-".join(parts) + ".whl",
        content=_zipped({**padding, **own, f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel}, info),
        metadata=metadata,
        requires_python=requires_python,
        **({"upload_time": upload_time} if upload_time else {}),
    )


def _metadata(name: str, version: str, requires: Sequence[str], requires_python: str | None) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    return "\n".join([*lines, *(f"Requires-Dist: {line}" for line in requires), ""])


def _zipped(files: Mapping[str, str | bytes], info: str) -> bytes:
    """Return the archive of a wheel, with RECORD as its last file."""
    contents = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    contents[f"{info}/RECORD"] = _record(contents, info).encode()
    return _archive(contents)


def _record(contents: Mapping[str, bytes], info: str) -> str:
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow([name, f"sha256={digest}", len(content)])
    rows.writerow([f"{info}/RECORD", "", ""])
    return lines.getvalue()


def _archive(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


# --- real packages ------------------------------------------------------------------------------------------------


#: Files of packages that pytest does not import: most of Pygments, which would be unpacked for every project.
_UNUSED: Final = re.compile(
    r"pygments/lexers/(?!(__init__|_mapping|diff|python|special)\.py).*"
    r"|pygments/styles/(?!(__init__|_mapping|default)\.py).*"
)


def installed(*names: str) -> list[Wheel]:
    """Return wheels of packages in the environment of the tests, and of their requirements.

    Cells run the real pytest; packed from the environment, it needs no network. Packages must be pure Python.
    """
    wheels: dict[str, Wheel] = {}
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in wheels:
            distribution = importlib.metadata.distribution(name)
            wheels[name] = _packed(distribution)
            waiting += _needed(distribution)
    return list(wheels.values())


def _needed(distribution: importlib.metadata.Distribution) -> Iterator[str]:
    for line in distribution.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def _packed(distribution: importlib.metadata.Distribution) -> Wheel:
    tags = [line.split()[1] for line in (distribution.read_text("WHEEL") or "").splitlines() if line.startswith("Tag:")]
    if not tags or not tags[-1].endswith("none-any"):
        raise ValueError(f"{distribution.name} is not pure Python, so it cannot be packed")
    metadata = distribution.read_text("METADATA") or ""
    contents: dict[str, str | bytes] = {}
    for file in distribution.files or ():
        own = ".." not in file.parts and "__pycache__" not in file.parts and file.name not in _ADDED_BY_INSTALLERS
        if own and not _UNUSED.fullmatch(file.as_posix()):
            contents[file.as_posix()] = file.read_binary()
    info = next(name for name in contents if name.endswith(".dist-info/METADATA")).split("/")[0]
    return Wheel(
        filename=f"{info.removesuffix('.dist-info')}-{tags[-1]}.whl",
        content=_zipped(contents, info),
        metadata=metadata,
        requires_python=distribution.metadata["Requires-Python"],
    )


# --- damage -------------------------------------------------------------------------------------------------------


def truncated(wheel: Wheel) -> Wheel:
    """Return the first half of a wheel, as after a broken upload, with a matching hash."""
    return dataclasses.replace(wheel, content=wheel.content[: len(wheel.content) // 2])


def tampered(wheel: Wheel, changes: Mapping[str, bytes | None]) -> Wheel:
    """Return a wheel with files changed, added or (None) removed, and with its RECORD unchanged."""
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    changed = {name: content for name, content in {**contents, **changes}.items() if content is not None}
    return dataclasses.replace(wheel, content=_archive(changed))
