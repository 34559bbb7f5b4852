"""Requirements that are not wheels: built into one, once, and installed; or the cell says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import MakeProject
from tests.support import sources
from tests.support.index import LocalIndex
from tests.support.matrices import cell
from tests.support.project import Finished, Project
from tests.support.sources import write_project
from tests.support.torches import build_torch
from tests.support.wheels import build_package, read_sdist

OLD, NEW = cell("2.4.1"), cell("2.5.1")


@pytest.fixture
def copy(index: LocalIndex, project: MakeProject) -> Project:
    """A project with two cells, to be run with requirements."""
    index.add(build_torch("2.4.1"), build_torch("2.5.1"), channel="cpu")
    index.add(build_package("helper", "1.0"))
    return project("2.4.1", "2.5.1")


def run(copy: Project, *options: str) -> Finished:
    return copy.scripts("run", *options)


def reason(copy: Project, *, status: str = "unavailable") -> tuple[str, str, str]:
    record = copy.records()[NEW]
    assert record["status"] == status
    why = record["reason"]
    return why["stage"], why["kind"], why["message"]


def test_a_folder_is_built_once_for_all_cells_and_again_after_an_edit(copy: Project, tmp_path: Path) -> None:
    count = tmp_path / "count"
    options = {"requires": ["helper"], "count": count}
    folder = write_project(tmp_path / "my lib [x]", **options)  # type: ignore[arg-type]
    before = sources.snapshot(folder)
    done = run(copy, "--require", f"{folder}")
    assert done.code == 0, done.output
    records = copy.records()
    for id_ in (OLD, NEW):
        assert records[id_]["status"] == "recorded"
        assert {"mylib": "1.0", "helper": "1.0"}.items() <= records[id_]["packages"].items()
    assert len(count.read_text().splitlines()) == 1
    assert sources.snapshot(folder) == before

    assert run(copy, "--require", f"{folder}").code == 0
    assert copy.records() == records  # up to date
    write_project(folder, code="VALUE = 2\n", **options)  # type: ignore[arg-type]
    assert run(copy, "--require", f"-e {folder}").code == 0
    after = copy.records()
    assert all(after[id_]["run"]["lock"] != records[id_]["run"]["lock"] for id_ in (OLD, NEW))
    assert len(count.read_text().splitlines()) == 2


def as_pin(copy: Project, text: str) -> None:
    matrix = copy.root / "matrix.toml"
    matrix.write_text(f'{matrix.read_text()}\n[[pins]]\nrequire = {json.dumps(text)}\nreason = "for this test"\n')


def in_repository(copy: Project, folder: Path, index: LocalIndex) -> Finished:
    write_project(folder)
    sources.commit(folder)
    return run(copy, "--require", f"mylib @ git+{folder.as_uri()}@main")


def in_sdist(copy: Project, folder: Path, index: LocalIndex) -> Finished:
    return run(copy, "--require", str(sources.pack(write_project(folder), copy.root)))


def in_wheel(copy: Project, folder: Path, index: LocalIndex) -> Finished:
    return run(copy, "--require", str(build_package("mylib", "1.0").write(folder)))


def in_pin(copy: Project, folder: Path, index: LocalIndex) -> Finished:
    write_project(copy.root / "libs" / "mylib")
    as_pin(copy, "./libs/mylib")
    return run(copy)


def in_index(copy: Project, folder: Path, index: LocalIndex) -> Finished:
    """As an sdist that a package needs which has a wheel."""
    sdist = read_sdist(sources.pack(write_project(folder, requires=["helper"]), folder.parent))
    index.add(sdist, build_package("above", "1.0", requires=["mylib>=1"]))
    return run(copy, "--require", "above")


@pytest.mark.parametrize(
    "way", [in_repository, in_sdist, in_wheel, in_pin, in_index], ids=lambda way: way.__name__.removeprefix("in_")
)
def test_each_form_is_installed(
    copy: Project, tmp_path: Path, index: LocalIndex, way: Callable[[Project, Path, LocalIndex], Finished]
) -> None:
    done = way(copy, tmp_path / "my lib #1", index)
    assert done.code == 0, done.output
    for record in copy.records().values():
        assert record["packages"]["mylib"] == "1.0"


def test_what_can_not_be_built_is_unavailable_with_its_last_lines(copy: Project, tmp_path: Path) -> None:
    folder = write_project(tmp_path / "mylib", fails="no compiler here")
    before = sources.snapshot(folder)
    run(copy, "--require", str(folder))
    stage, kind, message = reason(copy)
    assert (stage, kind) == ("build", "build failed")
    what, _, log = message.partition("; log: ")
    assert what == "compiling mylib.c | secret: None | no compiler here"
    assert "no compiler here" in (copy.root / log).read_text()
    assert sources.snapshot(folder) == before


def test_an_sdist_on_the_index_that_can_not_be_built(copy: Project, tmp_path: Path, index: LocalIndex) -> None:
    index.add(read_sdist(sources.pack(write_project(tmp_path / "x", fails="no compiler here"), tmp_path)))
    run(copy, "--require", "mylib")
    stage, kind, message = reason(copy)
    assert (stage, kind) == ("build", "build failed")
    assert message.endswith("no compiler here")


def test_an_older_wheel_is_taken_before_a_newer_sdist(copy: Project, tmp_path: Path, index: LocalIndex) -> None:
    packed = sources.pack(write_project(tmp_path / "x", version="2.0"), tmp_path, version="2.0")
    index.add(read_sdist(packed), build_package("mylib", "1.0"))
    assert run(copy, "--require", "mylib").code == 0
    assert copy.records()[NEW]["packages"]["mylib"] == "1.0"


@pytest.mark.parametrize("channel", ["cpu", "default"])
def test_an_index_that_has_only_md5(copy: Project, index: LocalIndex, channel: str) -> None:
    index.configure(channel, algorithm="md5")
    done = run(copy, "--require", "helper")
    assert done.code == 0, done.output
    record = copy.records()[NEW]
    assert record["status"] == "recorded"
    assert record["wheel"]["sha256"] == build_torch("2.5.1").sha256


BAD = ["1/0", "numpy<<2", "", "./no/such/folder", "-r x.txt"]


@pytest.mark.parametrize("text", BAD)
def test_bad_input_is_a_usage_error(copy: Project, text: str) -> None:
    done = run(copy, f"--require={text}")
    assert done.code == 2
    assert "argument --require: " in done.stderr
    as_pin(copy, text)
    done = run(copy)
    assert done.code == 2
    assert "pins.0.require: " in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("name", "text"), [("pylock.toml", "= ="), ("pylock.toml", "packages = 1"), ("sizes.json", "null")]
)
def test_a_broken_lock_is_resolved_anew(copy: Project, name: str, text: str) -> None:
    assert run(copy).code == 0
    broken = copy.state / "locks" / NEW / name
    broken.write_text(text)
    assert copy.scripts("plan").code == 0
    assert run(copy, "--fresh").code == 0
    assert (broken.read_text() if broken.exists() else "") != text or name == "sizes.json"


def test_a_record_that_is_a_folder(copy: Project) -> None:
    assert run(copy).code == 0
    (record,) = (copy.root / ".matrix").glob(f"**/{NEW}.json")
    record.unlink()
    record.mkdir()
    (record / "x").touch()
    done = run(copy)
    assert done.code == 3
    assert f"a folder has the name of this file; remove it: '{record}'" in " ".join(done.output.split())
    for command in ("report", "plan", "accept"):
        assert copy.scripts(command).code == 0


def test_a_plan_since_a_commit_has_the_cells_whose_folder_was_edited(copy: Project) -> None:
    folder = write_project(copy.root / "libs" / "mylib")
    as_pin(copy, "./libs/mylib")
    matrix = copy.root / "matrix.toml"
    matrix.write_text(matrix.read_text().replace('reason = "for', 'releases = "<2.5"\nreason = "for'))
    sources.commit(copy.root)

    def planned() -> list[str]:
        done = copy.scripts("plan", "--since", "HEAD", "--format", "json")
        assert done.code == 0, done.output
        return [one["id"] for one in json.loads(done.stdout)["cells"]]

    assert planned() == []
    write_project(folder, code="VALUE = 2\n")
    assert planned() == [OLD]
