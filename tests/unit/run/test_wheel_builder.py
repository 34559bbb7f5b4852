"""Building wheels of what has none, with real uv and git."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from scripts.core import urls
from scripts.run.failures import CellError
from scripts.run.wheel_builder import Target, WheelBuilder
from tests.support import sources
from tests.support.index import LocalIndex
from tests.support.matrices import PYTHON
from tests.support.sources import write_project
from tests.support.wheels import build_package, read_sdist

INTERPRETER = Path(sys.executable)


@pytest.fixture(autouse=True)
def _shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("MY_SECRET", "abc")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(python=PYTHON, interpreter=INTERPRETER, log=tmp_path / "log", timeout=60)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[], WheelBuilder]:
    """Makes the builder of another run."""
    return lambda: WheelBuilder(tmp_path / "builds", tmp_path / "cache")


def wheel_of(line: str) -> Path:
    url = Requirement(line).url
    assert url is not None
    return urls.to_path(url)


def module(line: str) -> str:
    """The code of the module in the wheel of a requirement."""
    with zipfile.ZipFile(wheel_of(line)) as archive:
        return archive.read("mylib/__init__.py").decode()


def builds(count: Path) -> list[list[str]]:
    return [json.loads(line) for line in count.read_text().splitlines()] if count.exists() else []


def test_a_folder_is_built_once_from_a_copy(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target) -> None:
    count = tmp_path / "count"
    folder = write_project(tmp_path / "my lib #1%20 é", extras={"test": ["x"]}, count=count)
    before = sources.snapshot(folder)
    line = f"mylib[test] @ {folder.as_uri()} ; python_version >= '3'"
    built = make().with_wheel(line, target)
    assert make().with_wheel(line, target) == built
    assert str(Requirement(built)).startswith("mylib[test] @ file:///")
    assert built.endswith('; python_version >= "3"')
    assert module(built) == "VALUE = 1\n"
    ((_, home, place),) = builds(count)
    assert not Path(home).is_relative_to(Path.home())
    assert not Path(place).exists()
    assert sources.snapshot(folder) == before


def test_builds_are_reproducible(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target) -> None:
    folders = [write_project(tmp_path / name) for name in ("here", "there")]
    lines = [f"mylib @ {folder.as_uri()}" for folder in folders]
    assert len({make().identity(line) for line in lines}) == 1
    assert len({make().with_wheel(line, target) for line in lines}) == 1


def test_an_edit_leads_to_a_new_wheel(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target) -> None:
    folder = write_project(tmp_path / "mylib")
    line = f"mylib @ {folder.as_uri()}"
    first, before = make().with_wheel(line, target), make().identity(line)
    write_project(folder, code="VALUE = 2\n")
    assert make().identity(line) != before
    second = make().with_wheel(line, target)
    assert module(second) == "VALUE = 2\n"
    assert wheel_of(first).exists()
    write_project(folder)
    assert (make().with_wheel(line, target), make().identity(line)) == (first, before)


def test_an_edit_during_a_run_is_not_built(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target) -> None:
    folder = write_project(tmp_path / "mylib")
    line, builder = f"mylib @ {folder.as_uri()}", make()
    builder.identity(line)
    write_project(folder, code="VALUE = 2\n")
    with pytest.raises(CellError, match="changed during the run") as caught:
        builder.with_wheel(line, target)
    assert caught.value.status == "error"


def test_a_wheel_for_one_python_is_built_for_each(
    tmp_path: Path, make: Callable[[], WheelBuilder], target: Target
) -> None:
    count = tmp_path / "count"
    folder = write_project(tmp_path / "mylib", native=True, count=count)
    line, builder = f"mylib @ {folder.as_uri()}", make()
    other = Target(python="3.99", interpreter=INTERPRETER, log=target.log, timeout=60)
    assert builder.with_wheel(line, target) == builder.with_wheel(line, target) != builder.with_wheel(line, other)
    assert len(builds(count)) == 2


@pytest.mark.parametrize("how", ["sdist", "zip", "url"])
def test_an_archive(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target, how: str) -> None:
    project = write_project(tmp_path / "mylib")
    packed = sources.pack(project, tmp_path)
    if how == "zip":
        packed = tmp_path / "main.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            for path in (path for path in project.rglob("*") if path.is_file()):
                archive.write(path, f"mylib-main/sub dir/{path.relative_to(project)}")
    with LocalIndex() as index:
        url = packed.as_uri()
        if how == "url":
            index.add(read_sdist(packed))
            url = index.file_url(read_sdist(packed))
        inside = "#subdirectory=sub%20dir" if how == "zip" else ""
        assert module(make().with_wheel(f"mylib @ {url}{inside}", target)) == "VALUE = 1\n"
        with pytest.raises(CellError, match="sha256"):
            make().with_wheel(f"mylib @ {url}#sha256={'0' * 64}", target)


@pytest.mark.parametrize("revision", ["", "@main", "@v1", "@{commit}", "@{short}"])
def test_a_repository(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target, revision: str) -> None:
    project = write_project(tmp_path / "my repo" / "sub")
    first = sources.commit(tmp_path / "my repo")
    (tmp_path / "my repo" / ".git" / "refs" / "tags" / "v1").write_text(first)
    write_project(project, code="VALUE = 2\n")
    sources.commit(tmp_path / "my repo")
    before = sources.snapshot(tmp_path / "my repo")
    rev = revision.format(commit=first, short=first[:9])
    built = make().with_wheel(f"mylib @ git+{(tmp_path / 'my repo').as_uri()}{rev}#subdirectory=sub", target)
    assert module(built) == ("VALUE = 1\n" if "v1" in rev or first[:9] in rev else "VALUE = 2\n")
    assert sources.snapshot(tmp_path / "my repo") == before


#: What setuptools-scm does; it is only named, since installing it needs an index.
ASK_GIT = """
import subprocess
COMMITS = subprocess.check_output(["git", "rev-list", "--count", "HEAD"], text=True, cwd=HERE)
WANTED["version"] = "1." + COMMITS.strip()

