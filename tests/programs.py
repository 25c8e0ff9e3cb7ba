"""Programs that a test starts besides Python. `make system` installs them."""

import os
import shutil

import pytest


def require_program(name: str) -> str:
    """The path of a program; where it is missing the test is skipped, or fails under TOKENWARD_REQUIRE_ALL=1."""
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed; run: make system"
        if os.environ.get("TOKENWARD_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return path
