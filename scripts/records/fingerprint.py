"""Fingerprints: digests of everything that decides what a record says. Pure.

The portable part is the same on every machine, so that records can be merged. The local part is what differs between
machines, such as a mirror; it is compared only for records that were made here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

#: Raised when the engine itself comes to run cells in a way that changes what records say.
_RULES: Final = 2

#: Bytes of a file that decide whether it is text, as git has it.
_HEAD: Final = 8000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Both parts for one cell, as hexadecimal digests."""

    portable: str
    local: str

    def matches(self, portable: str, local: str | None) -> bool:
        """Return whether a record with these parts is current; one that was made elsewhere has no local part."""
        return portable == self.portable and local in {None, self.local}


def of(
    *,
    cell: str,
    suite: str,
    requirements: Iterable[str],
    env: Mapping[str, str],
    gpu: bool,
    exclude_newer: str | None,
    index: str | None,
    settings: Mapping[str, object],
) -> Fingerprint:
    """Return the fingerprint of a cell.

    Args:
        cell: its id.
        suite: the digest of the suite's files, see `suite_digest`.
        requirements: everything that is installed besides torch, pins included, as PEP 508 texts.
        env: the variables that the suite declares.
        gpu: whether its tests see a GPU.
        exclude_newer: the timestamp from which files of an index are left out.
        index: the URL of the build's own index.
        settings: where everything else comes from, see `Settings.local`.
    """
    portable = {
        "rules": _RULES,
        "cell": cell,
        "suite": suite,
        "requirements": list(requirements),
        "env": dict(env),
        "gpu": gpu,
        "exclude newer": exclude_newer,
    }
    return Fingerprint(portable=_digest(portable), local=_digest({"index": index, "settings": dict(settings)}))


def suite_digest(files: Mapping[str, bytes]) -> str:
    """Return the digest of a suite's files by their names relative to it.

    It is independent of line endings, the order of files and the form of accents in names: in all of these,
    checkouts of one commit can differ. Names have ``/`` between folders.
    """
    total = hashlib.sha256()
    named = {unicodedata.normalize("NFC", name): content for name, content in files.items()}
    for name, content in sorted(named.items()):
        text = _normalised(content)
        total.update(f"{len(name)} {name} {len(text)} ".encode("utf-8", "surrogateescape"))
        total.update(text)
    return total.hexdigest()


def _normalised(content: bytes) -> bytes:
    return content if b"\0" in content[:_HEAD] else content.replace(b"\r\n", b"\n")


def _digest(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
