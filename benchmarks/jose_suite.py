"""The suite `jose`: what the token engine costs, beside the bare primitive and beside other libraries.

`run` measures the rows of issue 3 and returns them; see the README for what each row means.
"""

import dataclasses
import json
import statistics
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import joserfc.jwk
import jwt

from benchmarks import jose_contenders as contenders
from benchmarks import jose_imports as imports
from benchmarks.jose_contenders import Loop, TypedClaims, loop_over, tokenward_verifier
from benchmarks.jose_material import (
    ALGORITHMS,
    AUDIENCE,
    Material,
    make,
    with_headers_of_their_own,
    with_other_claims,
)
from benchmarks.jose_report import AtMost, JoseRow
from benchmarks.jose_rounds import THREADS, Contender, Summary, run_rounds, summarize
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import JWKSet, PublicKey
from tokenward.tokens import Issuers, TokenVerifier

CPU_US: Final = "CPU µs"


class Size(NamedTuple):
    """How much is measured."""

    rounds: int
    seconds: float
    starts: int


FULL: Final = Size(rounds=40, seconds=0.02, starts=21)
QUICK: Final = Size(rounds=3, seconds=0.005, starts=3)

_OF_BARE: Final = {"RS256": 1.3, "ES256": 1.15, "EdDSA": 1.10}
_SEEN: Final = AtMost(1.5, "value")
# Two equal verifiers differ by about as much in one run; what is below cannot be measured.
_NOTHING_MEASURABLE: Final = AtMost(1.03, "ratio")
_MICROSECONDS: Final = AtMost(10, "value")


@dataclasses.dataclass
class DataclassClaims:
    """The ten claims as a dataclass."""

    iss: str
    sub: str
    aud: str
    client_id: str
    exp: int
    iat: int
    jti: str
    scope: str
    sid: str
    roles: list[str]


class Plan:
    """The contenders of the run in their order, and which rows will be made of them."""

    def __init__(self) -> None:
        self.contenders: dict[str, Contender] = {}
        self._rows: list[Callable[[], JoseRow]] = []

    def measure(self, name: str, loop: Loop, calls: int, *, every: int = 1, threads: int = 1) -> str:
        """Add a contender; returns its name."""
        self.contenders[name] = Contender(name, loop, calls, every=every, threads=threads)
        return name

    def report(
        self, name: str, against: str | None = None, budget: AtMost | None = None, note: str = ""
    ) -> None:
        """Add a row of the contender `name`."""

        def make_row() -> JoseRow:
            peer = self.contenders[against] if against else None
            summary = summarize(self.contenders[name], peer)
            return JoseRow(name, CPU_US, summary, against, budget, note)

        self._rows.append(make_row)

    def miss(self, name: str, against: str, budget: AtMost, why: str) -> None:
        """Add a row of something that cannot be measured here."""
        self._rows.append(lambda: JoseRow(name, CPU_US, None, against, budget, why))

    def rows(self) -> list[JoseRow]:
        """The rows, after the rounds."""
        return [make_row() for make_row in self._rows]


def run(size: Size) -> list[JoseRow]:
    """Measure everything; takes about a minute at full size."""
    materials = {alg: make(alg) for alg in ALGORITHMS}
    plan = Plan()
    for material in materials.values():
        _plan_verification(plan, material)
    _plan_libsodium(plan)
    _plan_typed_claims(plan, materials["HS256"])
    _plan_other_claims(plan, materials["HS256"])
    _plan_headers_and_issuers(plan, materials["HS256"])
    for material in materials.values():
        _plan_signing(plan, material)
    _plan_key_sets(plan, materials)
    _plan_hostile_input(plan, materials["HS256"])
    run_rounds(list(plan.contenders.values()), rounds=size.rounds, seconds=size.seconds)
    return plan.rows() + _import_rows(size.starts)


