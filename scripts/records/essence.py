"""The line of a longer message that says what failed, and the option that would mend it. Pure."""

from __future__ import annotations

import re
from typing import Final

#: Packages whose modules have another name.
_PACKAGES: Final = {
    "PIL": "pillow",
    "attr": "attrs",
    "cv2": "opencv-python-headless",
    "distutils": "setuptools",
    "pkg_resources": "setuptools",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
#: Packages of common pytest fixtures.
_FIXTURES: Final = {
    "benchmark": "pytest-benchmark",
    "mocker": "pytest-mock",
    "httpserver": "pytest-httpserver",
    "subtests": "pytest-subtests",
}
#: Plugins of common options, which a library's settings contain.
_OPTIONS: Final = {
    "--asyncio-mode": "pytest-asyncio",
    "--benchmark": "pytest-benchmark",
    "--cov": "pytest-cov",
    "--dist": "pytest-xdist",
    "--numprocesses": "pytest-xdist",
    "--randomly": "pytest-randomly",
    "--random-order": "pytest-random-order",
    "--reruns": "pytest-rerunfailures",
    "--timeout": "pytest-timeout",
    "-n": "pytest-xdist",
}
#: Why a module that torch itself imports is missing, from its wheels: torch.utils.cpp_extension imports setuptools in
#: every release, and torch._inductor imports that to compile C++. The metadata require setuptools for Python 3.12 and
#: newer since 2.4 (since 2.5 with python_version >= "3.12"), and for every Python since 2.11.
_BACKGROUND: Final = {
    "setuptools": "torch imports it to compile C++, as torch.compile does, but requires it only since 2.4 on "
    "Python 3.12 or newer, and since 2.11 on older ones"
}
_MISSING_MODULE: Final = re.compile(r"No module named '([A-Za-z_]\w*)[\w.]*'")
_MISSING_FIXTURE: Final = re.compile(r"fixture '(\w+)' not found")
_UNKNOWN_OPTION: Final = re.compile(r"unrecognized arguments: (-n|--[a-z]+(?:-[a-z]+)*)")
_NUMPY_2: Final = re.compile(r"compiled using NumPy 1\.x cannot be run in")
#: An exception in pytest's output.
_EXCEPTION: Final = re.compile(r"^(?:E\s+)?(?:[\w.]+\.)?(\w*(?:Error|Exception|Warning)): (.+)$", re.MULTILINE)


def essence(message: str) -> str:
    """Return the exception that ends a longer output, such as pytest's, or else the message itself."""
    if "\n" not in message.strip():
        return _without_type(message)
    exceptions = list(_EXCEPTION.finditer(message))
    return _without_type(re.sub(r"^E\s+", "", exceptions[-1][0])) if exceptions else message


def _without_type(text: str) -> str:
    return re.sub(r"^(?:\w+\.)*(?:ModuleNotFoundError|ImportError): (?=No module named)", "", text)


def hint(message: str) -> str | None:
    """Return the option that would mend a failure, or None."""
    if found := _MISSING_MODULE.search(message):
        module = found[1]
        return None if module in {"torch", "tests"} else f"--require {_PACKAGES.get(module, module.replace('_', '-'))}"
    if (found := _MISSING_FIXTURE.search(message)) and found[1] in _FIXTURES:
        return f"--require {_FIXTURES[found[1]]}"
    if found := _UNKNOWN_OPTION.search(message):
        plugin = next((name for option, name in _OPTIONS.items() if found[1].startswith(option)), None)
        return f"--require {plugin}" if plugin else None
    return "--require 'numpy<2'" if _NUMPY_2.search(message) else None


def background(message: str) -> str | None:
    """Return why a module that torch imports is missing, for a failure that names it, or None."""
    found = _MISSING_MODULE.search(message)
    return _BACKGROUND.get(found[1]) if found else None
