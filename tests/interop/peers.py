"""Other libraries that sign and verify, each behind the same five calls.

A key is a JWK, private or public; a secret is both. A refusal raises `Refused`, whatever the library raises itself.
"""

import json
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from typing import Any, Protocol

import joserfc.errors
import joserfc.jwk
import joserfc.jws
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import (
    ECAlgorithm,
    HMACAlgorithm,
    OKPAlgorithm,
    RSAAlgorithm,
    get_default_algorithms,
)
from tests.interop.node_packages import FOLDER, installed_packages
from tests.programs import require_program

JWK = dict[str, Any]

# The whole exchange takes five seconds. A process that hangs must not outlive its test.
LONGEST_SECONDS = 120


class Refused(Exception):
    """The other library refused a token or a key."""


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    """One for all six algorithms, because making one takes long."""
    return rsa.generate_private_key(65537, 2048)


class Peer(Protocol):
    """Another library. `curve` is given for `EdDSA` alone, where the name of the algorithm does not say it."""

    name: str

    def versions(self) -> dict[str, str]:
        """The versions of the library and of what it runs on."""
        ...

    def offers(self, alg: str, curve: str | None) -> bool:
        """Whether the library has this algorithm at all."""
        ...

    def make(self, alg: str, curve: str | None) -> JWK:
        """A new private key or secret, as the library writes it."""
        ...

    def thumbprint(self, jwk: JWK) -> str | None:
        """The RFC 7638 thumbprint, None where the library makes none."""
        ...

    def sign(self, alg: str, jwk: JWK, payload: str) -> str:
        """A compact JWS."""
        ...

    def verify(self, alg: str, jwk: JWK, token: str) -> str:
        """The payload of a compact JWS whose signature is right."""
        ...


class PyJWT:
    """PyJWT, which reads and writes JWKs but does not make keys: `cryptography` makes them."""

    name = "PyJWT"

    def versions(self) -> dict[str, str]:
        return {"PyJWT": version("PyJWT")}

    def offers(self, alg: str, curve: str | None) -> bool:
        return alg in get_default_algorithms()

    def make(self, alg: str, curve: str | None) -> JWK:
        if alg.startswith("HS"):
            jwk: JWK = json.loads(HMACAlgorithm.to_jwk(bytes(range(100, 100 + int(alg[2:]) // 8))))
        elif alg.startswith(("RS", "PS")):
            jwk = json.loads(RSAAlgorithm.to_jwk(_rsa_key()))
        elif alg == "EdDSA":
            kind = ed448.Ed448PrivateKey if curve == "Ed448" else ed25519.Ed25519PrivateKey
            jwk = json.loads(OKPAlgorithm.to_jwk(kind.generate()))
        else:
            curves = {
                "ES256": ec.SECP256R1(),
                "ES384": ec.SECP384R1(),
                "ES512": ec.SECP521R1(),
                "ES256K": ec.SECP256K1(),
            }
            jwk = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(curves[alg])))
        return {**jwk, "alg": alg}

    def thumbprint(self, jwk: JWK) -> str | None:
        return None

    def sign(self, alg: str, jwk: JWK, payload: str) -> str:
        return jwt.PyJWS().encode(payload.encode(), jwt.PyJWK(jwk, alg), algorithm=alg)

    def verify(self, alg: str, jwk: JWK, token: str) -> str:
        try:
            decoded = jwt.PyJWS().decode(token, jwt.PyJWK(jwk, alg), algorithms=[alg])
        except jwt.PyJWTError as error:
            raise Refused(repr(error)) from error
        return bytes(decoded).decode()


class Joserfc:
    """joserfc."""

    name = "joserfc"

    def versions(self) -> dict[str, str]:
        return {"joserfc": version("joserfc")}

    def offers(self, alg: str, curve: str | None) -> bool:
        return alg in joserfc.jws.JWSRegistry.algorithms

    def make(self, alg: str, curve: str | None) -> JWK:
        key: joserfc.jwk.Key
        if alg.startswith("HS"):
            key = joserfc.jwk.OctKey.generate_key(int(alg[2:]))
        elif alg.startswith(("RS", "PS")):
            key = joserfc.jwk.RSAKey.generate_key(2048)
        elif alg.startswith("Ed"):
            key = joserfc.jwk.OKPKey.generate_key("Ed448" if "Ed448" in (alg, curve) else "Ed25519")
        else:
            curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}
            key = joserfc.jwk.ECKey.generate_key(curves[alg])
        return {**key.as_dict(private=True), "alg": alg}

    def thumbprint(self, jwk: JWK) -> str | None:
        return joserfc.jwk.import_key(jwk).thumbprint()

    def sign(self, alg: str, jwk: JWK, payload: str) -> str:
        with _without_advice():
            return joserfc.jws.serialize_compact({"alg": alg}, payload, joserfc.jwk.import_key(jwk), [alg])

    def verify(self, alg: str, jwk: JWK, token: str) -> str:
        try:
            with _without_advice():
                verified = joserfc.jws.deserialize_compact(token, joserfc.jwk.import_key(jwk), [alg])
        except joserfc.errors.JoseError as error:
            raise Refused(repr(error)) from error
        return verified.payload.decode()


@contextmanager
def _without_advice() -> Iterator[None]:
    """`EdDSA` is an old name of two algorithms, and joserfc says so each time (RFC 9864)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", joserfc.errors.SecurityWarning)
        yield


class NodeLibrary:
    """An npm package, in a process that answers line by line and may serve several."""

    def __init__(
        self, process: "subprocess.Popen[str]", library: str, name: str, algorithms: list[str]
    ) -> None:
        self.name = name
        self.process = process
        self._library = library
        self._offered = frozenset(self._ask("offered", algorithms=algorithms))

    def versions(self) -> dict[str, str]:
        return {self.name: str(self._ask("version")), "Node.js": str(self._ask("node"))}

    def offers(self, alg: str, curve: str | None) -> bool:
        return alg in self._offered and curve != "Ed448"

    def make(self, alg: str, curve: str | None) -> JWK:
        return dict(self._ask("make", alg=alg))

    def thumbprint(self, jwk: JWK) -> str | None:
        return str(self._ask("thumbprint", jwk=jwk))

    def sign(self, alg: str, jwk: JWK, payload: str) -> str:
        return str(self._ask("sign", alg=alg, jwk=jwk, payload=payload))

    def verify(self, alg: str, jwk: JWK, token: str) -> str:
        return str(self._ask("verify", alg=alg, jwk=jwk, token=token))

    def _ask(self, action: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"library": self._library, "do": action, **arguments}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("node ended before it answered")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["ok"]


@contextmanager
def node_libraries(
    algorithms: list[str], *, longest_seconds: float = LONGEST_SECONDS
) -> Iterator[list[NodeLibrary]]:
    """The npm packages, in one process for a whole exchange. It is killed in the end, and when it takes too long."""
    installed_packages()
    process = subprocess.Popen(
        [require_program("node"), "peer.js"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # A read that waits for a process ends when the process is killed.
    watchdog = threading.Timer(longest_seconds, process.kill)
    watchdog.start()
    try:
        yield [
            NodeLibrary(process, "jose", "jose (npm)", algorithms),
            NodeLibrary(process, "noble", "noble (npm)", algorithms),
        ]
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