def _plan_verification(plan: Plan, material: Material) -> None:
    alg, tokens, calls = material.alg, material.tokens, len(material.tokens)
    fresh = loop_over(tokenward_verifier(material).verify, tokens)
    seen = loop_over(tokenward_verifier(material, cache_size=4096).verify, tokens)
    bare = plan.measure(f"bare verify {alg}", contenders.bare_verify(material), calls)
    ours = plan.measure(f"verify {alg}", fresh, calls)
    known = plan.measure(f"verify {alg}, token seen before", seen, calls)
    at_once = plan.measure(f"{known}, {THREADS} threads", seen, calls, threads=THREADS)
    plan.report(bare)
    plan.report(ours, bare, AtMost(_OF_BARE[alg], "ratio") if alg in _OF_BARE else AtMost(5, "value"))
    peers: list[tuple[str, Loop, int, float | None]] = [
        ("PyJWT", contenders.pyjwt_verify(material), 1, 0.1),
        ("joserfc", contenders.joserfc_verify(material), 1, 0.2),
        ("Authlib", contenders.authlib_verify(material), 4, None),
        ("jwcrypto", contenders.jwcrypto_verify(material), 4, None),
    ]
    for library, loop, every, limit in peers:
        peer = plan.measure(f"{library} verify {alg}", loop, calls, every=every)
        budget = AtMost(limit, "ratio") if limit and alg == "HS256" else None
        plan.report(ours, peer, budget)
    plan.report(known, None, _SEEN)
    plan.report(at_once, None, _SEEN)


def _plan_libsodium(plan: Plan) -> None:
    try:
        material = make("EdDSA", ed25519_by="libsodium")
    except ConfigurationError as error:
        plan.miss("verify EdDSA by libsodium", "bare verify EdDSA", AtMost(0.65, "ratio"), error.description)
        return
    calls, bare = len(material.tokens), "bare verify EdDSA"
    floor = plan.measure("bare verify EdDSA by libsodium", contenders.sodium_verify(material), calls)
    loop = loop_over(tokenward_verifier(material).verify, material.tokens)
    ours = plan.measure("verify EdDSA by libsodium", loop, calls)
    plan.report(floor, bare)
    plan.report(ours, bare, AtMost(0.65, "ratio"))
    plan.report(ours, floor)


def _plan_typed_claims(plan: Plan, material: Material) -> None:
    """HS256, where there is nothing else that the difference could hide behind."""
    tokens, calls = material.tokens, len(material.tokens)
    again = plan.measure(
        "verify HS256, the same once more", loop_over(tokenward_verifier(material).verify, tokens), calls
    )
    plan.report(again, "verify HS256", note="how far two equal verifiers differ in this run")
    verify = tokenward_verifier(material).verify
    reading = plan.measure(
        "verify HS256, then read `.claims`", loop_over(lambda token: verify(token).claims, tokens), calls
    )
    plan.report(reading, "verify HS256")
    for kind, claims in (("Struct", TypedClaims), ("dataclass", DataclassClaims)):
        typed: TokenVerifier[Any] = tokenward_verifier(material, claims=claims)
        name = plan.measure(f"verify HS256, claims={kind}", loop_over(typed.verify, tokens), calls)
        plan.report(name, "verify HS256", _NOTHING_MEASURABLE)
        plan.report(name, reading)
        typed = tokenward_verifier(material, cache_size=4096, claims=claims)
        name = plan.measure(f"{name}, token seen before", loop_over(typed.verify, tokens), calls)
        plan.report(name, "verify HS256, token seen before")


def _plan_other_claims(plan: Plan, material: Material) -> None:
    """Tokens as other issuers write them: good, and not in the form that is ready for them."""
    now = material.claims[0]["iat"]
    shapes: list[tuple[str, dict[str, Any]]] = [
        ("`aud` is a list", {"aud": [AUDIENCE, "https://userinfo.example.com"]}),
        ("with `nbf`", {"nbf": now}),
        ("with a claim of the application", {"tenant": "north"}),
        ("all three of these", {"aud": [AUDIENCE], "nbf": now, "tenant": "north"}),
    ]
    for shape, others in shapes:
        tokens = with_other_claims(material, **others)
        loop = loop_over(tokenward_verifier(material).verify, tokens)
        plan.report(plan.measure(f"verify HS256, {shape}", loop, len(tokens)), "verify HS256")


def _plan_headers_and_issuers(plan: Plan, material: Material) -> None:
    tokens = with_headers_of_their_own(material)
    name = plan.measure(
        "verify HS256, header never seen before",
        loop_over(tokenward_verifier(material).verify, tokens),
        len(tokens),
    )
    plan.report(name, "verify HS256")
    others = [make("HS256", issuer=f"https://login-{number}.example.com") for number in (2, 3)]
    three = (material, *others)
    mixed = [token for batch in zip(*(one.tokens for one in three), strict=True) for token in batch]
    for name, cache_size in (("verify HS256", 0), ("verify HS256, token seen before", 4096)):
        verifiers = [tokenward_verifier(one, cache_size=cache_size) for one in three]
        row = f"{name}, one of three Issuers"
        plan.measure(row, loop_over(Issuers(verifiers).verify, mixed), len(mixed))
        plan.report(row, name)


