"""The user's settings of pip and uv that determine where packages come from.

Indexes, mirrors, proxies, certificates and credentials are honoured, wherever they are set: in uv's variables and
files, or else in pip's. Settings that would change *which* packages are selected are ignored and reported, see
`Settings.ignored`.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from scripts.core import environment, paths
from scripts.core.errors import UsageError
from scripts.index import pip_config, uv_config

#: Variables that are passed on to uv.
_WHERE: Final = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|INDEX_STRATEGY|INDEX_\w+_(USERNAME|PASSWORD)"
    r"|KEYRING_PROVIDER|CREDENTIALS_DIR|API_KEY|AUTH_TOKEN|(S3|GCS|AZURE)_ENDPOINT_URL"
    r"|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS|OFFLINE|(HTTP|REQUEST|HTTP_CONNECT)_TIMEOUT|HTTP_RETRIES|LOCK_TIMEOUT"
    r"|CONCURRENT_\w+|STACK_SIZE|MANAGED_PYTHON|NO_MANAGED_PYTHON"
    r"|PYTHON_(DOWNLOADS|DOWNLOADS_JSON_URL|INSTALL_DIR|INSTALL_MIRROR|CACHE_DIR|PREFERENCE|SEARCH_PATH|NO_REGISTRY))"
    r"|GIT_(ASKPASS|SSH|SSH_COMMAND|SSL_\w+|CONFIG_\w+)|SSH_ASKPASS"
    r"|HTTP_TIMEOUT|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT|NETRC|PYX_\w+"
    r"|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy"
)
#: Variables of credential helpers; passed on if uv is configured to use a keyring or a cloud storage.
_CREDENTIALS: Final = re.compile(
    r"PYTHON_KEYRING_\w+|KEYRING_\w+|ARTIFACTS_\w+|AWS_\w+|GOOGLE_\w+|CLOUDSDK_\w+|AZURE_\w+|VSS_NUGET_\w+"
)
_ASKS: Final = ("UV_KEYRING_PROVIDER", "UV_S3_ENDPOINT_URL", "UV_GCS_ENDPOINT_URL", "UV_AZURE_ENDPOINT_URL")

#: Variables that change which versions or files are selected, or how they are installed.
_WHICH: Final = re.compile(
    r"UV_(TORCH_BACKEND|CUDA_DRIVER_VERSION|AMD_GPU_ARCHITECTURE|PRERELEASE\w*|RESOLUTION|FORK_STRATEGY|CONSTRAINT"
    r"|BUILD_CONSTRAINT|OVERRIDE|EXCLUDE|EXCLUDE_NEWER\w*|NO_BINARY|NO_BINARY_PACKAGE|ONLY_BINARY|NO_BUILD"
    r"|NO_BUILD_PACKAGE|NO_BUILD_ISOLATION|NO_SOURCES|NO_SOURCES_PACKAGE|REQUIRE_HASHES|NO_VERIFY_HASHES"
    r"|INSECURE_NO_ZIP_VALIDATION|SKIP_WHEEL_FILENAME_CHECK|LIBC|NO_CACHE|LINK_MODE)"
)
#: pip's options with the same effect.
_WHICH_OF_PIP: Final = frozenset(
    {
        *("constraint", "build-constraint", "requirement", "pre", "all-releases", "only-final", "uploaded-prior-to"),
        *("no-binary", "only-binary", "prefer-binary", "no-deps", "require-hashes", "upgrade-strategy"),
        *("no-build-isolation", "config-settings", "global-option", "platform", "abi", "implementation"),
        "python-version",
    }
)

#: pip's option -> uv's variable, since users behind a mirror often configure only pip.
_FROM_PIP: Final = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
}
#: Other variables with the same meaning for uv; if one is set, pip's option is not used.
_ALIASES: Final = {
    "UV_DEFAULT_INDEX": ("UV_INDEX_URL",),
    "UV_EXTRA_INDEX_URL": ("UV_INDEX",),
    "HTTP_PROXY": ("http_proxy",),
    "HTTPS_PROXY": ("https_proxy",),
    "UV_HTTP_TIMEOUT": ("UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"),
    "ALL_PROXY": tuple(n for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for n in (name, name.lower())),
}

#: The pattern of a value and its description. uv's own error message would be misleading.
_COUNT: Final = (r"\d+", "a whole number")
_SECONDS: Final = (r"\d+", "a whole number of seconds")
_SWITCH: Final = (r"(?i)1|0|true|false|t|f|yes|no|y|n|on|off", "true or false")
_FORMS: Final = {
    **dict.fromkeys(("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT", "UV_HTTP_CONNECT_TIMEOUT"), _SECONDS),
    "UV_HTTP_RETRIES": _COUNT,
    **dict.fromkeys(
        ("UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_BUILDS", "UV_CONCURRENT_INSTALLS"),
        (r"0*[1-9]\d*", "a whole number above 0"),
    ),
    **dict.fromkeys(("UV_OFFLINE", "UV_NO_INDEX", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"), _SWITCH),
    "UV_INDEX_STRATEGY": (
        r"first-index|unsafe-first-match|unsafe-best-match",
        "first-index, unsafe-first-match or unsafe-best-match",
    ),
    "UV_KEYRING_PROVIDER": (r"disabled|subprocess|native", "disabled, subprocess or native"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The sources of packages, as uv's variables."""

    variables: Mapping[str, str]
    ignored: tuple[str, ...]  # settings that would change which packages are selected: names, each with its file if any

    @property
    def note(self) -> str | None:
        """A line that names the ignored settings."""
        names = ", ".join(self.ignored)
        return f"note: ignored, since it would change which packages are selected: {names}" if names else None

    @property
    def default_index(self) -> str | None:
        """URL of the default index; None for pip's and uv's built-in one."""
        value = self.variables.get("UV_DEFAULT_INDEX") or self.variables.get("UV_INDEX_URL")
        return self._url(value) if value else None

    @property
    def further_indexes(self) -> list[str]:
        """URLs of the additional indexes."""
        return [self._url(item) for name in ("UV_EXTRA_INDEX_URL", "UV_INDEX") for item in self._items(name)]

    @property
    def find_links(self) -> list[str]:
        """Folders and pages with wheels."""
        return self._items("UV_FIND_LINKS")

    @property
    def proxies(self) -> dict[str, str]:
        """Proxies by the scheme of the requested URL; ``all`` for every scheme."""
        named = [(scheme, f"{scheme}_proxy") for scheme in ("http", "https", "all")]
        found = {scheme: self.variables.get(name) or self.variables.get(name.upper()) for scheme, name in named}
        return {scheme: value for scheme, value in found.items() if value}

    @property
    def local(self) -> dict[str, object]:
        """The settings that determine which wheel a name and version refer to, without credentials."""
        return {
            "default": _bare(self.default_index or ""),
            "further": [_bare(url) for url in self.further_indexes],
            "links": [_bare(link) for link in self.find_links],
            "no index": self.is_on("UV_NO_INDEX"),
            "strategy": self.variables.get("UV_INDEX_STRATEGY"),
        }

    def is_on(self, name: str) -> bool:
        """Return whether a switch is on."""
        return uv_config.is_true(self.variables.get(name, ""))

    def _items(self, name: str) -> list[str]:
        return [item for item in re.split(r"[\s,]+", self.variables.get(name, "")) if item]

    def _url(self, text: str) -> str:
        """Return the URL of ``NAME=URL``, with that name's credentials if there are any."""
        named = re.fullmatch(r"([\w.-]+)=(\w+:.*)", text)
        if named is None:
            return text
        prefix = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", named[1].upper())
        given = (self.variables.get(f"{prefix}_{part}", "") for part in ("USERNAME", "PASSWORD"))
        user, password = (quote(text, safe="") for text in given)
        parts = urlsplit(named[2])
        if not user or "@" in parts.netloc:
            return named[2]
        return urlunsplit(parts._replace(netloc=f"{user}{f':{password}' if password else ''}@{parts.netloc}"))


