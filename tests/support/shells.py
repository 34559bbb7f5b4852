"""Environment variables that could change the behaviour of a test or the choice of packages."""

from __future__ import annotations

from typing import Final

#: Variables that tests of other projects must never see.
SECRETS: Final = ("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "UV_INDEX_CORP_PASSWORD", "HTTPS_PROXY", "SSH_AUTH_SOCK")

#: Variables that would change the choice of packages.
WHICH: Final = {
    "UV_TORCH_BACKEND": "cu126",
    "UV_PRERELEASE": "allow",
    "UV_RESOLUTION": "lowest",
    "UV_CONSTRAINT": "/nonexistent/constraints.txt",
    "UV_BUILD_CONSTRAINT": "/nonexistent/build.txt",
    "UV_OVERRIDE": "/nonexistent/overrides.txt",
    "UV_EXCLUDE": "/nonexistent/excludes.txt",
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "UV_NO_BINARY": "1",
    "UV_LINK_MODE": "symlink",
    "UV_REQUIRE_HASHES": "1",
    "PIP_CONSTRAINT": "/nonexistent/constraints.txt",
    "PIP_PRE": "1",
}

#: Variables that would change the behaviour of a test.
HOSTILE: Final = {
    "PYTORCH_JIT": "0",
    "TORCH_COMPILE_DISABLE": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "TORCH_LOGS": "+all",
    "PYTORCH_CUDA_ALLOC_CONF": "nonsense",
    "ATEN_CPU_CAPABILITY": "default",
    "OMP_NUM_THREADS": "7",
    "MKL_NUM_THREADS": "7",
    "PYTHONHASHSEED": "random",
    "PYTHONDEVMODE": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": "/nonexistent",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "ascii",
    "PYTEST_DEBUG": "1",
    "PYTEST_PLUGINS": "x",
    "PYTEST_ADDOPTS": "--co",
    "LD_LIBRARY_PATH": "/nonexistent",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "xx_XX.ISO-8859-1",
    "LANGUAGE": "de",
    "TZ": "Asia/Kathmandu",
    "CI": "true",
    "COLUMNS": "20",
    "FORCE_COLOR": "1",
    "VIRTUAL_ENV": "/nonexistent",
    "CONDA_PREFIX": "/nonexistent",
    "UV_PYTHON": "2.7",
    "GITHUB_TOKEN": "secret-token",
    "AWS_SECRET_ACCESS_KEY": "secret-key",
    "SSH_AUTH_SOCK": "/nonexistent/agent",
    **WHICH,
}
