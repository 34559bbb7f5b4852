"""The user's settings of pip and uv: sources of packages are honoured, other settings are reported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.core.errors import UsageError
from scripts.index import errors, pip_config, settings
from tests.support.shells import HOSTILE, WHICH

#: Disables this machine's own configuration files.
NONE = {"PIP_CONFIG_FILE": os.devnull, "HOME": "/nonexistent", "XDG_CONFIG_DIRS": "/nonexistent"}
STRATEGY = {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def read(environ: Mapping[str, str] = {}, folder: Path = Path("/nonexistent"), **more: str) -> settings.Settings:
    return settings.read({**NONE, **environ, **more}, folder)


# --- pip --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pips", "uvs"),
    [
        ({}, {}),
        ({"PIP_INDEX_URL": "https://m/simple"}, {"UV_DEFAULT_INDEX": "https://m/simple"}),
        ({"PIP_EXTRA_INDEX_URL": "https://a https://b"}, {"UV_EXTRA_INDEX_URL": "https://a https://b"}),
        ({"PIP_FIND_LINKS": "/a /b"}, {"UV_FIND_LINKS": "/a,/b"}),
        ({"PIP_CERT": "/c.pem", "PIP_CLIENT_CERT": "/k.pem"}, {"SSL_CERT_FILE": "/c.pem", "SSL_CLIENT_CERT": "/k.pem"}),
        ({"PIP_PROXY": "http://p:1"}, {"ALL_PROXY": "http://p:1"}),
        ({"PIP_PROXY": "http://p:1", "https_proxy": "http://q:1"}, {"https_proxy": "http://q:1"}),
        ({"PIP_DEFAULT_TIMEOUT": "2.5"}, {"UV_HTTP_TIMEOUT": "3"}),
        ({"PIP_INDEX_URL": "https://pip", "UV_INDEX_URL": "https://uv"}, {"UV_INDEX_URL": "https://uv"}),
        ({"REQUESTS_CA_BUNDLE": "/b.pem"}, {"SSL_CERT_FILE": "/b.pem"}),
    ],
)
def test_pips_settings_are_used_if_uvs_are_unset(pips: dict[str, str], uvs: dict[str, str]) -> None:
    assert read(pips).variables == {**uvs, **STRATEGY}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_order_of_pips_files(tmp_path: Path) -> None:
    write(tmp_path / "etc" / "pip" / "pip.conf", "[install]\nproxy = http://system\n[global]\ntimeout = 1\n")
    user = write(tmp_path / ".config" / "pip" / "pip.conf", "[global]\nindex-url = https://user\nproxy = http://user\n")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "etc"), "VIRTUAL_ENV": str(tmp_path / "venv")}

    def option(name: str, **more: str) -> str | None:
        found = pip_config.read({**environ, **more}).get(name)
        return found.value if found else None

    assert option("index-url") == "https://user"
    assert option("proxy") == "http://system", "a command's section wins over [global], whichever file it is in"
    write(
        tmp_path / "venv" / "pip.conf",
        "[global]\nindex-url = https://venv\nextra_index_url =\n  https://a\n  https://b\n",
    )
    assert option("index-url") == "https://venv"
    assert option("extra-index-url") == "https://a https://b"
    override = str(write(tmp_path / "other.conf", "[install]\nindex-url = https://override\n"))
    assert option("index-url", PIP_CONFIG_FILE=override) == "https://override"
    assert option("index-url", PIP_CONFIG_FILE=override, PIP_INDEX_URL="https://variable") == "https://variable"
    assert option("timeout", PIP_CONFIG_FILE=os.devnull) is None
    assert user not in pip_config.files({**environ, "PIP_CONFIG_FILE": override}), "pip leaves the user's out then"


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        (
            "darwin",
            {"HOME": "/Users/x"},
            ["/Library/Application Support/pip/pip.conf", "/Users/x/.pip/pip.conf", "/Users/x/.config/pip/pip.conf"],
        ),
        (
            "linux",
            {"HOME": "/home/x", "XDG_CONFIG_HOME": "/c", "XDG_CONFIG_DIRS": f"/d{os.pathsep}/e"},
            ["/d/pip/pip.conf", "/e/pip/pip.conf", "/etc/pip.conf", "/home/x/.pip/pip.conf", "/c/pip/pip.conf"],
        ),
        (
            "win32",
            {"USERPROFILE": "/u", "APPDATA": "/r", "PROGRAMDATA": "/p"},
            ["/p/pip/pip.ini", "/u/pip/pip.ini", "/r/pip/pip.ini"],
        ),
    ],
)
def test_pips_files_of_each_system(platform: str, environ: dict[str, str], expected: list[str]) -> None:
    found = [path.as_posix() for path in pip_config.files(environ, platform=platform, prefix="/venv")]
    assert found == [*expected, "/venv/pip.ini" if platform == "win32" else "/venv/pip.conf"]


def test_pips_folder_in_library_wins_on_macos(tmp_path: Path) -> None:
    library = tmp_path / "Library" / "Application Support" / "pip"
    library.mkdir(parents=True)
    found = list(pip_config.files({"HOME": str(tmp_path)}, platform="darwin", prefix="/venv"))
    assert library / "pip.conf" in found
    assert tmp_path / ".config" / "pip" / "pip.conf" not in found


def test_an_invalid_file_of_pip_is_ignored(tmp_path: Path) -> None:
    broken = write(tmp_path / "pip.conf", "nonsense")
    assert pip_config.read({"PIP_CONFIG_FILE": str(broken), "HOME": str(tmp_path)}).get("index-url") is None


# --- uv ---------------------------------------------------------------------------------------------------------------


def test_only_sources_are_read_from_uvs_file(tmp_path: Path) -> None:
    file = write(
        tmp_path / "uv" / "uv.toml",
        'prerelease = "allow"\nexclude-newer = "2001-01-01"\nindex-url = "https://top"\nsystem-certs = true\n'
        'allow-insecure-host = ["a", "b"]\nfind-links = ["wheels", "https://links"]\nlink-mode = "copy"\n'
        '[pip]\nindex-url = "https://pip"\nresolution = "lowest"\n'
        '[[index]]\nname = "corp"\nurl = "https://corp/simple"\n'
        '[[index]]\nname = "torch"\nurl = "https://torch"\nexplicit = true\n'
        '[[index]]\nurl = "flat"\nformat = "flat"\n',
    )
    found = read(XDG_CONFIG_HOME=str(tmp_path), UV_FIND_LINKS="/mine")
    assert found.variables == {
        **STRATEGY,
        "UV_INDEX_URL": "https://pip",
        "UV_INDEX": "corp=https://corp/simple",
        "UV_FIND_LINKS": f"/mine,{file.parent / 'wheels'},https://links,{file.parent / 'flat'}",
        "UV_SYSTEM_CERTS": "1",
        "UV_INSECURE_HOST": "a b",
    }
    assert found.ignored == (f"prerelease in {file}", f"exclude-newer in {file}", f"pip.resolution in {file}")
    assert read(XDG_CONFIG_HOME=str(tmp_path), UV_NO_CONFIG="1").variables == STRATEGY


def test_uvs_nearer_files_win_and_lists_are_joined(tmp_path: Path) -> None:
    project = tmp_path / "a" / "b"
    write(tmp_path / "a" / "pyproject.toml", '[tool.uv]\nextra-index-url = ["https://p"]\noffline = true\n')
    write(project / "pyproject.toml", "[project]\nname = 'x'\n")  # without a table for uv
    write(tmp_path / "home" / "uv" / "uv.toml", 'extra-index-url = ["https://u"]\noffline = false\n')
    found = read(folder=project, XDG_CONFIG_HOME=str(tmp_path / "home")).variables
    assert (found["UV_EXTRA_INDEX_URL"], found["UV_OFFLINE"]) == ("https://p https://u", "1")
    file = write(tmp_path / "other.toml", 'index-url = "https://other"\n')
    found = read(folder=project, XDG_CONFIG_HOME=str(tmp_path / "home"), UV_CONFIG_FILE=str(file)).variables
    assert found == {**STRATEGY, "UV_INDEX_URL": "https://other"}


def test_an_invalid_file_of_uv_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "uv" / "uv.toml", "nonsense")
    with pytest.raises(UsageError, match=r"uv\.toml: uv's configuration cannot be read"):
        read(XDG_CONFIG_HOME=str(tmp_path))
    assert file.exists()


def test_credentials_of_an_index_go_into_its_url_but_not_into_the_fingerprint() -> None:
    corp = {"UV_INDEX_CORP_A_USERNAME": "me", "UV_INDEX_CORP_A_PASSWORD": "p@ss"}
    found = read(UV_DEFAULT_INDEX="corp-a=https://corp/simple/", UV_INDEX="https://u:p@x/y", environ=corp)
    assert found.default_index == "https://me:p%40ss@corp/simple/"
    assert found.variables["UV_INDEX_CORP_A_PASSWORD"] == "p@ss"
    assert found.local["default"] == "https://corp/simple"
    assert found.local["further"] == ["https://x/y"]


def test_the_same_index_has_the_same_local_part_however_it_is_set(tmp_path: Path) -> None:
    write(tmp_path / "uv" / "uv.toml", '[[index]]\nurl = "https://m/simple"\ndefault = true\n')
    ways = [
        read(UV_DEFAULT_INDEX="https://m/simple"),
        read(UV_INDEX_URL="https://m/simple/"),
        read(PIP_INDEX_URL="https://m/simple"),
        read(XDG_CONFIG_HOME=str(tmp_path)),
        read(UV_DEFAULT_INDEX="m=https://user:secret@m/simple"),
    ]
    assert all(way.local == ways[0].local for way in ways)
    assert read(UV_DEFAULT_INDEX="https://other/simple").local != ways[0].local


def test_settings_that_select_versions_are_reported_and_never_passed_on() -> None:
    found = read(HOSTILE)
    assert {name.split(" ")[0] for name in found.ignored} == set(WHICH)
    assert not set(found.variables) & set(WHICH)
    assert not {"GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY"} & set(found.variables)


def test_credential_variables_are_passed_on_only_for_configured_helpers() -> None:
    assert "AWS_SECRET_ACCESS_KEY" in read(AWS_SECRET_ACCESS_KEY="x", UV_KEYRING_PROVIDER="subprocess").variables
    assert "AWS_SECRET_ACCESS_KEY" not in read(AWS_SECRET_ACCESS_KEY="x", UV_KEYRING_PROVIDER="disabled").variables


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"UV_HTTP_TIMEOUT": "abc"}, "UV_HTTP_TIMEOUT: 'abc' is not a whole number of seconds"),
        ({"UV_HTTP_RETRIES": "-1"}, "UV_HTTP_RETRIES: '-1' is not a whole number"),
        ({"UV_CONCURRENT_DOWNLOADS": "0"}, "UV_CONCURRENT_DOWNLOADS: '0' is not a whole number above 0"),
        ({"UV_OFFLINE": "maybe"}, "UV_OFFLINE: 'maybe' is not true or false"),
        ({"UV_INDEX_STRATEGY": "best"}, "UV_INDEX_STRATEGY: 'best' is not first-index"),
        ({"PIP_DEFAULT_TIMEOUT": "soon"}, "PIP_DEFAULT_TIMEOUT: 'soon' is not a number of seconds"),
        ({"PIP_RETRIES": "x"}, "PIP_RETRIES: 'x' is not a whole number"),
    ],
)
def test_an_invalid_value_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(environ)


def test_further_sources_from_all_settings() -> None:
    environ = {"PIP_FIND_LINKS": "/a /b", "UV_INDEX": "https://x https://y"}
    assert settings.further_sources({**NONE, **environ}) == ["/a", "/b", "https://x", "https://y"]
    assert settings.further_sources(NONE) == []


def test_uv_runs_without_its_files() -> None:
    env = settings.uv_environment(environ={**NONE, **HOSTILE, "PATH": "/bin", "UV_DEFAULT_INDEX": "https://m"})
    assert (env["UV_NO_CONFIG"], env["UV_DEFAULT_INDEX"], env["PATH"]) == ("1", "https://m", "/bin")
    assert not set(env) & (set(HOSTILE) - {"LC_ALL", "PYTHONUTF8", "SSH_AUTH_SOCK"})


def test_the_engine_uses_the_same_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    found = read(PIP_PROXY="socks5://p:1", NO_PROXY="near.example")
    assert errors.proxies("https://far.example/simple", found) == {"all": "socks5://p:1"}
    assert errors.proxies("https://near.example/simple", found) == {}
    assert read(PIP_PROXY="http://p:1", https_proxy="http://q:1").proxies == {"https": "http://q:1"}
