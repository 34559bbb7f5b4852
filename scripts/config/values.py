"""Values of ``matrix.toml``: each with what it may be, and a message that says what to write instead."""

from __future__ import annotations

import re
from typing import Annotated

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, Field, ValidationInfo

from scripts.config import requirement
from scripts.paths import MATRIX_TOML


def _specifier(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise ValueError(f"{text!r} is no PEP 440 specifier; write one like '>=1.9,<2.3'") from None
    return text


def _release(text: str) -> str:
    try:
        parsed = Version(text)
    except InvalidVersion:
        raise ValueError(f"{text!r} is no PEP 440 version; write one like '2.5.1'") from None
    if parsed.local or str(parsed) != text:
        raise ValueError(f"{text!r} must be a plain public version; write {parsed.public!r}")
    return text


def _requirement(text: str, info: ValidationInfo) -> str:
    return requirement.parse(text, (info.context or {}).get("folder", MATRIX_TOML.parent))


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


Specifier = Annotated[str, AfterValidator(_specifier), Field(description="A PEP 440 specifier, such as '>=1.9,<2.3'.")]
Release = Annotated[str, AfterValidator(_release), Field(description="A torch version without local label.")]
Require = Annotated[str, AfterValidator(_requirement), Field(description="PEP 508, or a path relative to this file.")]
Pattern = Annotated[str, AfterValidator(_pattern), Field(description="A regular expression, searched for.")]
PythonName = Annotated[str, Field(pattern=r"^3\.\d+t?$", description="A Python, such as '3.11'.")]
BuildName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9.]*$", description="A build, such as 'cpu' or 'cu124'.")]
