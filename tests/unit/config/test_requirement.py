"""Parsing requirements in the syntax of pip and uv."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from scripts.config import requirement
from scripts.config.requirement import RequirementError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with packages of every form in it."""
    for location in ("mylib", "with space", "odd [x] #1%20", "größe"):
        (tmp_path / location).mkdir()
        (tmp_path / location / "pyproject.toml").write_text('[project]\nname = "My.Lib"\n', encoding="utf-8")
    for location, file, text in (
        ("old", "setup.py", "import setuptools\nsetuptools.setup(name='oldlib', version='1')\n"),
        ("cfg", "setup.cfg", "[metadata]\nname = cfglib\n"),
        ("cfg", "setup.py", "from setuptools import setup\nsetup()\n"),
        ("poetry", "pyproject.toml", "[tool.poetry]\nname = 'poetlib'\n"),
        ("nameless", "setup.py", "from setuptools import setup\nsetup(name=input())\n"),
        ("broken", "pyproject.toml", "= ="),
        ("plain", "README.md", ""),
    ):
        (tmp_path / location).mkdir(exist_ok=True)
        (tmp_path / location / file).write_text(text)
    for name in ("mylib-1.0.tar.gz", "mylib-1.0-py3-none-any.whl", "mylib.zip", "mylib.whl", "notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


PLAIN = ["numpy", "numpy<2", "NumPy>=2,!=2.1", "mylib[test]", 'x>1; python_version < "3.9"', "mylib"]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_requirement_is_unchanged(folder: Path, text: str) -> None:
    assert requirement.parse(text, folder) == text


LOCATED = [
    ("./mylib", "My.Lib @ {}/mylib"),
    ("./mylib/", "My.Lib @ {}/mylib"),
    ("./mylib[test,x]", "My.Lib[test,x] @ {}/mylib"),
    ("./mylib ; python_version < '3.9'", 'My.Lib @ {}/mylib ; python_version < "3.9"'),
    ("-e ./mylib", "My.Lib @ {}/mylib"),
    ("--editable=./mylib[test]", "My.Lib[test] @ {}/mylib"),
    ("mylib/../mylib", "My.Lib @ {}/mylib"),
    ("./with space", "My.Lib @ {}/with%20space"),
    ("./odd [x] #1%20", "My.Lib @ {}/odd%20%5Bx%5D%20%231%2520"),
    ("./größe", "My.Lib @ {}/gr%C3%B6%C3%9Fe"),
    ("my-lib @ ./mylib", "my-lib @ {}/mylib"),
    ("mylib2@git+https://example.org/x@v1", "mylib2 @ git+https://example.org/x@v1"),
    ("./old", "oldlib @ {}/old"),
    ("./cfg", "cfglib @ {}/cfg"),
    ("./poetry", "poetlib @ {}/poetry"),
    ("x @ ./nameless", "x @ {}/nameless"),
    ("./mylib-1.0.tar.gz", "mylib @ {}/mylib-1.0.tar.gz"),
    ("./mylib-1.0-py3-none-any.whl[test]", "mylib[test] @ {}/mylib-1.0-py3-none-any.whl"),
    ("mylib @ ./mylib.zip", "mylib @ {}/mylib.zip"),
    ("mylib @ https://example.org/main.zip", "mylib @ https://example.org/main.zip"),
    ("https://example.org/mylib-1.0-py3-none-any.whl", "mylib @ https://example.org/mylib-1.0-py3-none-any.whl"),
    ("mylib[a] @ git+ssh://git@example.org/x.git@v1#subdirectory=y",) * 2,
    ("git+file:///repo#egg=mylib", "mylib @ git+file:///repo#egg=mylib"),
]


@pytest.mark.parametrize(("text", "line"), LOCATED, ids=[text for text, _ in LOCATED])
def test_a_location_becomes_an_absolute_url(folder: Path, text: str, line: str) -> None:
    assert requirement.parse(text, folder) == line.replace("{}", folder.as_uri())


def test_absolute_paths_file_urls_and_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    line = f"My.Lib @ {(folder / 'mylib').as_uri()}"
    for text in (str(folder / "mylib"), (folder / "mylib").as_uri(), "~/mylib", f"-e {folder / 'mylib'}"):
        assert requirement.parse(text, Path("/elsewhere")) == line
    odd = folder / "odd [x] #1%20"
    assert requirement.parse(str(odd), folder) == f"My.Lib @ {odd.as_uri()}"


REFUSED = [
    ("", "write one like"),
    ("  ", "write one like"),
    ("a\nb", "write one like"),
    ("numpy<<2", "not a PEP 508 requirement"),
    ("1/0", "no such file or directory"),
    ("./none", "no such file or directory"),
    ("./plain", "neither pyproject.toml nor setup.py"),
    ("./notes.txt", "neither a wheel nor an archive"),
    ("./mylib.whl", "not a valid wheel name"),
    ("./nameless", "write 'NAME @ file:///"),
    ("./broken", "write 'NAME @ file:///"),
    ("./mylib.zip", "write 'NAME @ file:///"),
    ("./mylib[te st]", "not a PEP 508 requirement"),
    ("other @ ./mylib", "that is 'My.Lib'"),
    ("other @ ./mylib-1.0-py3-none-any.whl", "that is 'mylib'"),
    ("-r requirements.txt", "is an option"),
    ("--index-url x", "is an option"),
    ("-e", "is an option"),
    ("git+https://example.org/org/mylib.git@v1", "write 'mylib @ git+https://"),
    ("hg+https://example.org/x", "not supported"),
    ("x @ svn+https://example.org/x", "not supported"),
    ("x @ ftp://example.org/x.tar.gz", "not supported"),
    ("x @ https://example.org/x", "neither a wheel nor an archive"),
    ("x @ https://[::1/x.tar.gz", "not a URL"),
    ("x @ file://server/x", "on this machine"),
    ("x @ file:x", "on this machine"),
    ("x @ file:///a%00b", "null character"),
    ("torch", "torch itself is under test"),
    ("Torch==2.0", "torch itself is under test"),
    ("/" + "a" * 3000, "a"),
    ("~nobody-of-this-name/x", "cannot be read"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED, ids=[text[:30] for text, _ in REFUSED])
def test_everything_else_is_refused_with_the_remedy(folder: Path, text: str, words: str) -> None:
    with pytest.raises(RequirementError) as caught:
        requirement.parse(text, folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


WORDS = ["git+", "https://", "file://", "-e ", "numpy", "torch", "C:", ".whl", " ; ", "python_version", "'3'"]
PARTS = st.sampled_from([*"[]@;/\\.~-=<>!#%:(), \n\0", *WORDS])


@given(st.one_of(st.text(max_size=80), st.lists(PARTS, max_size=12).map("".join)))
@example("(" * 5000)
@example("x;" + "(" * 5000)
@example("x @ https://" + "[" * 50)
def test_other_errors_are_never_raised(text: str) -> None:
    try:
        line = requirement.parse(text, Path("/no/such/folder"))
    except RequirementError:
        return
    assert Requirement(line).name
    assert requirement.parse(line, Path("/elsewhere")) == line
