"""Parse the parts of a lock (``pylock.toml``, PEP 751) that cells need. Pure."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

from scripts.core import urls


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, defer_build=True)


def _sha256(hashes: dict[str, str]) -> dict[str, str]:
    if "sha256" in hashes and not hashes["sha256"].isalnum():
        raise ValueError("not a sha256")
    return hashes


class File(_Table):
    """A file of a package: a wheel, an sdist or another archive."""

    url: str | None = None
    path: str | None = None
    subdirectory: str | None = None
    size: int | None = None
    hashes: Annotated[dict[str, str], AfterValidator(_sha256)] = {}

    @model_validator(mode="after")
    def _is_somewhere(self) -> File:
        if not self.url and not self.path:
            raise ValueError("neither url nor path")
        return self

    @property
    def location(self) -> str:
        """URL of the file; a file URL for a local one."""
        return self.url or urls.of_path(Path(self.path or "").resolve())

    @property
    def sha256(self) -> str | None:
        """Hash of the file, if the lock has one."""
        return self.hashes.get("sha256")


class Repository(_Table):
    """A commit of a repository."""

    type: str
    url: str
    commit_id: str
    subdirectory: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _dashed(cls, data: Any) -> Any:
        return {key.replace("-", "_"): value for key, value in data.items()} if isinstance(data, dict) else data


class Directory(_Table):
    """A folder of sources."""

    path: str
    subdirectory: str | None = None


class Package(_Table):
    """One package of a lock."""

    name: str
    version: str | None = None
    wheels: tuple[File, ...] = ()
    archive: File | None = None
    sdist: File | None = None
    vcs: Repository | None = None
    directory: Directory | None = None

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("wheels"), list):
            return {**data, "wheels": tuple(data["wheels"])}
        return data

    @property
    def wheel(self) -> File | None:
        """The wheel to install, or None; an archive can be a wheel too."""
        if self.wheels:
            return self.wheels[0]
        return self.archive if self.archive and urls.filename(self.archive.location).endswith(".whl") else None

    @property
    def as_requirement(self) -> str | None:
        """The package as a PEP 508 line with its URL; None for a wheel with a hash."""
        if self.wheel is not None:
            return None if self.wheel.sha256 else f"{self.name} @ {self.wheel.location}"
        url, subdirectory = self._sources()
        return f"{self.name} @ {url}" + (f"#subdirectory={subdirectory}" if subdirectory else "")

    def _sources(self) -> tuple[str, str | None]:
        if (file := self.archive or self.sdist) is not None:
            return file.location, file.subdirectory
        if self.vcs is not None:
            return f"{self.vcs.type}+{self.vcs.url}@{self.vcs.commit_id}", self.vcs.subdirectory
        if self.directory is not None:
            return urls.of_path(Path(self.directory.path).resolve()), self.directory.subdirectory
        raise ValueError(f"{self.name} has neither a wheel nor sources in it")


def parse(text: bytes) -> list[Package]:
    """Return the packages of a lock. Raise `ValueError` for invalid content."""
    try:
        data: Any = tomllib.loads(text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    packages = data.get("packages")
    if not isinstance(packages, list):
        raise ValueError("no list of packages")  # noqa: TRY004 - invalid content, not a wrong argument
    try:
        return [Package.model_validate(package) for package in packages]
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"packages: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
