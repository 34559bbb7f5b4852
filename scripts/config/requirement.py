"""Requirements as people write them: PEP 508 lines, URLs, and paths of folders, sdists and wheels.

Whatever is accepted becomes one PEP 508 line with an absolute URL, which is all that other modules see.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from scripts.config import project_name
from scripts.core import urls

_REMEDY: Final = "write one like 'numpy<2', './mylib[test]' or 'mylib @ git+https://example.org/mylib@main'"
_TESTED: Final = "torch"
_GIT: Final = ("git+https", "git+http", "git+ssh", "git+file")
_EDITABLE: Final = re.compile(r"(?:-e|--editable)(?:\s+|=|(?=[./~]))(?P<rest>.+)", re.DOTALL)
_WITH_EXTRAS: Final = re.compile(r"(?P<path>.*?)\s*(?P<extras>\[[^\[\]]*\])?", re.DOTALL)
_NAMED: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?P<extras>\[[^\[\]]*\])?\s*@\s*(?P<where>\S.*)", re.DOTALL)


class RequirementError(ValueError):
    """A text that is not a requirement; the message has the text, the problem and the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Written:
    """The parts of a requirement with a location, as written."""

    text: str
    where: str
    name: str | None = None
    extras: str = ""
    marker: str = ""

    def line(self, url: str, name: str | None) -> str:
        """Return the PEP 508 line. Raise `RequirementError` if a part is invalid."""
        if name is None:
            raise RequirementError(f"{self.text!r}: no package name found there; write 'NAME @ {url}'")
        line = f"{name}{self.extras} @ {url}" + (f" ; {self.marker}" if self.marker else "")
        return str(_parsed(line, self.text))

    def named(self, found: str | None) -> str | None:
        """Return the package's name. Raise `RequirementError` if the written name differs from the one found."""
        if self.name and found and canonicalize_name(self.name) != canonicalize_name(found):
            raise RequirementError(f"{self.text!r}: that is {found!r}; write {found!r} instead of {self.name!r}")
        return self.name or found


def parse(text: str, folder: Path) -> str:
    """Return a requirement as a PEP 508 line with an absolute URL, if it has one.

    An editable requirement means its folder, which is built into a wheel.

    Args:
        text: a requirement in the syntax of pip and uv.
        folder: the base of relative paths.

    Raises:
        RequirementError: not a requirement, or its file does not exist.
    """
    stripped = text.strip()
    if not stripped or not stripped.isprintable():
        raise RequirementError(f"{text!r} is not a requirement; {_REMEDY}")
    line = _line(stripped, folder)
    if canonicalize_name(Requirement(line).name) == _TESTED:
        raise RequirementError(f"{text!r}: torch itself is under test and can't be required; name another package")
    return line


def _line(text: str, folder: Path) -> str:
    if editable := _EDITABLE.fullmatch(text):
        return _located(_split(editable["rest"].strip(), text), folder)
    if text.startswith("-"):
        raise RequirementError(f"{text!r} is an option, not a requirement; {_REMEDY}")
    if _looks_like_path(text) or _scheme(text):
        return _located(_split(text, text), folder)
    if named := _NAMED.fullmatch(text):
        where, marker = _without_marker(named["where"])
        return _located(
            _Written(text=text, where=where, name=named["name"], extras=named["extras"] or "", marker=marker), folder
        )
    _parsed(text, text)
    return text


def _parsed(line: str, text: str) -> Requirement:
    try:
        return Requirement(line)
    except (InvalidRequirement, RecursionError):
        raise RequirementError(f"{text!r} is not a PEP 508 requirement; {_REMEDY}") from None


def _looks_like_path(text: str) -> bool:
    """Return whether pip takes a text for a path: it has a separator, or starts with a dot."""
    head = text.partition("@")[0].partition(";")[0]
    return head.startswith((".", "~")) or "/" in head or "\\" in head