def read(environ: Mapping[str, str] = os.environ, folder: Path = paths.ROOT) -> Settings:
    """Return the settings that uv and pip find in ``folder``.

    Several indexes are searched for the best version, as pip does; uv alone would stop at the first that has the
    package.

    Raises:
        UsageError: a value is invalid, or one of uv's files cannot be read; the message names it.
    """
    of_uv, of_pip = uv_config.read(environ, folder), pip_config.read(environ)
    found = _with_files(of_uv, {name: value for name, value in environ.items() if value and _WHERE.fullmatch(name)})
    _check(found)
    found = {**_of_pip(of_pip, found), **found}
    found.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if bundle := environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE"):
        found.setdefault("SSL_CERT_FILE", bundle)  # pip's last resort
    if any(found.get(name, "disabled") != "disabled" for name in _ASKS):
        found |= {name: value for name, value in environ.items() if _CREDENTIALS.fullmatch(name)}
    which = [name for name, value in environ.items() if value and _WHICH.fullmatch(name)]
    of_pips = [option.where for name, option in of_pip.items() if name in _WHICH_OF_PIP]
    return Settings(variables=found, ignored=(*sorted(which), *of_uv.ignored, *of_pips))


def _with_files(of_uv: uv_config.Found, mine: Mapping[str, str]) -> dict[str, str]:
    """Return variables merged with uv's files: lists are extended, single values are added if missing."""
    found = dict(mine)
    for name, values in of_uv.variables.items():
        if name in uv_config.LISTS:
            separator = uv_config.LISTS[name]
            found[name] = separator.join([*filter(None, [mine.get(name)]), *values])
        elif not any(mine.get(known) for known in (name, *_ALIASES.get(name, ()))):
            found[name] = values[0]
    return found


