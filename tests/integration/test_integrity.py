"""No cell is affected by what the tests of another do to its environment: neither in parallel nor later."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.run.unpack import store
from tests.integration.conftest import MakeProject
from tests.support.behaviour import Behaviour, raises
from tests.support.index import LocalIndex
from tests.support.matrices import cell
from tests.support.project import Project
from tests.support.torches import build_torch
from tests.support.wheels import build_package, tampered

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the caches share files by hard links on Linux")

CELL, OTHER = cell("2.5.1"), cell("2.6.0")

#: Records the value of a module's variable, and then modifies the module's file.
PROBE = """
import importlib.util, os, pathlib, shutil
def test_module(observe):
    with observe("module"):
        {imports}
        raise LookupError({value})
    {after}
"""
FILE = "pathlib.Path(importlib.util.find_spec('torch').submodule_search_locations[0], 'version.py')"
VALUE = "getattr(torch.version, 'poisoned', 'clean')"

HARM = {
    "append": f"file = {FILE}; file.open('a').write('poisoned = 1')",
    "truncate": f"file = {FILE}; os.truncate(file, 40)",
    "mode": f"file = {FILE}; file.chmod(0o000)",
    "forged": (
        f"file = {FILE}; s = file.stat(); text = file.read_text(); "
        "file.open('r+').write(text.replace('debug = False', 'poisoned = 12')); "
        "os.utime(file, ns=(s.st_atime_ns, s.st_mtime_ns))"
    ),
    "then deleted": f"file = {FILE}; file.open('a').write('poisoned = 1'); file.unlink()",
    "then replaced": f"file = {FILE}; file.open('a').write('poisoned = 1'); file.rename(str(file) + '.old')",
}


def with_probe(copy: Project, after: str, *, imports: str = "import torch.version", value: str = VALUE) -> None:
    text = PROBE.format(imports=imports, value=value, after=after)
    (copy.suite / "test_module.py").write_text(text)


def message(copy: Project, name: str = CELL) -> Any:
    return copy.records()[name]["observations"]["module"]["message"]


@pytest.mark.parametrize("kind", HARM)
@pytest.mark.parametrize("size", [0, store.BIG], ids=["uv", "store"])
def test_the_next_cell_is_not_affected_by_a_modification(
    index: LocalIndex, project: MakeProject, kind: str, size: int
) -> None:
    index.add(build_torch("2.5.1", size=size), channel="cpu")
    copy = project("2.5.1")
    with_probe(copy, HARM[kind])
    first = copy.scripts("run")
    assert first.code == 0, first.output
    assert message(copy) == "clean"
    if not kind.startswith("then"):
        assert copy.records()[CELL]["run"]["modified"] == ["torch/version.py"]
        assert f"{CELL} modified files of its packages: torch/version.py" in first.output
    with_probe(copy, "pass")
    again = copy.scripts("run", "--fresh")
    assert again.code == 0, again.output
    assert message(copy) == "clean"
    assert "modified" not in copy.records()[CELL]["run"]


@pytest.mark.parametrize("harm", ["os.unlink(file)", "file.rename(str(file) + '.old')", "shutil.rmtree(file.parent)"])
def test_deleted_and_moved_files_stay_in_the_cache(index: LocalIndex, project: MakeProject, harm: str) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    with_probe(copy, f"file = {FILE}; {harm}")
    for _ in range(2):
        assert copy.scripts("run", "--fresh").code == 0
        assert message(copy) == "clean"
    assert len(index.downloads("*/torch-*")) == 1


def test_a_modified_pytest_does_not_break_the_next_cell_of_the_run(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), build_torch("2.6.0"), channel="cpu")
    copy = project("2.5.1", "2.6.0")
    with_probe(copy, "import _pytest.main; open(_pytest.main.__file__, 'a').write('raise SystemExit(9)')")
    done = copy.scripts("run", "--jobs", "1")
    assert done.code == 0, done.output
    assert {name: record["status"] for name, record in copy.records().items()} == {CELL: "recorded", OTHER: "recorded"}


def test_a_cell_runs_again_if_another_modifies_a_file_they_share(
    index: LocalIndex, project: MakeProject, tmp_path: Path
) -> None:
    index.add(build_torch("2.5.1"), build_torch("2.6.0"), channel="cpu")
    index.add(build_package("shared", "1.0", files={"shared.py": "poisoned = 'clean'\n"}))
    copy = project("2.5.1", "2.6.0")
    ready, modified = tmp_path / "ready", tmp_path / "modified"
    imports = f"""
        import time, torch
        def wait(file):
            while not os.path.exists(file):
                time.sleep(0.05)
        if torch.__version__.startswith("2.5.1"):
            wait({str(ready)!r})
            with open(importlib.util.find_spec("shared").origin, "a") as file:
                file.write("poisoned = 'POISONED'")
            open({str(modified)!r}, "w").close()
        else:
            open({str(ready)!r}, "w").close()
            wait({str(modified)!r})
            import shared
