"""Wheels as an index names them: release, build, Python and platform from the file's name. Pure."""

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
    """One wheel on an index. ``sha256`` and ``size`` (bytes) are None where the index does not tell."""

    filename: str
    url: str
    sha256: str | None = None
    size: int | None = None
    yanked: str | None = None  # the reason, "" for none given; None where it is not yanked

    @functools.cached_property
    def parsed(self) -> tuple[Version, BuildTag, frozenset[Tag]]:
        """Version, build tag and tags of the file's name. Raises `InvalidWheelFilename`."""
        _, version, build, tags = parse_wheel_filename(self.filename)
        return version, build, tags

    @property
    def release(self) -> str:
        """The version without local label."""
        return self.parsed[0].public

    @property
    def label(self) -> str | None:
        """The local label: ``cpu``, ``cu124``, …; the default index's wheels have none."""
        return self.parsed[0].local

    @property
    def build_tag(self) -> BuildTag:
        """What tells a re-uploaded wheel from the first one."""
        return self.parsed[1]

    @functools.cached_property
    def pythons(self) -> frozenset[str]:
        """Pythons as this project names them (``3.11``, ``3.13t``); empty for a wheel of any Python."""
        return frozenset(python for tag in self.parsed[2] if (python := _python(tag)))

    @functools.cached_property
    def platforms(self) -> frozenset[str]:
        """Platforms as this project names them (``linux-x86_64``); empty for a wheel of any platform."""
        return frozenset(platform for tag in self.parsed[2] for platform in _platforms(tag.platform))

    def fits(self, platform: str, python: str | None = None) -> bool:
        """Whether it can be installed there, by its name."""
        return (not self.platforms or platform in self.platforms) and (
            python is None or not self.pythons or python in self.pythons
        )


def is_wheel(filename: str) -> bool:
    """Whether a name on an index is a wheel's, and a proper one; very old indexes hold others."""
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
    """The wheels of a build: those with its label, and those without any, as on a page that holds one build."""
    return [wheel for wheel in wheels if wheel.label in {None, build}]


def stable(wheels: Iterable[WheelFile]) -> list[WheelFile]:
    """The wheels of releases: no nightlies, candidates and post-releases."""
    return [w for w in wheels if not (w.parsed[0].is_prerelease or w.parsed[0].is_postrelease)]


def one_a_release(wheels: Iterable[WheelFile], platform: str, python: str | None = None) -> dict[str, WheelFile]:
    """One wheel for each release, in the order of releases, for a platform and maybe a Python.

    A file of pure Python is the same in all of them, so one stands for all: that of the newest Python which isn't
    free-threaded, and of those the last that was uploaded. One that is yanked is taken only where all are.
    """
    chosen: dict[str, WheelFile] = {}
    for wheel in sorted((w for w in wheels if w.fits(platform, python)), key=_preference):
        chosen[wheel.release] = wheel
    return dict(sorted(chosen.items(), key=lambda item: versions.version(item[0])))


def _preference(wheel: WheelFile) -> tuple[bool, bool, tuple[int, int, bool], BuildTag, str]:
    """The last is the best."""
    newest = max(map(versions.python_key, wheel.pythons), default=(0, 0, False))
    return wheel.yanked is None, not newest[2], newest, wheel.build_tag, wheel.filename
