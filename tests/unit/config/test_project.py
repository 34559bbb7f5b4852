"""``[tool.torch-matrix]``: defaults, names of groups and extras, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config import matrix_toml, project, suite
from scripts.core.errors import ConfigError

HEAD = '[project]\nname = "My_Lib"\n'


def write(folder: Path, text: str, *, tests: str = "tests") -> Path:
    (folder / tests).mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(HEAD + text)
    return folder


@pytest.mark.parametrize(
    ("text", "extras", "lines"),
    [
        ("", "", ()),
        (
            '[dependency-groups]\ntests = ["numpy"]\ntest = ["pytest", {include-group = "tests"}]',
            "",
            ("pytest", "numpy"),
        ),
        ('[project.optional-dependencies]\nTest = ["numpy"]', "[Test]", ()),
        ('[dependency-groups]\ntest = ["my.lib[fast]", "torch>=2"]', "[fast]", ()),
        (
            """
            [project.optional-dependencies]
            viz = []
            [dependency-groups]
            ci = ["a"]
            [tool.torch-matrix]
            require = ["viz", "ci", "b<2"]
            """,
            "[viz]",
            ("a", "b<2"),
        ),
    ],
    ids=["nothing", "group", "extra", "own-extra", "all"],
)
def test_requirements_name_groups_and_extras(tmp_path: Path, text: str, extras: str, lines: tuple[str, ...]) -> None:
    found = project.load(write(tmp_path, text))
    own, *others = found.require
    assert own == f"My_Lib{extras} @ {tmp_path.as_uri()}"
    assert tuple(others) == lines
    assert found.torch == (("torch>=2",) if "torch>=2" in text else ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('test = "x"', "tool.torch-matrix.test: unknown key 'test'; did you mean 'tests'?"),
        ("[tool.torch-matrix.limits]\nprobes = 3", "limits.probes: unknown key 'probes'; did you mean 'probe'?"),
        ('tests = "unit"', "tool.torch-matrix.tests: no such file or folder"),
        ('tests = "../unit"', "tool.torch-matrix.tests: not a path within the project: '../unit'"),
        ('results = "/x"', "tool.torch-matrix.results: not a folder within the project: '/x'"),
        ('require = ["-r x"]', "tool.torch-matrix.require: '-r x' is an option"),
        ('env = { HOME = "x" }', "tool.torch-matrix.env: HOME is set by the engine"),
        ('torch = "2.x"', "tool.torch-matrix.torch: not a PEP 440 specifier: '2.x'"),
        (
            '[dependency-groups]\ntest = [{include-group = "a"}]\na = [{include-group = "test"}]',
            "tool.torch-matrix.require: dependency-groups.test: circular: test → a → test",
        ),
        ('[dependency-groups]\ntest = [{include-group = "tset"}]', "unknown group 'tset'; did you mean 'test'?"),
        ("[dependency-groups]\ntest = [3]", "neither a requirement nor an included group: 3"),
    ],
)
def test_mistakes_are_refused_with_the_key(tmp_path: Path, text: str, message: str) -> None:
    head = "" if text.startswith("[") else "[tool.torch-matrix]\n"
    with pytest.raises(ConfigError) as caught:
        project.load(write(tmp_path, head + text))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("project.dynamic", "3", "list"),
        ("project.dependencies", '"torch"', "list"),
        ("project.optional-dependencies", "3", "table"),
        ("project.optional-dependencies.test", '"x"', "list"),
        ("dependency-groups", "3", "table"),
        ("dependency-groups.test", '"x"', "list"),
        ("tool.torch-matrix", "3", "table"),
        ("tool.pytest.ini_options", "3", "table"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_key(tmp_path: Path, key: str, value: str, kind: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f'project.name = "mylib"\n{key} = {value}\n')
    with pytest.raises(ConfigError) as caught:
        project.load(tmp_path)
    assert f"{key}: not a {kind}: " in str(caught.value)


def test_tests_are_found(tmp_path: Path) -> None:
    assert project.load(write(tmp_path / "a", "")).tests == ("tests",)
    assert project.load(write(tmp_path / "b", "", tests="test")).tests == ("test",)
    assert project.load(write(tmp_path / "c", "", tests="src/my_lib")).tests == ("src/my_lib",)
    assert project.load(write(tmp_path / "d", '[tool.pytest.ini_options]\ntestpaths = ["x"]')).tests == ()
    with pytest.raises(ConfigError, match=r"tests: no folder tests/ or test/"):
        project.load(write(tmp_path / "e", "", tests="unit"))


def test_a_project_without_pyproject(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "setup.py").write_text("from setuptools import setup\nsetup(name='old')\n")
    assert project.load(tmp_path).require == (f"old @ {tmp_path.as_uri()}",)


def test_projects_of_one_name_lie_apart(tmp_path: Path) -> None:
    matrix = matrix_toml.load()
    one, other = (suite.of_project(matrix, project.load(write(tmp_path / name, ""))) for name in "ab")
    assert one.name == other.name == "project:my-lib"
    assert suite.name_problem(one.name)  # so no suite of matrix.toml can have it
    assert one.paths.state != other.paths.state
    assert one.paths.results == tmp_path / "a" / ".torch-matrix"
    assert any(line.startswith("pytest") for line in one.require)