def build_wheel"""


def test_a_version_from_git(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target) -> None:
    folder = write_project(tmp_path / "mylib")
    (folder / "setup.py").write_text("# use_scm_version\n")
    backend = folder / "backend.py"
    text = backend.read_text().replace("\ndef build_wheel", ASK_GIT, 1)
    backend.write_text(text.replace("Version: 1.0", "Version: 1.1"))
    sources.commit(folder)
    before = sources.snapshot(folder)
    line = f"mylib @ {folder.as_uri()}"
    first = make().identity(line)
    assert wheel_of(make().with_wheel(line, target)).name == "mylib-1.1-py3-none-any.whl"
    assert sources.snapshot(folder) == before
    (folder / "README").write_text("another commit")
    sources.commit(folder)
    (folder / "README").unlink()
    assert make().identity(line) != first


@pytest.mark.parametrize(
    ("name", "message"),
    [("mylib", "compiling mylib.c | secret: None | no compiler here"), ("other", "is 'other', not 'mylib'")],
)
def test_a_failed_build(
    tmp_path: Path, make: Callable[[], WheelBuilder], target: Target, name: str, message: str
) -> None:
    folder = write_project(tmp_path / "mylib", name, fails="no compiler here" if name == "mylib" else "")
    before, builder = sources.snapshot(folder), make()
    for _ in range(2):
        with pytest.raises(CellError) as caught:
            builder.with_wheel(f"mylib @ {folder.as_uri()}", target)
        reason = caught.value.reason
        assert (reason.stage, reason.kind, caught.value.status) == ("build", "build failed", "unavailable")
        assert message in reason.message
    assert sources.snapshot(folder) == before
    assert target.log.read_text().count("Building wheel") == 1


def test_a_build_timeout(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target) -> None:
    folder = write_project(tmp_path / "mylib")
    with (folder / "backend.py").open("a") as file:
        file.write("import time\ntime.sleep(100)\n")
    short = Target(python=PYTHON, interpreter=INTERPRETER, log=target.log, timeout=2)
    with pytest.raises(CellError, match="longer than 2 s") as caught:
        make().with_wheel(f"mylib @ {folder.as_uri()}", short)
    assert caught.value.status == "timed-out"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("git+file:///no/such/repository", "source unreachable"),
        ("git+file:///no/such/repository@--upload-pack=x", "source unreachable"),
        ("http://127.0.0.1:9/x.tar.gz", "source unreachable"),
        ("file:///no/such/mylib-1.0.tar.gz", "source unreachable"),
    ],
)
def test_unreachable_sources(make: Callable[[], WheelBuilder], target: Target, url: str, kind: str) -> None:
    with pytest.raises(CellError) as caught:
        make().with_wheel(f"mylib @ {url}", target)
    assert (caught.value.reason.kind, caught.value.status) == (kind, "unavailable")


def test_an_invalid_archive(tmp_path: Path, make: Callable[[], WheelBuilder], target: Target) -> None:
    for name in ("mylib-1.0.tar.gz", "mylib-1.0.zip"):
        (tmp_path / name).write_bytes(b"\x1f\x8b not an archive")
        with pytest.raises(CellError, match="cannot be unpacked"):
            make().with_wheel(f"mylib @ {(tmp_path / name).as_uri()}", target)


@pytest.mark.parametrize("line", ["numpy<2", "x @ https://example.org/x-1-py3-none-any.whl"])
def test_a_requirement_with_a_wheel_is_unchanged(make: Callable[[], WheelBuilder], target: Target, line: str) -> None:
    assert make().with_wheel(line, target) == line == make().identity(line)


def test_a_marker_that_does_not_apply_builds_nothing(
    tmp_path: Path, make: Callable[[], WheelBuilder], target: Target
) -> None:
    folder = write_project(tmp_path / "mylib", fails="x")
    line = f'mylib @ {folder.as_uri()} ; python_version < "3"'
    assert make().with_wheel(line, target) == line


def test_the_identity_of_a_wheel_is_its_content(tmp_path: Path, make: Callable[[], WheelBuilder]) -> None:
    wheel = tmp_path / "mylib-1.0-py3-none-any.whl"
    line = f"mylib @ {wheel.as_uri()}"
    missing = make().identity(line)
    wheel.write_bytes(b"1")
    first = make().identity(line)
    wheel.write_bytes(b"2")
    assert len({missing, first, make().identity(line)}) == 3
    assert str(tmp_path) not in first


def test_exclude_newer_applies_to_build_requirements(
    tmp_path: Path, make: Callable[[], WheelBuilder], target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_project(tmp_path / "mylib")
    (folder / "pyproject.toml").write_text((folder / "pyproject.toml").read_text().replace("[]", '["tool"]'))
    with (folder / "backend.py").open("a") as file:
        file.write("import tool\n(HERE / 'src' / '__init__.py').write_text(tool.__version__)\n")
    line = f"mylib @ {folder.as_uri()}"
    with LocalIndex() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url())
        for year in (2024, 2025):
            index.add(build_package("tool", f"{year}", upload_time=dt.datetime(year, 1, 1, tzinfo=dt.UTC)))
        then = dataclasses.replace(target, exclude_newer="2024-06-01T00:00:00Z")
        assert module(make().with_wheel(line, target)) == "2025"
        assert module(make().with_wheel(line, then)) == "2024"
