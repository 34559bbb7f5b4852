"""Closed environments for child processes: variables from an allow-list, everything else fixed.

The tests of a cell get the variables that a Python process needs to start, fixed values of those that change
behaviour, and the suite's own. uv and the engine's helpers get the variables that locate interpreters, caches and
credentials.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

#: The umask of children, independent of the shell's.
UMASK: Final = 0o022 if sys.platform != "win32" else -1

_WINDOWS: Final = (
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "OS"),
    *("NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "PROCESSOR_ARCHITEW6432", "PROCESSOR_IDENTIFIER"),
    *("PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "COMMONPROGRAMFILES", "PROGRAMDATA", "ALLUSERSPROFILE"),
)
#: Variables without which a process does not start; none on POSIX systems.
_MACHINE: Final = _WINDOWS if sys.platform == "win32" else ()

#: Variables that select GPUs, also in a container.
_GPU: Final = (
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
    *("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
)
_NO_GPU: Final = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": ""}
_DRIVERS: Final = ("libcuda.so.1", "libcuda.so", "libamdhip64.so")

#: The user's variables that uv, git and credential helpers need: folders, agents, temporary files.
_USER: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "USERNAME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "HOMEDRIVE", "HOMEPATH"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"),
    *("TMPDIR", "TEMP", "TMP", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS"),
)

#: A UTF-8 locale that every system has: glibc and musl have C.UTF-8, macOS only since version 15.
LOCALE: Final = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"

#: Fixed in every cell, unless a suite declares other values.
FIXED: Final[Mapping[str, str]] = {
    "LC_ALL": LOCALE,
    "LANG": LOCALE,
    "LANGUAGE": "en",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "default",
    **dict.fromkeys(
        (
            *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"),
            *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS"),
        ),
        "1",
    ),
}

#: Required by the engine in every cell. PYTHONUTF8 is for systems whose C library lacks the locale above.
_ENGINE: Final = {
    "PYTHONNOUSERSITE": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONUTF8": "1",
}
_OWN_FOLDERS: Final = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP")

#: Variables that a suite can't declare: the engine sets them, or they would change the Python or the tests that run.
_RESERVED: Final = frozenset(
    {
        *_ENGINE,
        *_OWN_FOLDERS,
        *_NO_GPU,
        *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONSAFEPATH", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"),
        "VIRTUAL_ENV",
    }
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def problem(name: str, value: str) -> str | None:
    """Return why a suite can't declare a variable, or None."""
    if not _NAME.fullmatch(name):
        return f"{name!r} is not a variable name; use letters, digits and underscores"
    if name.upper() in _RESERVED or name.upper().startswith("MATRIX_"):
        return f"{name} is set by the engine in every cell and can't be declared"
    if "\0" in value:
        return f"{name}: null character in the value"
    return None


def cell(
    python: Path,
    folder: Path,
    *,
    gpu: bool,
    declared: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return the environment of a cell's tests.

    Args:
        python: the interpreter of the cell's environment, whose programs come first on ``PATH``.
        folder: the cell's folder for ``HOME`` and temporary files.
        gpu: True if the machine's GPUs are visible.
        declared: the suite's variables, which override fixed values and extend ``PATH``.
        environ: this process's.
    """
    own = {name: str(folder) for name in _OWN_FOLDERS if sys.platform == "win32" or not name.endswith("DATA")}
    search = [str(python.parent), *filter(None, [declared.get("PATH")]), *system_path(environ)]
    return {
        **_named(environ, _MACHINE),
        **FIXED,
        # torch.compile names its cache after the user, who may be unknown to the system.
        **dict.fromkeys(("USER", "LOGNAME", "USERNAME"), "matrix"),
        **(_gpu(environ) if gpu else _NO_GPU),
        **declared,
        **_ENGINE,
        **own,
        "PATH": os.pathsep.join(search),
    }


def tool(environ: Mapping[str, str] = os.environ, **changes: str) -> dict[str, str]:
    """Return the environment of uv and of the engine's helpers, without settings of package indexes.

    `scripts.index.settings` adds those that say where packages come from.
    """
    return {**_named(environ, _MACHINE), **_named(environ, _USER), "LC_ALL": LOCALE, "PYTHONUTF8": "1", **changes}


def system_path(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the system's folders of programs, the same for every user."""
    if sys.platform == "win32":
        root = Path(environ.get("SYSTEMROOT", r"C:\Windows"))
        return [str(root / "System32"), str(root), str(root / "System32" / "Wbem")]
    return ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"]


def _named(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: environ[name] for name in names if name in environ}


def _gpu(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that select GPUs, and LD_LIBRARY_PATH reduced to the folders of GPU drivers."""
    folders = environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    drivers = [folder for folder in folders if folder and any(Path(folder, name).exists() for name in _DRIVERS)]
    return {**_named(environ, _GPU), **({"LD_LIBRARY_PATH": os.pathsep.join(drivers)} if drivers else {})}
