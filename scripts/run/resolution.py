"""Resolve a cell's requirements to a lock with uv. Packages without a wheel are built first."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from scripts.config.cell import Cell
from scripts.core import processes
from scripts.core.files import write_atomically
from scripts.index import listings, settings
from scripts.index.errors import MissingError, through
from scripts.index.sources import Source
from scripts.run import companions, failures, locks, pylock, wheel_builder
from scripts.run.companions import Companions
from scripts.run.failures import CellError
from scripts.run.interpreters import uv_bin
from scripts.run.locks import Lock
from scripts.run.wheel_builder import Target, WheelBuilder


def torch_requirements(cell: Cell, source: Source) -> list[str]:
    """Return requirements for torch, in the order in which they are tried.

    With a fallback, a local folder or an extra index may still have wheels with the label of the requested build;
    otherwise the plain version is required, never another build's label.
    """
    plain = f"torch=={cell.torch}"
    if source.label is not None:
        return [f"{plain}+{source.label}" if source.label else f"torch==={cell.torch}"]
    if source.fallback is None or not settings.further_sources():
        return [plain]
    return [f"torch=={cell.torch}+{cell.build}", f"torch==={cell.torch}", plain]


def resolve(
    cell: Cell,
    *,
    source: Source,
    needs: Sequence[str],
    target: Target,
    builder: WheelBuilder,
    folder: Path,
    timeout: float,
    refresh: bool = False,
    beside: Collection[str] = (),
) -> Lock:
    """Resolve a cell's requirements with uv; save the lock in ``folder`` and return it.

    Packages in ``beside`` come from the index of torch, whoever requires them.

    The target's ``exclude_newer`` applies to the packages of the default index: torch is required by its exact version,
    and the indexes of builds have no upload times.

    uv's cached index pages are used unless ``refresh``; that a wheel does not exist is concluded only from new pages.

    Raises:
        CellError: there is no solution, an index cannot be used, or a build failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needs = [builder.with_wheel(line, target) for line in needs]
    known = Companions(names=beside, source=source)
    uv = _Uv(folder=folder, companions=known, target=target, builder=builder, timeout=timeout)
    wanted = torch_requirements(cell, source)
    for torch, new_pages in [(torch, new_pages) for new_pages in sorted({refresh, True}) for torch in wanted]:
        done = uv.resolve([torch, *needs], refresh=new_pages)
        if done.ok:
            uv.output.replace(folder / "pylock.toml")
            return locks.with_sizes(locks.load(folder / "pylock.toml", source))
        error = failures.of_resolving(done.output)
        if error.reason.kind not in {"no such release", "no such requirement", "no wheel", "conflict among pins"}:
            break
    raise _diagnosed(error, done.output, cell, known)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Uv:
    """uv's resolver for one cell. Every package of the lock has a wheel with a sha256."""

    folder: Path
    companions: Companions
    target: Target
    builder: WheelBuilder
    timeout: float

    @property
    def output(self) -> Path:
        """Path of the new lock."""
        return self.folder / "pylock.new.toml"

    def resolve(self, needs: Sequence[str], *, refresh: bool) -> processes.Finished:
        """Run uv until every package has a hashed wheel: those without a wheel are built, and required by their file.

        This ends: no package is allowed from source, or built, or moved to the index of torch, twice.
        """
        from_source: set[str] = set()
        direct: dict[str, str] = {}
        beside: dict[str, str] = {}
        while True:
            done = self._run([*needs, *beside.values(), *direct.values()], from_source - direct.keys(), refresh=refresh)
            if moved := self._to_move(done, needs, beside):
                beside |= moved
                continue
            if not done.ok:
                lacking = failures.without_wheel(done.output) - from_source - {"torch"}
                if not lacking:
                    return done
                from_source |= lacking
                continue
            lines = {package.name: package.as_requirement for package in pylock.parse(self.output.read_bytes())}
            missing = {name: line for name, line in lines.items() if line is not None}
            if not missing:
                return done
            if repeated := missing.keys() & direct.keys():
                raise CellError("resolve", "no wheel", f"uv locks no wheel of {', '.join(sorted(repeated))}")
            direct |= {name: self.builder.with_wheel(line, self.target) for name, line in missing.items()}

    def _to_move(self, done: processes.Finished, needs: Sequence[str], beside: Mapping[str, str]) -> dict[str, str]:
        """Return requirements of companions that uv must look for beside torch, or did not find in torch's build."""
        if not done.ok:
            found = self.companions.to_require(self.companions.mentioned(done.output), needs)
            return {name: line for name, line in found.items() if name not in beside}
        packages = pylock.parse(self.output.read_bytes())
        found = self.companions.to_require({package.name for package in packages}, needs)
        if moved := {name: line for name, line in found.items() if name not in beside}:
            return moved
        others = self.companions.of_other_builds(packages)
        if repeated := [line for name, line in others.items() if beside.get(name) == line]:
            raise CellError("resolve", "no such requirement", f"uv locks another build than {', '.join(repeated)}")
        return others

    def _run(self, needs: Sequence[str], from_source: Collection[str], *, refresh: bool) -> processes.Finished:
        project, exclude_newer = self.folder / "pyproject.toml", self.target.exclude_newer
        separate = self.companions.separate
        exempt = [f"--exclude-newer-package={name}=false" for name in ("torch", *separate)]
        write_atomically(project, companions.project(needs, self.companions.source, separate))
        self.output.unlink(missing_ok=True)  # otherwise uv prefers its versions
        command: list[str | Path] = [
            *(uv_bin(), "pip", "compile", project, "--python", self.target.interpreter, "--no-python-downloads"),
            *("--format", "pylock.toml", "--output-file", self.output, "--only-binary", ":all:"),
            *(f"--no-binary={name}" for name in sorted(from_source)),
            *("--no-header", "--no-annotate", "--no-progress", "--color", "never", "--quiet"),
            *("--cache-dir", self.builder.cache),
            *(("--refresh",) if refresh else ()),
            *(("--exclude-newer", exclude_newer, *exempt) if exclude_newer else ()),
        ]
        limit = self.timeout + (self.target.timeout if from_source else 0)
        with tempfile.TemporaryDirectory(prefix="cell-build-", ignore_cleanup_errors=True) as scratch:
            # uv runs an sdist's build to get its metadata, unless the sdist contains them.
            env = settings.uv_environment()
            if from_source:
                env = wheel_builder.environment(Path(scratch), self.target.interpreter)
            done = processes.run(command, log=self.target.log, env=env, timeout=limit)
        if done.timed_out:
            raise CellError("resolve", "timed out", f"resolving took longer than {limit:g} s")
        return done


