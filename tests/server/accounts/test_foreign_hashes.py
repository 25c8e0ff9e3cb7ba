import asyncio
import base64
import contextlib
import hashlib
import string
import time

import argon2
import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.accounts.building import Built, cheap_hasher
from tests.server.accounts.foreign_vectors import PASSWORD, VECTORS

from tokenward.server.accounts import InvalidCredentials, PasswordHasher
from tokenward.server.accounts.foreign_hashes import (
    UnusableHash,
    argon2_text,
    is_foreign,
    pbkdf2_text,
    read_foreign,
)
from tokenward.server.accounts.hashing_process import answer

BCRYPT = VECTORS["bcrypt 2b"]
SALT, DIGEST = "c2FsdHNhbHRzYWx0c2FsdA", "ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGk"


def refused(text: str) -> str:
    with pytest.raises(UnusableHash) as caught:
        read_foreign(text)
    assert not text or text not in repr(caught.value)
    return caught.value.reason


async def fits(hasher: PasswordHasher, password: str, stored: str) -> bool:
    try:
        return (await hasher.verify(password, stored, typed=password)).needs_rehash
    except InvalidCredentials:
        return False


@pytest.mark.parametrize("name", VECTORS)
async def test_a_hash_of_a_real_library_verifies_its_password_and_no_other(name: str) -> None:
    read = read_foreign(VECTORS[name])
    assert is_foreign(read.stored)
    assert read_foreign(read.stored) == read
    hasher = cheap_hasher()
    try:
        assert await fits(hasher, PASSWORD, read.stored)
        assert not await fits(hasher, PASSWORD + "x", read.stored)
        assert not await fits(hasher, "", read.stored)
    finally:
        hasher.close()


