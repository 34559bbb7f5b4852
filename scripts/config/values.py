"""Types of the values in ``matrix.toml``, with error messages that name the remedy."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, Field, ValidationInfo

from scripts.config import requirement
from scripts.core.paths import MATRIX_TOML


def _specifier(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise ValueError(f"not a PEP 440 specifier: {text!r}; example: '>=1.9,<2.3'") from None
    return text


def _release(text: str) -> str:
    try:
        parsed = Version(text)
    except InvalidVersion:
        raise ValueError(f"not a PEP 440 version: {text!r}; example: '2.5.1'") from None
    if parsed.local or str(parsed) != text:
        raise ValueError(f"not a normalized public version: {text!r}; write {parsed.public!r}")
    return text


def _requirement(text: str, info: ValidationInfo) -> str:
    return requirement.parse(text, (info.context or {}).get("folder", MATRIX_TOML.parent))


def _companion(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text):
        raise ValueError(f"not the name of a package: {text!r}; write it without version: 'torchvision'")
    if canonicalize_name(text) == "torch":
        raise ValueError("'torch' always comes from the build's index; list only packages beside it")
    return str(canonicalize_name(text))


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {text!r} ({error})") from None
    return text


def timestamp(text: str) -> str:
    """Return a date (the end of that day) or an RFC 3339 timestamp as a timestamp in UTC.

    Raises:
        ValueError: ``text`` is neither.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) + dt.timedelta(days=1)
        else:
            moment = dt.datetime.strptime(text.upper().replace(" ", "T"), "%Y-%m-%dT%H:%M:%S%z").astimezone(dt.UTC)
    except (ValueError, OverflowError):
        example = "2026-01-31 or 2026-01-31T12:00:00Z"
        raise ValueError(f"not a date or a timestamp with a time zone: {text!r}; example: {example}") from None
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


Specifier = Annotated[str, AfterValidator(_specifier), Field(description="A PEP 440 specifier, such as '>=1.9,<2.3'.")]
Release = Annotated[str, AfterValidator(_release), Field(description="A torch version without local label.")]
Require = Annotated[str, AfterValidator(_requirement), Field(description="PEP 508, or a path relative to this file.")]
Companion = Annotated[str, AfterValidator(_companion), Field(description="The name of a package.")]
Pattern = Annotated[str, AfterValidator(_pattern), Field(description="A regular expression, searched for.")]
PythonName = Annotated[str, Field(pattern=r"^3\.\d+t?$", description="A Python, such as '3.11'.")]
BuildName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9.]*$", description="A build, such as 'cpu' or 'cu124'.")]
Timestamp = Annotated[str, AfterValidator(timestamp), Field(description="A day, or an RFC 3339 timestamp.")]
