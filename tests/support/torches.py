"""Synthetic torch wheels, with file names of the real ones and, by default, the behaviour of their release."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from packaging.version import Version

from tests.support.behaviour import Behaviour
from tests.support.wheels import Wheel, build_package

_SOURCES: Final = Path(__file__).parent / "fake_torch"

#: "# since 1.10, before 2.14" at the end of a line: the releases that have it.
_MARK = re.compile(r"  # (?:since (?P<since>[\d.]+))?(?:, )?(?:before (?P<before>[\d.]+))?$")
#: Comments for this project's linters, which no real wheel has.
_REMARK = re.compile(r"  ?# (?:noqa|type: ignore).*$")

#: The releases whose `torch/nn/utils/parametrize.py` differs from that of the release before.
PARAMETRIZE_CHANGED: Final = (
    *("1.9.0", "1.10.0", "1.12.0", "1.13.0", "2.0.0", "2.1.0", "2.2.0", "2.4.0", "2.5.0", "2.6.0", "2.7.0", "2.8.0"),
    *("2.10.0", "2.11.0", "2.12.0", "2.14.0"),
)


def build_torch(
    version: str = "2.5.1",
    *,
    label: str | None = "cpu",
    cuda: str | None = None,
    git_version: str | None = None,
    inside: str | None = None,
    tag: str = "py3-none-any",
    build_tag: str = "",
    requires_python: str | None = None,
    requires: Sequence[str] = (),
    behaviour: Behaviour | None = None,
    size: int = 0,
    upload_time: dt.datetime | None = None,
) -> Wheel:
    """Return a wheel that imports as torch and, for the built-in suite, behaves as that release.

    Args:
        version: the release, such as ``1.12.1`` or ``2.16.0.dev20261101``.
        label: the local label of file name and metadata; None for the default index, whose wheels have none.
        cuda: ``torch.version.cuda``, such as ``12.4``; default: from a label such as ``cu124``.
        git_version: the commit; default: a digest of the version.
        inside: ``torch.__version__``; default: the version with the label, or with that of ``cuda``.
        tag: Python, ABI and platform, such as ``cp311-cp311-linux_x86_64``.
        build_tag: see `build_package`.
        requires_python: see `build_package`.
        requires: see `build_package`.
        behaviour: behaviour that differs from that of its release.
        size: bytes of padding that cannot be compressed.
        upload_time: time of the upload to the index.
    """
    cuda = cuda or _cuda_of(label)
    inner_label = label or (f"cu{cuda.replace('.', '')}" if cuda else None)
    reported_version = inside or version + (f"+{inner_label}" if inner_label else "")
    commit = git_version or hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()
    return build_package(
        "torch",
        version + (f"+{label}" if label else ""),
        files={
            **{f"torch/{name}": text for name, text in _sources(version).items()},
            "torch/version.py": _version_file(reported_version, cuda, commit),
            "torch/_behaviour.json": (behaviour or Behaviour()).dumps(),
        },
        requires=requires,
        requires_python=requires_python,
        tag=tag,
        build_tag=build_tag,
        size=size,
        upload_time=upload_time,
    )


def build_nightlies(
    days: int,
    *,
    last: dt.date = dt.date(2026, 11, 10),
    version: str = "2.16.0",
    label: str = "cpu",
    missing: Collection[dt.date] = (),
    unchanged: Collection[dt.date] = (),
    behaviour: Callable[[dt.date], Behaviour | None] = lambda _: None,
) -> list[Wheel]:
    """Return a wheel for each of a number of days up to the last, as the nightly channel has them.

    Args:
        days: number of days.
        last: the newest day.
        version: the next release.
        label: the local label.
        missing: days without a wheel.
        unchanged: days whose wheel is built from the commit of the day before.
        behaviour: behaviour of a day's wheel that differs from the releases.
    """
    wheels = []
    for day in (last - dt.timedelta(days=ago) for ago in reversed(range(days))):
        if day not in missing:
            commit = day
            while commit in unchanged:
                commit -= dt.timedelta(days=1)
            wheels.append(
                build_torch(
                    f"{version}.dev{day:%Y%m%d}",
                    label=label,
                    git_version=hashlib.sha1(f"{commit}".encode(), usedforsecurity=False).hexdigest(),
                    behaviour=behaviour(day),
                    upload_time=dt.datetime.combine(day, dt.time(8), dt.UTC),
                )
            )
    return wheels


def _cuda_of(label: str | None) -> str | None:
    match = re.fullmatch(r"cu(\d+)(\d)", label or "")
    return f"{match[1]}.{match[2]}" if match else None


def _version_file(version: str, cuda: str | None, commit: str) -> str:
    """Return the text of ``torch/version.py``, in the form it has since 1.12."""
    return (
        "from typing import Optional\n\n"
        "__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']\n"
        f"__version__ = {version!r}\ndebug = False\ncuda: Optional[str] = {cuda!r}\n"
        f"git_version = {commit!r}\nhip: Optional[str] = None\n"
    )


@cache
def _sources(version: str) -> dict[str, str]:
    """Return the files of the fake torch for a release, by their paths in the package."""
    release = Version(Version(version).base_version)
    changed = next((r for r in reversed(PARAMETRIZE_CHANGED) if Version(r) <= release), PARAMETRIZE_CHANGED[0])
    texts = {path.relative_to(_SOURCES).as_posix(): path.read_text("utf-8") for path in sorted(_SOURCES.rglob("*.py"))}
    texts["nn/utils/parametrize.py"] = texts["nn/utils/parametrize.py"].replace("Text of 0.0.0", f"Text of {changed}")
    return {name: "".join(f"{line}\n" for line in _lines(text, release)) for name, text in texts.items()}


def _lines(text: str, release: Version) -> Iterator[str]:
    """Yield the lines of a release, without marks and linter comments."""
    for line in text.splitlines():
        mark = _MARK.search(line)
        since, before = (mark["since"], mark["before"]) if mark else (None, None)
        if (since is None or release >= Version(since)) and (before is None or release < Version(before)):
            yield _REMARK.sub("", line[: mark.start()] if mark else line)
