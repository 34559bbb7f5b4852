"""The user's settings of pip and uv: where packages come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.index import settings

NONE = {"PIP_CONFIG_FILE": os.devnull}


def found(**environ: str) -> dict[str, str]:
    converted = settings.uv_settings({**NONE, **environ})
    assert converted.pop("UV_INDEX_STRATEGY", None) == "unsafe-best-match"
    return converted


def test_pips_variables_become_uvs() -> None:
    assert found() == {}
    assert found(PIP_INDEX_URL="https://m/simple", PIP_EXTRA_INDEX_URL="https://a https://b") == {
        "UV_DEFAULT_INDEX": "https://m/simple",
        "UV_EXTRA_INDEX_URL": "https://a https://b",
    }
    assert found(PIP_FIND_LINKS="/a /b", PIP_CERT="/c.pem") == {"UV_FIND_LINKS": "/a,/b", "SSL_CERT_FILE": "/c.pem"}


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_uvs_own_variables_win(name: str) -> None:
    environ = {"PIP_INDEX_URL": "https://pip", name: "https://uv"}
    assert found(**environ) == {}
    assert settings.default_index({**NONE, **environ}) == "https://uv"


def test_a_strategy_of_the_users_own_stays() -> None:
    assert settings.uv_settings({**NONE, "UV_INDEX_STRATEGY": "first-index"}) == {}


def test_pips_files_in_their_order(tmp_path: Path) -> None:
    home = tmp_path / ".config" / "pip" / "pip.conf"
    home.parent.mkdir(parents=True)
    home.write_text("[global]\nindex-url = https://home\nextra_index_url =\n  https://a\n  https://b\n")
    environ = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path / "none"),
        "XDG_CONFIG_HOME": str(tmp_path / ".config"),
    }
    assert settings.pip_settings(environ)["index-url"] == "https://home"
    assert settings.pip_settings(environ)["extra-index-url"] == "https://a https://b"
    override = tmp_path / "pip.conf"
    override.write_text("[global]\nindex-url = https://global\n[install]\nindex-url = https://install\n")
    environ["PIP_CONFIG_FILE"] = str(override)
    assert settings.pip_settings(environ)["index-url"] == "https://install"
    assert settings.pip_settings({**environ, "PIP_INDEX_URL": "https://variable"})["index-url"] == "https://variable"


def test_a_broken_file_of_pips_is_no_setting(tmp_path: Path) -> None:
    broken = tmp_path / "pip.conf"
    broken.write_text("nonsense")
    assert "index-url" not in settings.pip_settings({"PIP_CONFIG_FILE": str(broken), "HOME": str(tmp_path)})


def test_further_sources_from_all_that_name_some() -> None:
    environ = {"PIP_FIND_LINKS": "/a /b", "UV_INDEX": "https://x https://y"}
    assert settings.further_sources({**NONE, **environ}) == ["/a", "/b", "https://x", "https://y"]
    assert settings.further_sources(NONE) == []