def _plan_signing(plan: Plan, material: Material) -> None:
    alg, calls = material.alg, len(material.claims)
    bare = plan.measure(f"bare sign {alg}", contenders.bare_sign(material), calls)
    ours = plan.measure(f"sign {alg}", contenders.tokenward_sign(material), calls)
    plan.report(bare)
    budgets = {"HS256": AtMost(3, "value"), "ES256": AtMost(1.15, "ratio")}
    plan.report(ours, bare, budgets.get(alg))
    for library, loop in (
        ("PyJWT", contenders.pyjwt_sign(material)),
        ("joserfc", contenders.joserfc_sign(material)),
    ):
        plan.report(ours, plan.measure(f"{library} sign {alg}", loop, calls, every=2))


def _plan_key_sets(plan: Plan, materials: dict[str, Material]) -> None:
    keys = [
        key for material in materials.values() for key in material.keys.keys if isinstance(key, PublicKey)
    ]
    data = JWKSet(keys).to_json()
    ours = plan.measure("parse a JWK Set of three keys", loop_over(JWKSet.parse, [data] * 8), 8, every=2)
    plan.report(ours)
    for library, parse in (
        ("PyJWT", lambda text: jwt.PyJWKSet.from_dict(json.loads(text))),
        ("joserfc", lambda text: joserfc.jwk.KeySet.import_key_set(json.loads(text))),
    ):
        name = plan.measure(
            f"{library} parse a JWK Set of three keys", loop_over(parse, [data] * 8), 8, every=4
        )
        plan.report(ours, name)


def _plan_hostile_input(plan: Plan, material: Material) -> None:
    verify = tokenward_verifier(material, cache_size=4096).verify
    header, payload, signature = material.tokens[0].split(".")
    forged = f"{header}.{payload}.{signature[::-1]}"
    nested = f"{_segment(b'[' * 3000)}.{payload}.{signature}"
    large = f"{header}.{'A' * 5_000_000}.{signature}"
    inputs: list[tuple[str, str | bytes, AtMost | None]] = [
        ("5 MB token", large, _MICROSECONDS),
        ("5 MB token in bytes", large.encode(), _MICROSECONDS),
        ("10 MB of dots", "." * 10_000_000, _MICROSECONDS),
        ("8 KiB of dots", "." * 8192, _MICROSECONDS),
        ("header of 3000 brackets", nested, None),
        ("forged signature HS256", forged, None),
    ]
    for what, token, budget in inputs:
        plan.report(plan.measure(f"refuse: {what}", _refusals(verify, token), 16, every=2), None, budget)


def _refusals(verify: Callable[[str | bytes], object], token: str | bytes) -> Loop:
    def loop() -> None:
        for _ in range(16):
            try:
                verify(token)
            except InvalidToken:
                continue
            raise AssertionError("A hostile token was accepted.")

    return loop


def _segment(data: bytes) -> str:
    from tokenward.jose import base64url

    return base64url.encode(data).decode()


def _import_rows(starts: int) -> list[JoseRow]:
    rows = []
    for flags, with_site in (("-I", True), ("-I -S", False)):
        bare, importing = imports.measure_starts(starts, with_site=with_site)
        for number, unit in ((0, "CPU ms"), (1, "ms on the clock")):
            rows.append(
                JoseRow(
                    f"python {flags} -c 'import {imports.PACKAGE}'",
                    unit,
                    _compare([start[number] for start in importing], [start[number] for start in bare]),
                    f"python {flags} -c pass",
                    AtMost(5, "ratio") if number == 0 else None,
                )
            )
    modules = imports.loaded_modules()
    for what, unwanted, budget in (
        ("modules that must not be loaded", imports.MUST_NOT_LOAD, True),
        ("modules that the first use shall load", imports.LOADED_LATER, False),
    ):
        names = imports.found(modules, unwanted)
        count = float(len(names))
        rows.append(
            JoseRow(
                f"import {imports.PACKAGE}: {what}",
                f"of {len(modules)} loaded",
                Summary(count, count),
                budget=AtMost(0, "value") if budget else None,
                note=", ".join(names),
            )
        )
    return rows


def _compare(measured: list[float], peers: list[float]) -> Summary:
    ratios = [value / peer for value, peer in zip(measured, peers, strict=True)]
    return Summary(
        statistics.median(measured),
        min(measured),
        statistics.median(peers),
        min(peers),
        statistics.median(ratios),
    )
