"""The pages for operators, run line by line beside a real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.docs.pages import Server, blocks, new_folder, run_blocks, serving

_PASSWORD = "seven green boats at noon"


@pytest.fixture
def checkout(tmp_path: Path) -> Server:
    """A folder set up with the README's lines, on which no server runs yet."""
    (block,) = [block for block in blocks("README.md", "sh") if "tokenward serve" in block]
    prepare, _, _ = block.rstrip().rpartition("\n")
    made = Server(new_folder(tmp_path / "checkout"), "", "")
    run_blocks(made, [prepare + "\n"])
    return made


@contextmanager
def running(checkout: Server) -> Iterator[None]:
    with serving(["--data", "auth"], checkout.folder, TOKENWARD_PORT="0"):
        yield


def add_account(checkout: Server) -> None:
    create = "tokenward accounts create --email ada@example.com --password-stdin --data auth"
    line = f"echo '{_PASSWORD}' | .venv/bin/{create}\n"
    run_blocks(checkout, [line])


def test_backing_up_and_restoring(checkout: Server) -> None:
    backup, nightly, rehearse, restore, look = blocks("docs/how-to/back-up-and-restore.md", "sh")
    with running(checkout):
        add_account(checkout)
        said, dated, rehearsed = run_blocks(checkout, [backup, nightly, rehearse])
    assert "checked" in said
    assert '"bytes"' in dated
    assert "ada@example.com" in rehearsed
    restored, events = run_blocks(checkout, [restore, look])
    assert "everybody signs in again" in restored
    assert "account.created" in events
    with running(checkout):
        pass


def test_changing_and_losing_the_master_key(checkout: Server) -> None:
    change, look, destroy, lose = blocks("docs/how-to/rotate-the-master-key.md", "sh")
    with running(checkout):
        add_account(checkout)
        changed, seen, _ = run_blocks(checkout, [change, look, destroy])
    assert "sealed anew: 3 keys and 1 accounts" in changed
    assert "it opens every key and is the only one in use" in seen
    with running(checkout):
        pass
    (reset,) = run_blocks(checkout, [lose])
    assert "new keys: 3 lost ones replaced" in reset
    with running(checkout):
        pass


def test_looking_after_a_server(checkout: Server) -> None:
    with running(checkout):
        add_account(checkout)
        outputs = run_blocks(checkout, blocks("docs/how-to/look-after-a-server.md", "sh"))
    doctor, _, events, signed_in, keys, _ = outputs
    assert "0 wrong" in doctor
    assert "account.created" in events
    assert "ada@example.com" in signed_in
    assert "ES256" in keys
    assert "_TOKENWARD_COMPLETE" in (checkout.folder / "tokenward-completion.sh").read_text()