def _diagnosed(error: CellError, output: str, cell: Cell, known: Companions) -> CellError:
    """Return the error of a resolution, with the reason found on the index page if it differs from uv's."""
    if error.reason.kind != "no such release" and (explanation := known.explanation(output)):
        return CellError(error.reason.stage, error.reason.kind, f"{error.reason.message}{explanation}")
    source = known.source
    if error.reason.kind not in {"no such release", "no such requirement", "index unreachable"}:
        return error
    project = failures.missing_project(output) or "torch"
    torch_index = source.index if project == "torch" else None
    if torch_index is None and settings.read().is_on("UV_NO_INDEX"):
        return error
    release = cell.torch if project == "torch" else None
    found = listings.why_missing(torch_index or listings.default_index(), project, release, source.label or cell.build)
    if found is None or (isinstance(found, MissingError) and project != "torch"):
        return _with_proxy(error)
    return CellError("resolve", found.kind, f"index {source.build if torch_index else 'default'!r}: {project}: {found}")


def _with_proxy(error: CellError) -> CellError:
    """Return the error of an unreachable index, with the proxy that was used."""
    url = re.search(r"https?://[^\s`()]+", error.reason.message)
    if url is None or error.reason.kind != "index unreachable":
        return error
    return CellError(error.reason.stage, error.reason.kind, f"{error.reason.message}{through(url[0])}")
