"""Unusual wheels are left to uv, and nothing is ever written outside the environment."""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scripts.run.unpack import unsupported
from scripts.run.unpack.unsupported import UnsupportedWheelError


@pytest.mark.parametrize(
    "name",
    [
        *("../outside.py", "a/../../outside.py", "/outside.py", "//outside.py", "a\\..\\outside.py", "C:/outside.py"),
        *("", ".", "./a.py", "a//b.py", "a/./b.py", "a/..", "..", "/"),
        *("a\nb.py", "a\0b.py", "\x1b[31m.py", "\udcff.py", "x" * 300),
        *("big-1.0.data/scripts/run", "big-1.0.data/purelib/a.py"),
    ],
)
def test_an_unusual_path_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedWheelError):
        unsupported.check_path(name)


@pytest.mark.parametrize("name", ["torch/__init__.py", "six.py", "a/b c/ü.py", "a..b/...c", "x.data.py"])
def test_an_ordinary_path_is_accepted(name: str) -> None:
    assert unsupported.check_path(name) == PurePosixPath(name)


@given(name=st.text(st.characters() | st.sampled_from("./\\:"), max_size=12))
@example("a/../../b")
def test_an_accepted_path_never_leads_outside(name: str) -> None:
    try:
        path = unsupported.check_path(name)
    except UnsupportedWheelError:
        return
    folder = Path("/env/site-packages")
    assert folder in Path(folder / path).resolve().parents


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_member_that_is_not_a_regular_file_is_refused(kind: int) -> None:
    with pytest.raises(UnsupportedWheelError):
        unsupported.check_mode("a", kind | 0o644)


@pytest.mark.parametrize("paths", [["a.py", "a.py"], ["a", "a/b.py"], ["a/b/c.py", "a"]])
def test_conflicting_members_are_refused(paths: list[str]) -> None:
    with pytest.raises(UnsupportedWheelError):
        unsupported.check_conflicts([PurePosixPath(path) for path in paths])


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["big-1.0.dist-info/METADATA", "big-1.0.dist-info/WHEEL"],
        ["other-1.0.dist-info/METADATA", "other-1.0.dist-info/WHEEL", "other-1.0.dist-info/RECORD"],
        [f"big-{n}.dist-info/{name}" for n in "12" for name in ("METADATA", "WHEEL", "RECORD")],
    ],
)
def test_unusual_metadata_are_refused(names: list[str]) -> None:
    with pytest.raises(UnsupportedWheelError):
        unsupported.check_metadata([PurePosixPath(name) for name in names], "big")


@pytest.mark.parametrize("record", [b"../../evil,,\n", b"/etc/passwd,,\n", b"\xff,,\n", b'"a\n', b"a\\..\\b,,\n"])
def test_an_unusual_record_is_refused(record: bytes) -> None:
    with pytest.raises(UnsupportedWheelError):
        unsupported.check_record(record)


SCRIPTS = [
    *("../../../../matrix.toml = os:getcwd", "/evil = os:getcwd", "a/b = os:getcwd", ".. = os:getcwd", ". = a:b"),
    *("python = os:getcwd", "Python3.11 = os:getcwd", "activate = os:getcwd", "-x = os:getcwd", "a b = os:getcwd"),
    *(
        "run = os",
        "run = os:",
        "run",
        "run = :x",
        "run = a;b:c",
        "run = a:b\nrun = a:b",
        " = a:b",
        "x" * 300 + " = a:b",
    ),
]


@pytest.mark.parametrize("line", SCRIPTS)
def test_an_unusual_script_is_refused(line: str) -> None:
    with pytest.raises(UnsupportedWheelError):
        unsupported.scripts(f"[console_scripts]\n{line}\n".encode())


@pytest.mark.parametrize(
    "content", [b"\xff", b"no section", b"[console_scripts", b"[a]\n[a]\n", b"[console_scripts]\n%"]
)
def test_unreadable_entry_points_are_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedWheelError):
        unsupported.scripts(content)


def test_ordinary_scripts_are_accepted() -> None:
    found = unsupported.scripts(b"[console_scripts]\ntorch-run = torch.run:main.x [extra]\n[other]\n../x = y\n")
    assert [(script.name, script.module, script.attr) for script in found] == [("torch-run", "torch.run", "main.x")]