"""
    with_probe(copy, "pass", imports=imports, value="shared.poisoned if 'shared' in locals() else 'culprit'")
    done = copy.scripts("run", "--jobs", "2", "--require", "shared", timeout=120)
    assert done.code == 0, done.output
    assert message(copy, OTHER) == "clean"
    assert copy.records()[CELL]["run"]["modified"] == ["shared.py"]
    assert "modified" not in copy.records()[OTHER]["run"]
    assert "running again" in (copy.state / "logs" / f"{OTHER}.log").read_text()


@pytest.mark.parametrize("way", ["replaced", "written in place"])
def test_bytecode_written_by_a_test_reaches_no_later_cell(index: LocalIndex, project: MakeProject, way: str) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    # Big enough to be compiled.
    index.add(build_package("quiet", "1.0", files={"quiet/__init__.py": "# nothing\n" * 50_000}))
    copy = project("2.5.1")
    imports = "import torch.version, quiet"
    with_probe(copy, "pass", imports=imports)
    assert copy.scripts("run", "--require", "quiet").code == 0
    saved = list((copy.root / ".matrix" / "cache" / "bytecode").glob("torch/*/torch/__pycache__/version.*.pyc"))
    assert len(saved) == 1
    write = "os.replace(new, pyc)" if way == "replaced" else "open(pyc, 'wb').write(open(new, 'rb').read())"
    evil = (
        f"import py_compile, sys; file = {FILE}; pyc = importlib.util.cache_from_source(str(file)); s = file.stat(); "
        "old = file.read_text(); evil = file.with_name('evil.py'); "
        "evil.write_text('poisoned = 1'.ljust(s.st_size)); os.utime(evil, ns=(s.st_atime_ns, s.st_mtime_ns)); "
        "new = py_compile.compile(str(evil), cfile=str(file) + '.new'); " + write
    )
    with_probe(copy, evil, imports=imports)
    assert copy.scripts("run", "--require", "quiet").code == 0
    with_probe(copy, "pass", imports=imports)
    assert copy.scripts("run", "--require", "quiet").code == 0
    assert message(copy) == "clean"


@pytest.mark.parametrize("sealed", [True, False])
def test_a_file_modified_in_the_cache_is_replaced(index: LocalIndex, project: MakeProject, sealed: bool) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    assert copy.scripts("run").code == 0
    cache = copy.root / ".matrix" / "cache"
    (file,) = cache.glob("archive-v*/*/torch/version.py")
    file.write_text("raise ImportError")
    if not sealed:
        for path in [*(cache / "seals").rglob("*.json"), *(cache / "bytecode").rglob("*.pyc")]:
            path.unlink()
    done = copy.scripts("run", "--fresh")
    assert done.code == 0, done.output
    assert copy.records()[CELL]["status"] == "recorded"


@pytest.mark.parametrize("wrong", [True, False])
def test_a_failing_import_is_repeated_only_if_files_are_broken(
    index: LocalIndex, project: MakeProject, wrong: bool
) -> None:
    torch = build_torch("2.5.1", behaviour=Behaviour(on_import=raises("ImportError", "own")))
    index.add(tampered(torch, {"torch/version.py": b"raise ImportError('own')"}) if wrong else torch, channel="cpu")
    copy = project("2.5.1")
    assert copy.scripts("run").code != 0
    assert copy.records()[CELL]["reason"]["kind"] == "import failed"
    log = (copy.state / "logs" / f"{CELL}.log").read_text()
    assert ("running again" in log) == wrong
    assert len(index.downloads("*/torch-*")) == 1 + wrong