def _of_pip(options: Mapping[str, pip_config.Option], known: Mapping[str, str]) -> dict[str, str]:
    """Return uv's variables for pip's options, unless uv has a setting of its own."""
    found = {}
    for option, name in _FROM_PIP.items():
        if option in options and not any(known.get(alias) for alias in (name, *_ALIASES.get(name, ()))):
            found[name] = _converted(name, options[option])
    return found


def _converted(name: str, option: pip_config.Option) -> str:
    value = option.value
    if name == "UV_FIND_LINKS":
        return value.replace(" ", ",")
    if name == "UV_HTTP_TIMEOUT":
        try:
            value = str(max(1, math.ceil(float(value))))
        except (ValueError, OverflowError):
            raise UsageError(f"{option.where}: {value!r} is not a number of seconds") from None
    _check({name: value}, option.where)
    return value


def _check(found: Mapping[str, str], where: str | None = None) -> None:
    """Raise `UsageError` for an invalid value; uv's own error message would be misleading."""
    for name, (pattern, expected) in _FORMS.items():
        if name in found and not re.fullmatch(pattern, found[name]):
            raise UsageError(f"{where or name}: {found[name]!r} is not {expected}")


def uv_environment(*, environ: Mapping[str, str] = os.environ, **changes: str) -> dict[str, str]:
    """Return the closed environment of uv and of download helpers, with only the settings of package sources."""
    isolation = {"UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": os.devnull}
    return environment.tool(environ, **read(environ).variables, **isolation, **changes)


def default_index(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of the configured default index; None for pip's and uv's built-in one."""
    return read(environ).default_index


def further_sources(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return find-links and additional indexes; unlike the default index they can have wheels with a local label."""
    settings = read(environ)
    return [*settings.find_links, *settings.further_indexes]


def certificate_file(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the configured file of trusted certificates; None for the system's own."""
    file = read(environ).variables.get("SSL_CERT_FILE")
    return file if file and Path(file).is_file() else None


def _bare(url: str) -> str:
    """Return a URL without credentials and trailing slash."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