async def test_what_has_an_object_and_no_text_elsewhere_gets_a_text(built: Built) -> None:
    salt = bytes(range(16))
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 5000, 64)
    raw = argon2.low_level.hash_secret_raw(PASSWORD.encode(), salt, 5, 7168, 1, 32, argon2.Type.ID)
    for text in (
        pbkdf2_text("sha512", 5000, salt, digest),
        argon2_text("argon2id", 19, 7168, 5, 1, salt, raw),
    ):
        assert await fits(built.hasher, PASSWORD, read_foreign(text).stored)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (hashlib.md5(b"x", usedforsecurity=False).hexdigest(), "weak_hash"),
        (hashlib.sha1(b"x", usedforsecurity=False).hexdigest().upper(), "weak_hash"),
        (hashlib.sha256(b"x").hexdigest(), "weak_hash"),
        (hashlib.sha512(b"x").hexdigest(), "weak_hash"),
        ("md5$salt$0123", "weak_hash"),
        ("sha1$salt$0123", "weak_hash"),
        ("{SSHA}abcd", "weak_hash"),
        ("$1$salt$abcd", "weak_hash"),
        ("$6$salt$abcd", "unknown_hash"),
        ("plain", "unknown_hash"),
        ("", "unknown_hash"),
        ("x" * 600, "unknown_hash"),
        # The variants of bcrypt whose results depend on a fault of the program that made them.
        ("$2x$" + BCRYPT[4:], "unknown_hash"),
        ("$2$" + BCRYPT[4:], "unknown_hash"),
        (BCRYPT[:-1], "unknown_hash"),
        (BCRYPT + "a", "unknown_hash"),
        (BCRYPT + "\n", "unknown_hash"),
        (BCRYPT[:28] + "/" + BCRYPT[29:], "unknown_hash"),
        (BCRYPT[:-1] + "3", "unknown_hash"),
        (BCRYPT.replace("$08$", "$8$"), "unknown_hash"),
        (BCRYPT.replace("$08$", "$07$"), "weak_hash"),
        (BCRYPT.replace("$08$", "$15$"), "costly_hash"),
        (BCRYPT.replace("$08$", "$31$"), "costly_hash"),
        (f"pbkdf2_sha256$999$saltsaltsalt${DIGEST}=", "weak_hash"),
        (f"pbkdf2_sha256$1000$short${DIGEST}=", "weak_hash"),
        ("pbkdf2_sha256$1000$saltsaltsalt$c2hvcnQ=", "weak_hash"),
        (f"pbkdf2_sha256$4000001$saltsaltsalt${DIGEST}=", "costly_hash"),
        (f"pbkdf2_sha256$9999999999$saltsaltsalt${DIGEST}=", "unknown_hash"),
        (f"pbkdf2_md5$20000$saltsaltsalt${DIGEST}=", "unknown_hash"),
        (f"pbkdf2_sha256$-1$saltsaltsalt${DIGEST}=", "unknown_hash"),
        # Four blocks of a digest cost four times the iterations.
        (
            f"$pbkdf2-sha256$i=1000001${SALT}${base64.b64encode(bytes(128)).decode().rstrip('=')}",
            "costly_hash",
        ),
        # Bits that nobody reads, of which the library of Argon2 makes an error later.
        (f"$pbkdf2-sha256$i=1000${SALT[:-1]}B${DIGEST}", "unknown_hash"),
        (f"scrypt$512$saltsaltsalt$8$1${DIGEST}=", "weak_hash"),
        (f"scrypt$1000$saltsaltsalt$8$1${DIGEST}=", "unknown_hash"),
        (f"scrypt$262144$saltsaltsalt$8$1${DIGEST}=", "costly_hash"),
        (f"scrypt$131072$saltsaltsalt$8$5${DIGEST}=", "costly_hash"),
        (f"scrypt$1024$saltsaltsalt$33$1${DIGEST}=", "unknown_hash"),
        (f"scrypt$1024$saltsaltsalt$8$17${DIGEST}=", "unknown_hash"),
        (f"$scrypt$ln=63,r=8,p=1${SALT}${DIGEST}", "costly_hash"),
        (f"$argon2id$v=19$m=262145,t=1,p=1${SALT}${DIGEST}", "costly_hash"),
        (f"$argon2id$v=19$m=262144,t=5,p=1${SALT}${DIGEST}", "costly_hash"),
        (f"$argon2id$v=19$m=999999999,t=999999999,p=1${SALT}${DIGEST}", "costly_hash"),
        (f"$argon2id$v=19$m=512,t=1,p=1${SALT}${DIGEST}", "weak_hash"),
        (f"$argon2id$v=19$m=4096,t=1,p=17${SALT}${DIGEST}", "unknown_hash"),
        (f"$argon2id$v=19$m=64,t=99,p=9${SALT}${DIGEST}", "unknown_hash"),
        (f"$argon2d$v=19$m=65536,t=3,p=4${SALT}${DIGEST}", "unknown_hash"),
        (f"$argon2id$v=18$m=65536,t=3,p=4${SALT}${DIGEST}", "unknown_hash"),
        (f"$argon2id$v=19$m=065536,t=3,p=4${SALT}${DIGEST}", "unknown_hash"),
        (f"$argon2id$v=19$m=٦٥٥٣٦,t=3,p=4${SALT}${DIGEST}", "unknown_hash"),
    ],
)
def test_what_is_weak_costly_or_unknown_is_refused(text: str, reason: str) -> None:
    assert refused(text) == reason


@given(st.text(alphabet=string.ascii_letters + string.digits + "$=,.:/+_-é\x00\n", max_size=120))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for start in ("", "$argon2id$v=19$", "$2b$12$", "pbkdf2_sha256$", "scrypt$", "scrypt:", "$scrypt$ln="):
        with contextlib.suppress(UnusableHash):
            assert len(read_foreign(start + text).stored) < 600


async def test_every_argon2_that_is_taken_over_can_be_computed(built: Built) -> None:
    """What the library calls malformed would answer 503 at each sign-in, and never 401."""
    for kind, version, parameters in (
        ("argon2i", 16, "m=1024,t=1,p=1"),
        ("argon2id", 16, "m=2048,t=1,p=16"),
        ("argon2id", 19, "m=8,t=128,p=1"),
    ):
        text = f"${kind}$v={version}${parameters}${SALT}${DIGEST}"
        assert not await fits(built.hasher, PASSWORD, read_foreign(text).stored)


