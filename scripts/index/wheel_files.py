"""Wheels on an index: release, build, Python and platform, parsed from the file's name. Pure."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable
from typing import Final

from packaging.tags import Tag
from packaging.utils import BuildTag, InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from scripts.config import versions

_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64", "i686": "x86", "win32": "x86"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class WheelFile:
    """A wheel on an index. ``sha256`` and ``size`` (in bytes) are None if the index does not list them."""

    filename: str
    url: str
    sha256: str | None = None
    size: int | None = None
    yanked: str | None = None  # the reason, "" if none is given; None if not yanked

    @functools.cached_property
    def parsed(self) -> tuple[Version, BuildTag, frozenset[Tag]]:
        """Version, build tag and tags from the file's name. Raises `InvalidWheelFilename`."""
        _, version, build, tags = parse_wheel_filename(self.filename)
        return version, build, tags

    @property
    def release(self) -> str:
        """The version without local label."""
        return self.parsed[0].public

    @property
    def label(self) -> str | None:
        """The local label: ``cpu``, ``cu124``, …; None for wheels of the default index."""
        return self.parsed[0].local

    @property
    def build_tag(self) -> BuildTag:
        """The build tag, which distinguishes a re-uploaded wheel from the first one."""
        return self.parsed[1]

    @functools.cached_property
    def pythons(self) -> frozenset[str]:
        """Pythons in this project's notation (``3.11``, ``3.13t``); empty if the wheel is for any Python."""
        return frozenset(python for tag in self.parsed[2] if (python := _python(tag)))

    @functools.cached_property
    def platforms(self) -> frozenset[str]:
        """Platforms in this project's notation (``linux-x86_64``); empty if the wheel is for any platform."""
        return frozenset(platform for tag in self.parsed[2] for platform in _platforms(tag.platform))

    def fits(self, platform: str, python: str | None = None) -> bool:
        """Return True if the wheel's name allows its installation on a platform and Python."""
        return (not self.platforms or platform in self.platforms) and (
            python is None or not self.pythons or python in self.pythons
        )


def is_wheel(filename: str) -> bool:
    """Return True if a name is a valid wheel name; very old indexes list invalid ones."""
    try:
        parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return False
    return True


def _python(tag: Tag) -> str | None:
    match = re.fullmatch(r"cp3(\d+)", tag.interpreter)
    return f"3.{match[1]}{'t' if tag.abi.endswith('t') else ''}" if match else None


def _platforms(tag: str) -> list[str]:
    if tag == "any":
        return []
    system = "macos" if tag.startswith("macosx") else "windows" if tag.startswith("win") else "linux"
    if tag.endswith("universal2"):
        return [f"{system}-x86_64", f"{system}-aarch64"]
    match = re.search(r"(x86_64|aarch64|arm64|amd64|i686|win32|ppc64le|s390x|armv7l|riscv64)$", tag)
    return [f"{system}-{_MACHINES.get(match[1], match[1])}"] if match else []


def of_build(wheels: Iterable[WheelFile], build: str) -> list[WheelFile]:
    """Return the wheels with a build's label or without any; an index of one build may omit the label."""
    return [wheel for wheel in wheels if wheel.label in {None, build}]


def stable(wheels: Iterable[WheelFile]) -> list[WheelFile]:
    """Return the wheels of final releases: no nightlies, candidates or post-releases."""
    return [w for w in wheels if not (w.parsed[0].is_prerelease or w.parsed[0].is_postrelease)]


def one_per_release(wheels: Iterable[WheelFile], platform: str, python: str | None = None) -> dict[str, WheelFile]:
    """Return one wheel per release, in release order, for a platform and optionally a Python.

    Pure Python files are the same in all wheels of a release. The wheel for the newest Python that is not free-threaded
    is taken, and of several of these the latest upload; a yanked one only if all are yanked.
    """
    best: dict[str, WheelFile] = {}
    for wheel in sorted((w for w in wheels if w.fits(platform, python)), key=_preference):
        best[wheel.release] = wheel
    return dict(sorted(best.items(), key=lambda item: versions.version(item[0])))


def _preference(wheel: WheelFile) -> tuple[bool, bool, tuple[int, int, bool], BuildTag, str]:
    """Return a sort key; the greatest is preferred."""
    newest = max(map(versions.python_key, wheel.pythons), default=(0, 0, False))
    return wheel.yanked is None, not newest[2], newest, wheel.build_tag, wheel.filename
