"""Where tokens are kept: what is written, what is refused, what is durable; and which store is taken."""

import json
import logging
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from tests.programs import require_program

from tokenward.client import (
    FileTokenStore,
    KeyringTokenStore,
    MemoryTokenStore,
    TokenKey,
    TokenSet,
    TokenStore,
    TokenStoreUnavailable,
    default_store,
)
from tokenward.errors import ConfigurationError

KEY = TokenKey("https://auth.example.com", "default")
TOKENS = TokenSet(access_token="a.b.c", refresh_token="twr_x", expires_in=900, obtained_at=1, scope="account")
OTHERS = TokenSet(access_token="d.e.f", refresh_token="twr_y", expires_in=900, obtained_at=2)


class PlainKeyring(KeyringBackend):
    """A keyring as any plug-in may be one. It keeps its secrets in this process."""

    priority: float = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.secrets: dict[tuple[str, str], str] = {}
        self.fails = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.fails:
            raise OSError(f"locked, and it was {self.secrets}")
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.fails:
            raise OSError(f"locked, and it was {password}")
        self.secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.secrets[service, username]


class WeakKeyring(PlainKeyring):
    """One that the library does not recommend, such as a file in the clear."""

    priority = 0.5


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.fixture
def backend() -> PlainKeyring:
    made = PlainKeyring()
    keyring.set_keyring(made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture(params=["memory", "file", "keyring"])
def store(request: pytest.FixtureRequest, folder: Path, backend: PlainKeyring) -> TokenStore:
    if request.param == "memory":
        return MemoryTokenStore()
    return FileTokenStore(folder) if request.param == "file" else KeyringTokenStore()


def uses(store: TokenStore) -> list[Callable[[], object]]:
    return [lambda: store.load(KEY), lambda: store.save(KEY, TOKENS), lambda: store.delete(KEY)]


def the_file(folder: Path) -> Path:
    (path,) = folder.glob("*.json")
    return path


def test_a_store_keeps_the_tokens_of_each_issuer_and_account_apart(store: TokenStore) -> None:
    keys = [KEY, KEY._replace(account="work"), KEY._replace(issuer="https://auth.example.org")]
    assert [store.load(key) for key in keys] == [None] * 3
    for number, key in enumerate(keys):
        store.save(key, OTHERS)
        store.save(key, TokenSet(access_token="a", refresh_token=f"r{number}", expires_in=1, obtained_at=1))
    found = [store.load(key) for key in keys]
    assert [one and one.refresh_token for one in found] == ["r0", "r1", "r2"]
    store.delete(keys[0])
    store.delete(keys[0])
    assert store.load(keys[0]) is None
    assert store.load(keys[1]) is not None


def test_what_is_saved_is_loaded_as_it_was(store: TokenStore) -> None:
    store.save(KEY, TOKENS)
    assert store.load(KEY) == TOKENS


def test_a_lock_excludes_other_threads_and_gives_up_in_time(store: TokenStore) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with store.locked(KEY, 5):
            held.set()
            let_go.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    with pytest.raises(TokenStoreUnavailable) as caught, store.locked(KEY, 0.1):
        pass
    assert caught.value.reason == "locked"
    with store.locked(KEY._replace(account="work"), 0.1):
        let_go.set()
    with store.locked(KEY, 30):
        thread.join()


def test_a_lock_of_a_killed_process_is_free(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tokenward.client import FileTokenStore, TokenKey\n"
        f"with FileTokenStore(Path(sys.argv[1])).locked(TokenKey{tuple(KEY)}, 5):\n"
        "    print('held', flush=True); sys.stdin.readline()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    store = FileTokenStore(folder)
    with pytest.raises(TokenStoreUnavailable), store.locked(KEY, 0.05):
        pass
    process.kill()
    process.communicate()
    with store.locked(KEY, 5):
        pass


def test_a_child_that_was_forked_under_the_lock_does_not_keep_it(folder: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from tokenward.client import FileTokenStore, TokenKey\n"
        "store = FileTokenStore(Path(sys.argv[1]))\n"
        f"key = TokenKey{tuple(KEY)}\n"
        "with store.locked(key, 5):\n"
        "    if os.fork() == 0:\n"
        "        sys.stdin.readline(); os._exit(0)\n"
        "with store.locked(key, 0.2):\n"
        "    print('again', flush=True)\n"
        "os.wait()\n"
    )
    done = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout is not None
    assert done.stdout.readline() == "again\n"
    done.communicate("\n", timeout=30)
    assert done.returncode == 0


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_files_and_folder_are_the_owners_alone_whatever_the_umask(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = FileTokenStore(folder)
        # With such a umask even the owner may not; nothing wider is made for that.
        if umask == 0o777 and os.geteuid() != 0:
            with pytest.raises(TokenStoreUnavailable):
                store.save(KEY, TOKENS)
        else:
            store.save(KEY, TOKENS)
            store.save(KEY, OTHERS)
            with store.locked(KEY, 1):
                pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    assert {stat.S_IMODE(path.stat().st_mode) & 0o177 for path in folder.iterdir()} <= {0}


def test_the_file_has_mode_0600_and_its_folder_0700(folder: Path) -> None:
    FileTokenStore(folder).save(KEY, TOKENS)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(the_file(folder).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_file_that_others_can_read_or_write_is_refused(folder: Path, mode: int) -> None:
    store = FileTokenStore(folder)
    store.save(KEY, TOKENS)
    the_file(folder).chmod(mode)
    with pytest.raises(TokenStoreUnavailable, match="chmod 600") as caught:
        store.load(KEY)
    assert caught.value.reason == "open_to_others"
    # A new sign-in puts a file of its own in its place.
    store.save(KEY, TOKENS)
    assert store.load(KEY) == TOKENS


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o701, 0o777])
def test_a_folder_that_others_can_look_into_is_refused(folder: Path, mode: int) -> None:
    store = FileTokenStore(folder)
    store.save(KEY, TOKENS)
    folder.chmod(mode)
    for use in uses(store):
        with pytest.raises(TokenStoreUnavailable, match="chmod 700"):
            use()
    folder.chmod(0o700)
    assert store.load(KEY) == TOKENS


def test_a_link_is_refused_in_the_place_of_the_file_of_the_folder_and_of_the_lock(
    folder: Path, tmp_path: Path
) -> None:
    store = FileTokenStore(folder)
    store.save(KEY, TOKENS)
    path = the_file(folder)
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(TokenStoreUnavailable):
        store.load(KEY)
    # Writing replaces the link, and leaves what it led to.
    store.save(KEY, OTHERS)
    assert not path.is_symlink()
    assert b"twr_x" in elsewhere.read_bytes()

    lock = path.with_suffix(".lock")
    lock.symlink_to(tmp_path / "made by the lock")
    with pytest.raises(TokenStoreUnavailable), store.locked(KEY, 0.1):
        pass
    assert not (tmp_path / "made by the lock").exists()

    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    for use in uses(store)[:2]:
        with pytest.raises(TokenStoreUnavailable):
            use()


def test_a_pipe_in_the_place_of_the_file_is_refused_and_not_waited_for(folder: Path) -> None:
    store = FileTokenStore(folder)
    store.save(KEY, TOKENS)
    path = the_file(folder)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(TokenStoreUnavailable) as caught:
        store.load(KEY)
    assert caught.value.reason == "not_a_file"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_file_or_folder_of_another_owner_is_refused(folder: Path, what: str) -> None:
    # Who is not root can give nothing away; to everybody else the root folder belongs to somebody else.
    store = FileTokenStore(folder if os.geteuid() == 0 else Path("/"))
    if os.geteuid() == 0:
        store.save(KEY, TOKENS)
        os.chown(folder if what == "folder" else the_file(folder), 12345, 12345)
    with pytest.raises(TokenStoreUnavailable) as caught:
        store.load(KEY)
    assert caught.value.reason == "other_owner"


def test_readers_see_the_old_or_the_new_and_never_a_part(folder: Path) -> None:
    store, stop = FileTokenStore(folder), threading.Event()
    store.save(KEY, TOKENS)
    found: set[TokenSet | None] = set()

    def read() -> None:
        while not stop.is_set():
            found.add(store.load(KEY))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(200):
        store.save(KEY, OTHERS if number % 2 else TOKENS)
    stop.set()
    for reader in readers:
        reader.join()
    assert found == {TOKENS, OTHERS}
    assert len(list(folder.iterdir())) == 1


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_before_save_returns(
    folder: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from tokenward.client import FileTokenStore, TokenKey, TokenSet\n"
        "store = FileTokenStore(Path(sys.argv[1]))\n"
        "tokens = TokenSet(access_token='a', refresh_token='r', expires_in=1, obtained_at=1)\n"
        f"store.save(TokenKey{tuple(KEY)}, tokens)\n"
    )
    log = tmp_path / "log"
    subprocess.run(
        [
            *(require_program("strace"), "-f", "-o", str(log), "-e", "trace=fsync,fdatasync,/rename"),
            *(sys.executable, "-c", program, str(folder)),
        ],
        check=True,
        # What measures the coverage renames a file of its own at the end.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
    )
    calls = [line.split()[1].partition("(")[0] for line in log.read_text().splitlines() if "(" in line]
    assert [call.rstrip("2") for call in calls] == ["fsync", "renameat", "fsync"]


def test_a_write_that_fails_leaves_the_old_tokens_and_nothing_else(folder: Path) -> None:
    resource = pytest.importorskip("resource")
    store = FileTokenStore(folder)
    store.save(KEY, TOKENS)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(TokenStoreUnavailable, match="File too large"):
            store.save(KEY, OTHERS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert store.load(KEY) == TOKENS
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish",
        b"[]",
        b"\xff",
        b'{"version":1}',
        b'{"version":2,"issuer":"https://auth.example.com","account":"default","tokens":{"access_token":"a",'
        b'"refresh_token":"b","expires_in":1,"obtained_at":1}}',
        b'{"version":1,"issuer":"https://auth.example.com","account":"default","tokens":{"access_token":"a\\r\\nx: y",'
        b'"refresh_token":"b","expires_in":1,"obtained_at":1}}',
    ],
)
def test_content_that_is_not_ours_is_refused_and_written_over(folder: Path, content: bytes) -> None:
    store = FileTokenStore(folder)
    store.save(KEY, TOKENS)
    the_file(folder).write_bytes(content)
    with pytest.raises(TokenStoreUnavailable, match="Sign in again") as caught:
        store.load(KEY)
    assert caught.value.reason == "content_unreadable"
    store.save(KEY, TOKENS)
    assert store.load(KEY) == TOKENS


def test_a_file_of_one_issuer_under_the_name_of_another_is_refused(folder: Path) -> None:
    store = FileTokenStore(folder)
    other = KEY._replace(issuer="https://evil.example.com")
    store.save(other, OTHERS)
    named = the_file(folder)
    store.save(KEY, TOKENS)
    (own,) = set(folder.glob("*.json")) - {named}
    own.replace(named)
    with pytest.raises(TokenStoreUnavailable):
        store.load(other)


def test_the_file_holds_its_issuer_and_account_in_words(folder: Path) -> None:
    FileTokenStore(folder).save(KEY, TOKENS)
    content = json.loads(the_file(folder).read_text())
    assert (content["version"], content["issuer"], content["account"]) == (1, *KEY)


@pytest.mark.parametrize("named", ["/absolute", "relative", ""])
def test_the_folder_is_where_the_xdg_specification_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}{named}" if named == "/absolute" else named)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    FileTokenStore().save(KEY, TOKENS)
    state = tmp_path / "absolute" if named == "/absolute" else tmp_path / "home" / ".local" / "state"
    assert the_file(state / "tokenward" / "tokens").exists()