async def test_the_first_sign_in_replaces_the_hash_by_one_of_ours_once(built: Built) -> None:
    record = await built.accounts.create(email="a@b.example", password="some other password", actor="")
    change = built.storage.accounts.rehash(record.sub, record.password_hash or "", BCRYPT)
    await built.accounts._apply("test", change)
    record = await built.accounts.get(record.sub)
    with pytest.raises(InvalidCredentials):
        await built.accounts.verify_password(record, "wrong")
    assert (await built.accounts.get(record.sub)).password_hash == BCRYPT
    await asyncio.gather(*(built.accounts.verify_password(record, PASSWORD) for _ in range(3)))
    after = await built.accounts.get(record.sub)
    assert (after.password_hash or "").startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert after.cutoff == record.cutoff
    await built.accounts.verify_password(after, PASSWORD)
    assert [event.event for event in await built.events()][1:] == ["account.password_rehashed"]


async def test_a_password_is_tried_as_typed_first_and_is_then_the_same_from_every_keyboard(
    built: Built,
) -> None:
    typed, normalized = "ﬁne ½ pound of ﬂour", "fine 1⁄2 pound of flour"
    for hashed in (typed, normalized):
        email = f"{len(hashed)}@b.example"
        record = await built.accounts.create(email=email, password="some other password", actor="")
        stored = bcrypt.hashpw(hashed.encode(), bcrypt.gensalt(8)).decode()
        await built.accounts._apply(
            "test", built.storage.accounts.rehash(record.sub, record.password_hash or "", stored)
        )
        await built.accounts.verify_password(await built.accounts.get(record.sub), typed)
        for form in (typed, normalized):
            await built.accounts.verify_password(await built.accounts.get(record.sub), form)


async def test_our_own_hash_is_never_tried_with_what_was_typed(built: Built) -> None:
    typed = "ﬁne ½ pound of ﬂour"
    raw = argon2.PasswordHasher(1, 8, 1).hash(typed)
    assert not await fits(built.hasher, "fine 1⁄2 pound of flour", raw)
    with pytest.raises(InvalidCredentials):
        await built.hasher.verify("fine 1⁄2 pound of flour", raw, typed=typed)


async def test_bcrypt_looks_at_72_bytes_and_after_the_first_sign_in_all_counts(built: Built) -> None:
    long = "a long sentence of words that goes on well beyond what bcrypt looks at, and then some more"
    stored = "$2b$08$bkkBs57Y9u9aXihmdYagFuv8n8pLDSWPcFIk.4iokNt6Vymq2uEvK"
    record = await built.accounts.create(email="a@b.example", password="some other password", actor="")
    await built.accounts._apply(
        "test", built.storage.accounts.rehash(record.sub, record.password_hash or "", stored)
    )
    assert not await fits(built.hasher, long[:71], stored)
    await built.accounts.verify_password(await built.accounts.get(record.sub), long)
    after = await built.accounts.get(record.sub)
    with pytest.raises(InvalidCredentials):
        await built.accounts.verify_password(after, long[:72])
    await built.accounts.verify_password(after, long)


async def test_a_foreign_hash_never_answers_sooner_than_an_unknown_name(built: Built) -> None:
    cheap = f"pbkdf2_sha256$1000$saltsaltsalt${DIGEST}="
    hasher = PasswordHasher(memory_kib=65536, time_cost=3, processes=1)
    try:
        await hasher.hash("so that there is a process")
        least: dict[str | None, float] = {}
        for stored in (None, cheap, "no hash at all") * 3:
            began = time.perf_counter()
            with pytest.raises(InvalidCredentials):
                await hasher.verify("wrong", stored, typed="wrong")
            took = time.perf_counter() - began
            least[stored] = min(took, least.get(stored, took))
        # Without the work of an unknown name the cheap one takes a hundredth of it.
        assert least[cheap] > least[None] * 0.5
        assert least["no hash at all"] > least[None] * 0.5
    finally:
        hasher.close()


async def test_a_stored_hash_of_absurd_cost_is_not_computed_whoever_put_it_there(built: Built) -> None:
    for stored in (f"pbkdf2_sha256$99999999$saltsaltsalt${DIGEST}=", BCRYPT.replace("$08$", "$31$")):
        async with asyncio.timeout(5):
            assert not await fits(built.hasher, PASSWORD, stored)


def test_what_cannot_be_computed_is_no_wrong_password(built: Built) -> None:
    """Where the machine has no memory, or the library is another one: 503, and nothing of the request in it."""
    request = built.hasher._foreign_request(PASSWORD, BCRYPT, PASSWORD)
    assert answer(request) == {"verified": True, "needs_rehash": True}
    request["foreign"]["salt"] = "no salt"
    assert answer(request) == {"failed": "ValueError"}
