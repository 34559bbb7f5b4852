"""Order and ranges of releases and Pythons. Pure."""

from __future__ import annotations

import functools

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@functools.cache
def version(text: str) -> Version:
    """Return the PEP 440 version of ``text``; cached, because sorting parses the same texts many times."""
    return Version(text)


@functools.cache
def specifier(text: str) -> SpecifierSet:
    """Return the PEP 440 specifier of ``text``; cached like `version`."""
    return SpecifierSet(text)


def matches(release: str, spec: str) -> bool:
    """Return whether a release lies within a PEP 440 specifier; nightlies and candidates count by their order."""
    return specifier(spec).contains(version(release), prereleases=True)


@functools.cache
def python_key(python: str) -> tuple[int, int, bool]:
    """Return the sort key of a Python: ``3.9`` before ``3.11`` before ``3.13`` before ``3.13t``."""
    major, minor = python.removesuffix("t").split(".")
    return int(major), int(minor), python.endswith("t")