def test_a_keyring_that_keeps_secrets_is_taken_and_no_file_is_written(
    backend: PlainKeyring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = default_store()
    assert isinstance(store, KeyringTokenStore)
    assert store.place == f"the keyring of the system ({backend.name})"
    store.save(KEY, TOKENS)
    with store.locked(KEY, 1):
        pass
    assert [*backend.secrets] == [("tokenward https://auth.example.com", "default")]
    assert {path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {b""}
    assert caplog.records == []


@pytest.mark.parametrize("weak", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring, WeakKeyring])
def test_without_a_keyring_the_file_is_taken_and_named(
    weak: type[KeyringBackend], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keyring.set_keyring(weak())
    store = default_store()
    assert isinstance(store, FileTokenStore)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(tmp_path / "state" / "tokenward" / "tokens") in record.getMessage()
    with pytest.raises(ConfigurationError) as caught:
        KeyringTokenStore()
    assert caught.value.reason == "no_keyring"


WITHOUT = """
import sys
sys.modules["keyring"] = None
from tokenward.client import KeyringTokenStore, default_store
print(default_store().place)
try:
    KeyringTokenStore()
except Exception as error:
    print(error)
"""


def test_without_the_library_the_file_is_taken(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )
    assert done.stdout.splitlines() == [
        f"files in {tmp_path}/tokenward/tokens",
        "The library keyring is not installed: pip install 'tokenward[client]'",
    ]
    assert "files in" in done.stderr


def everything_behind(error: BaseException | None) -> str:
    told = ""
    while error is not None:
        told += f"{error!r} {error} {error.__dict__} {error.args}"
        error = error.__cause__ or error.__context__
    return told


def test_a_keyring_that_is_locked_is_a_clear_error_that_leads_to_no_token(backend: PlainKeyring) -> None:
    store = KeyringTokenStore()
    store.save(KEY, TOKENS)
    backend.fails = True
    for use in uses(store):
        with pytest.raises(TokenStoreUnavailable, match="--store file") as caught:
            use()
        assert "twr_x" not in everything_behind(caught.value)


def test_no_token_is_in_what_is_shown_of_a_token_set() -> None:
    assert repr(TOKENS) == str(TOKENS) == "TokenSet(expires_in=900, obtained_at=1, scope='account')"
