"""Settings of pip and uv that say where packages come from."""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

#: pip's setting -> uv's variable. uv reads its own; people behind a mirror often have only pip's.
_FROM_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}
#: Older or longer names that say the same to uv; where one is set, pip's setting is not used.
_SAME = {"UV_DEFAULT_INDEX": ("UV_INDEX_URL",), "UV_EXTRA_INDEX_URL": ("UV_INDEX",)}


def pip_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Settings of pip from its files and its variables, by the name of the option; variables win."""
    settings: dict[str, str] = {}
    for path in _pip_files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself complains about it, and better
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update(
                    {key.replace("_", "-"): " ".join(value.split()) for key, value in parser.items(section)}
                )
    for option in _FROM_PIP:
        value = environ.get("PIP_" + option.upper().replace("-", "_"))
        if value:
            settings[option] = value
    return settings


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """The configuration files, the strongest last (pip's documentation, "Configuration")."""
    override = environ.get("PIP_CONFIG_FILE")
    if override == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "win32":
        yield Path(environ.get("PROGRAMDATA", r"C:\ProgramData"), "pip", "pip.ini")
        yield home / "pip" / "pip.ini"
        yield Path(environ.get("APPDATA", home), "pip", "pip.ini")
    else:
        for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"):
            yield Path(folder, "pip", "pip.conf")
        yield Path("/etc/pip.conf")
        yield home / ".pip" / "pip.conf"
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip", "pip.conf")
    if override:
        yield Path(override)


def uv_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The ``UV_*`` variables that make uv see the same indexes as pip would.

    Several indexes are searched for the best version, as pip does; uv alone would stop at the first that has
    the package.
    """
    settings = {}
    for option, value in pip_settings(environ).items():
        name = _FROM_PIP.get(option)
        if name and not any(environ.get(known) for known in (name, *_SAME.get(name, ()))):
            settings[name] = value.replace(" ", ",") if name == "UV_FIND_LINKS" else value
    if "UV_INDEX_STRATEGY" not in environ:
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


def default_index(environ: Mapping[str, str] = os.environ) -> str | None:
    """URL of the configured default index, or None for the one that pip and uv know by themselves."""
    merged = {**uv_settings(environ), **{k: v for k, v in environ.items() if k.startswith("UV_")}}
    return merged.get("UV_DEFAULT_INDEX") or merged.get("UV_INDEX_URL")


def further_sources(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Find-links and extra indexes, which can hold wheels with a local label that the default index never has."""
    merged = {**uv_settings(environ), **environ}
    named = [merged.get(name, "") for name in ("UV_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_INDEX")]
    return [source for value in named for source in re.split(r"[\s,]+", value) if source]


def certificate_file(environ: Mapping[str, str] = os.environ) -> str | None:
    """The file of certificates that pip and uv are told to trust; None for the usual ones."""
    file = environ.get("SSL_CERT_FILE") or uv_settings(environ).get("SSL_CERT_FILE")
    return file if file and Path(file).is_file() else None
