"""Fingerprints: digests of everything that determines the content of a record. Pure.

The portable part is the same on every machine, so that records can be merged. The local part covers what differs
between machines, such as a mirror; it is compared only for records of this machine.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Final

#: Incremented when a change of the engine itself changes the content of records.
_RULES: Final = 2

#: Bytes at the start of a file that decide if it is text, as in git.
_HEAD: Final = 8000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Both parts of a cell's fingerprint, as hexadecimal digests."""

    portable: str
    local: str

    def matches(self, portable: str, local: str | None) -> bool:
        """Return True if a record with these parts is current; one of another machine has no local part."""
        return portable == self.portable and local in {None, self.local}


def of(
    *,
    cell: str,
    suite: str,
    requirements: Iterable[str],
    env: Mapping[str, str],
    plugins: bool,
    gpu: bool,
    exclude_newer: str | None,
    index: str | None,
    settings: Mapping[str, object],
    companions: Collection[str] = (),
) -> Fingerprint:
    """Return the fingerprint of a cell.

    Args:
        cell: the id of the cell.
        suite: the digest of the suite's files, see `suite_digest`.
        requirements: everything installed besides torch, including pins, as PEP 508 texts.
        env: the variables declared by the suite.
        plugins: whether pytest loads installed plugins.
        gpu: whether the tests may use a GPU.
        exclude_newer: the timestamp from which on files of an index are ignored.
        index: the URL of the build's own index.
        settings: the sources of everything else, see `Settings.local`.
        companions: required packages that come from the index of torch.
    """
    portable = {
        "rules": _RULES,
        "cell": cell,
        "suite": suite,
        "requirements": list(requirements),
        "env": dict(env),
        "plugins": plugins,
        "gpu": gpu,
        "exclude newer": exclude_newer,
        **({"companions": sorted(companions)} if companions else {}),  # so that records without any stay current
    }
    return Fingerprint(portable=_digest(portable), local=_digest({"index": index, "settings": dict(settings)}))


def suite_digest(files: Mapping[str, bytes]) -> str:
    """Return the digest of a suite's files by their names, relative to the suite and with ``/`` between folders.

    It is independent of line endings, the order of files and the Unicode normal form of names: checkouts of one commit
    can differ in these.
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
