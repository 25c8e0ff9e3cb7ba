from pathlib import Path

import pytest

from tokenward.errors import ConfigurationError
from tokenward.server.keyring.wrapping import MasterKey


def test_a_command_that_prints_no_text_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match="no text"):
        MasterKey.from_command(r"printf '\377\376\000'")


def test_a_command_that_fails_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match="status 3"):
        MasterKey.from_command("exit 3")


def test_a_new_key_file_is_whole_private_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    MasterKey.from_new_or_existing_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    made = path.read_bytes()
    MasterKey.from_new_or_existing_file(path)
    assert path.read_bytes() == made
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]
