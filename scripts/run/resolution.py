"""Resolving a cell's requirements to a lock with uv. What has no wheel is built into one first."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.config.cell import Cell
from scripts.core import processes
from scripts.core.files import write_atomically
from scripts.index import listings, settings
from scripts.index.errors import MissingError, through
from scripts.index.sources import Source
from scripts.run import failures, locks, pylock, wheel_builder
from scripts.run.failures import CellError
from scripts.run.interpreters import uv_bin
from scripts.run.locks import Lock
from scripts.run.wheel_builder import Target, WheelBuilder


def torch_requirements(cell: Cell, source: Source) -> list[str]:
    """What to ask for as torch, the best first: the next is tried when an index doesn't have it.

    Behind a fallback, wheels with the label of the build that was asked for may still lie in a local folder or
    an extra index; if not, the plain version is wanted, and no other build's label.
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
) -> Lock:
    """Resolve a cell's requirements with uv, and keep the lock in ``folder``.

    Of everything but torch, only files are taken that the index had at the target's ``exclude_newer``. torch is asked
    for by its version, and the indexes of builds do not say when they got a file.

    Pages of an index count for as long as the index says, unless ``refresh``. That there is no such wheel is taken only
    from pages that were asked for just now.

    Raises:
        CellError: there is no solution, an index cannot be used, or a build failed; the reason tells which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needs = [builder.with_wheel(line, target) for line in needs]
    uv = _Uv(folder=folder, source=source, target=target, builder=builder, timeout=timeout)
    wanted = torch_requirements(cell, source)
    for torch, anew in [(torch, anew) for anew in sorted({refresh, True}) for torch in wanted]:
        done = uv.resolve([torch, *needs], refresh=anew)
        if done.ok:
            uv.output.replace(folder / "pylock.toml")
            return locks.with_sizes(locks.load(folder / "pylock.toml", source))
        error = failures.of_resolving(done.output)
        if error.reason.kind not in {"no such release", "no such requirement", "no wheel", "conflict among pins"}:
            break
    raise _diagnosed(error, done.output, cell, source)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Uv:
    """uv's resolver for one cell. In the end every package of its lock has a wheel with a sha256."""

    folder: Path
    source: Source
    target: Target
    builder: WheelBuilder
    timeout: float

    @property
    def output(self) -> Path:
        """The new lock."""
        return self.folder / "pylock.new.toml"

    def resolve(self, needs: Sequence[str], *, refresh: bool) -> processes.Finished:
        """Run uv; and again where packages have no wheel, which are built, or no sha256, which uv then takes.

        What is built is asked for by its file. That ends: no package is allowed, or built, a second time.
        """
        from_source: set[str] = set()
        direct: dict[str, str] = {}
        while True:
            done = self._run([*needs, *direct.values()], from_source - direct.keys(), refresh=refresh)
            if not done.ok:
                lacking = failures.without_wheel(done.output) - from_source - {"torch"}
                if not lacking:
                    return done
                from_source |= lacking
                continue
            lines = {one.name: one.as_requirement for one in pylock.parse(self.output.read_bytes())}
            missing = {name: line for name, line in lines.items() if line is not None}
            if not missing:
                return done
            if twice := missing.keys() & direct.keys():
                raise CellError("resolve", "no wheel", f"uv locks no wheel of {', '.join(sorted(twice))}")
            direct |= {name: self.builder.with_wheel(line, self.target) for name, line in missing.items()}

    def _run(self, needs: Sequence[str], from_source: Collection[str], *, refresh: bool) -> processes.Finished:
        project, day = self.folder / "pyproject.toml", self.target.exclude_newer
        write_atomically(project, _project(needs, self.source))
        self.output.unlink(missing_ok=True)  # else uv keeps to what it holds
        command: list[str | Path] = [
            *(uv_bin(), "pip", "compile", project, "--python", self.target.interpreter, "--no-python-downloads"),
            *("--format", "pylock.toml", "--output-file", self.output, "--only-binary", ":all:"),
            *(f"--no-binary={name}" for name in sorted(from_source)),
            *("--no-header", "--no-annotate", "--no-progress", "--color", "never", "--quiet"),
            *("--cache-dir", self.builder.cache),
            *(("--refresh",) if refresh else ()),
            *(("--exclude-newer", day, "--exclude-newer-package", "torch=false") if day else ()),
        ]
        limit = self.timeout + (self.target.timeout if from_source else 0)
        with tempfile.TemporaryDirectory(prefix="cell-build-", ignore_cleanup_errors=True) as scratch:
            # uv asks an sdist's build for its metadata, unless these are written in it.
            env = settings.uv_environment()
            if from_source:
                env = wheel_builder.environment(Path(scratch), self.target.interpreter)
            done = processes.run(command, log=self.target.log, env=env, timeout=limit)
        if done.timed_out:
            raise CellError("resolve", "timed out", f"resolving took longer than {limit:g} s")
        return done


def _diagnosed(error: CellError, output: str, cell: Cell, source: Source) -> CellError:
    """The error of a resolution, with the true reason where the index's page tells another one than uv."""
    if error.reason.kind not in {"no such release", "no such requirement", "index unreachable"}:
        return error
    project = failures.missing_project(output) or "torch"
    own = source.index if project == "torch" else None
    if own is None and settings.read().is_on("UV_NO_INDEX"):
        return error
    release = cell.torch if project == "torch" else None
    found = listings.why_missing(own or listings.default_index(), project, release, source.label or cell.build)
    if found is None or (isinstance(found, MissingError) and project != "torch"):
        return _with_proxy(error)
    return CellError("resolve", found.kind, f"index {source.build if own else 'default'!r}: {project}: {found}")


def _with_proxy(error: CellError) -> CellError:
    """The error of an unreachable index, with the proxy on the way to it."""
    url = re.search(r"https?://[^\s`()]+", error.reason.message)
    if url is None or error.reason.kind != "index unreachable":
        return error
    return CellError(error.reason.stage, error.reason.kind, f"{error.reason.message}{through(url[0])}")


def _project(needs: Sequence[str], source: Source) -> str:
    """A project file for uv, which alone can say that torch comes from one index and the rest from the default.

    JSON's strings and arrays are TOML's too.
    """
    lines = [
        "[project]",
        'name = "cell"',
        'version = "0"',
        f"dependencies = {json.dumps(list(needs))}",
        "[tool.uv.workspace]",  # its own root: nothing that a project above says about sources applies
    ]
    by_url = any(canonicalize_name(one.name) == "torch" and one.url for one in map(Requirement, needs))
    if source.index is not None and not by_url:
        lines += [
            "[tool.uv.sources]",
            'torch = { index = "torch" }',
            "[[tool.uv.index]]",
            'name = "torch"',
            f"url = {json.dumps(source.index)}",
            "explicit = true",
        ]
    return "\n".join(lines) + "\n"
