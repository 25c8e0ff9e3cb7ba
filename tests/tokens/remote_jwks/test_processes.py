"""What happens at the edges of a process: imports, forks, and the end of the interpreter."""

import os
import subprocess
import sys
import textwrap

import pytest
from tests.tokens.remote_jwks.published import published
from tests.tokens.remote_jwks.servers import key_server, silent


def run(program: str, *arguments: str) -> str:
    """Run a program in a fresh interpreter and return what it printed; it must be silent otherwise."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


# What measures the coverage may have loaded some of them before.
BEFORE = "import sys; before = set(sys.modules)"
LOADED = "print(sorted({'asyncio', 'httpx', 'http.client', 'ssl', 'socket'} & set(sys.modules) - before))"


def test_verifying_alone_loads_nothing_of_this_package() -> None:
    program = f"""
        {BEFORE}
        import tokenward.tokens
        {LOADED}
        print([name for name in sys.modules if 'remote_jwks' in name])
    """
    assert run(program) == "[]\n[]"


def test_who_works_with_threads_does_not_load_asyncio_or_httpx() -> None:
    program = f"""
        {BEFORE}
        from tokenward.tokens.remote_jwks import RemoteJWKSet
        RemoteJWKSet("https://idp.example/keys")
        {LOADED}
    """
    loaded = run(program)
    assert "http.client" in loaded
    assert "asyncio" not in loaded
    assert "httpx" not in loaded


def test_who_works_with_coroutines_does_not_load_httpx() -> None:
    program = """
        import sys
        from tokenward.tokens.remote_jwks import AsyncRemoteJWKSet
        AsyncRemoteJWKSet("https://idp.example/keys")
        print('httpx' in sys.modules)
    """
    assert run(program) == "False"


def test_every_public_name_can_be_had_and_no_other() -> None:
    program = """
        import tokenward.tokens.remote_jwks as package
        for name in package.__all__:
            getattr(package, name)
        try:
            package.Nothing
        except AttributeError as error:
            print(error)
    """
    assert run(program) == "module 'tokenward.tokens.remote_jwks' has no attribute 'Nothing'"


SILENT_PROGRAM = """
    import sys, threading
    from tokenward.tokens.remote_jwks import RemoteJWKSet
    source = RemoteJWKSet(sys.argv[1], insecure_loopback_http=True, timeout_seconds=100, fresh_seconds=300)
    threading.Thread(target=source.refresh, daemon=True).start()
    sys.stdin.readline()
    print(source.status().is_fetching)
"""


def test_an_attempt_under_way_neither_holds_the_interpreter_nor_prints_at_its_end() -> None:
    with key_server(silent) as server:
        program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SILENT_PROGRAM), server.url()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.arrived.acquire(timeout=60)
        printed, errors = program.communicate("\n", timeout=60)
        assert (program.returncode, printed, errors) == (0, "True\n", "")
        assert not server.stopped.is_set()


ASYNC_PROGRAM = """
    import asyncio, sys
    from tokenward.tokens.remote_jwks import AsyncRemoteJWKSet

    async def main():
        source = AsyncRemoteJWKSet(sys.argv[1], insecure_loopback_http=True, timeout_seconds=100, fresh_seconds=300)
        waiter = asyncio.create_task(source.refresh())
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        print(source.status().is_fetching)
        waiter.cancel()

    asyncio.run(main())
"""


def test_an_attempt_under_way_does_not_hold_the_event_loop_at_its_end() -> None:
    with key_server(silent) as server:
        program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(ASYNC_PROGRAM), server.url()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.arrived.acquire(timeout=60)
        printed, errors = program.communicate("\n", timeout=60)
        assert (program.returncode, printed, errors) == (0, "True\n", "")


FORK_PROGRAM = """
    import os, sys, threading, warnings
    from tokenward.tokens.remote_jwks import RemoteJWKSet, Response

    warnings.simplefilter("ignore")  # Newer versions warn of forks beside threads, which is what this is about.
    arrived, parent = threading.Event(), os.getpid()

    class Transport:
        def fetch(self, request):
            if os.getpid() == parent:
                arrived.set()
                threading.Event().wait()
            return Response(200, {}, sys.argv[2].encode())

    source = RemoteJWKSet("https://idp.example/keys", transport=Transport(), timeout_seconds=100, fresh_seconds=300)
    threading.Thread(target=source.refresh, daemon=True).start()
    arrived.wait(60)
    holder = threading.Event()

    def hold():
        with source._lock:
            holder.set()
            threading.Event().wait()

    if sys.argv[1] == "locked":
        threading.Thread(target=hold, daemon=True).start()
        holder.wait(60)
    child = os.fork()
    if child == 0:
        print(len(source.refresh()), source.status().attempts, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("lock", ["free", "locked"])
def test_a_fork_during_an_attempt_leaves_the_child_able_to_fetch(lock: str) -> None:
    assert run(FORK_PROGRAM, lock, published("a").decode()) == "1 2"