def _scheme(text: str) -> str:
    return match[1].lower() if (match := re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(?!\\)", text)) else ""


def _split(text: str, whole: str) -> _Written:
    """Split a requirement without a name into location, extras and marker."""
    where, marker = _without_marker(text)
    if Path(where).is_absolute() and _exists(Path(where)):
        return _Written(text=whole, where=where, marker=marker)  # a file name may contain brackets
    match = _WITH_EXTRAS.fullmatch(where)
    extras = (match["extras"] or "") if match else ""
    return _Written(text=whole, where=match["path"] if match else where, extras=extras, marker=marker)


def _without_marker(text: str) -> tuple[str, str]:
    """Split off a marker, which follows a space and a semicolon: a path may contain semicolons."""
    where, _, marker = text.partition(" ;")
    try:
        return (where.strip(), str(Marker(marker))) if marker.strip() else (text.strip(), "")
    except (InvalidMarker, RecursionError):
        return text.strip(), ""


def _located(written: _Written, folder: Path) -> str:
    """Return the line of a requirement with a location."""
    scheme = _scheme(written.where)
    if scheme == "file":
        try:
            path = urls.to_path(written.where)
        except (ValueError, OSError) as error:
            raise RequirementError(f"{written.text!r}: {error}") from None
        return _local(written, path, folder)
    if not scheme or _exists(folder / written.where):
        return _local(written, Path(written.where), folder)
    return _remote(written, _address(written), scheme)


def _address(written: _Written) -> SplitResult:
    try:
        parts = urlsplit(written.where)
        _ = parts.port
    except ValueError as error:
        raise RequirementError(f"{written.text!r} is not a URL: {error}") from None
    return parts


def _remote(written: _Written, parts: SplitResult, scheme: str) -> str:
    """Return the line of a package at a URL, without requesting it."""
    named = re.search(r"(?:^|&)egg=([A-Za-z0-9._-]+)", parts.fragment)
    if scheme in _GIT and (parts.netloc or scheme == "git+file") and parts.path.strip("/"):
        stem = re.sub(r"(\.git)?(@[^/]*)?$", "", parts.path.rstrip("/")).rpartition("/")[2]
        name = written.name or (named[1] if named else None)
        if name is None:
            raise RequirementError(f"{written.text!r} has no name; write '{stem or 'NAME'} @ {written.where}'")
        return written.line(written.where, name)
    if scheme in {"http", "https"} and parts.netloc:
        filename = urls.filename(written.where)
        if filename.endswith((".whl", *project_name.ARCHIVES)):
            found = project_name.of_file(filename)
            return written.line(written.where, written.named(found if filename.endswith(".whl") else None) or found)
        raise RequirementError(
            f"{written.text!r} is neither a wheel nor an archive ({', '.join(project_name.ARCHIVES)}); "
            "for a repository write 'NAME @ git+https://…'"
        )
    raise RequirementError(f"{written.text!r}: {scheme}: is not supported; use https, file or {', '.join(_GIT)}")


def _local(written: _Written, path: Path, folder: Path) -> str:
    """Return the line of a package on this machine."""
    try:
        target = (folder / path.expanduser()).resolve()
        is_folder, is_file = target.is_dir(), target.is_file()
        url = urls.of_path(target)
    except (OSError, ValueError, RuntimeError) as error:
        raise RequirementError(f"{written.text!r}: cannot be read: {error}") from None
    if is_folder:
        if not any(_exists(target / name) for name in ("pyproject.toml", "setup.py")):
            raise RequirementError(f"{written.text!r}: {target} has neither pyproject.toml nor setup.py")
        return written.line(url, written.named(project_name.of_folder(target)))
    if not is_file:
        raise RequirementError(f"{written.text!r}: no such file or directory: {target}; {_REMEDY}")
    found = project_name.of_file(target.name)
    if target.name.endswith(".whl") and found is None:
        raise RequirementError(f"{written.text!r}: {target.name} is not a valid wheel name; restore the original name")
    if not target.name.endswith((".whl", *project_name.ARCHIVES)):
        raise RequirementError(f"{written.text!r}: {target.name} is neither a wheel nor an archive of sources")
    return written.line(url, written.named(found) if target.name.endswith(".whl") else written.name or found)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
