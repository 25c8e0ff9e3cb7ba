"""Claims as a class of the application: what fits is given, what does not is refused with the path to the member."""

import dataclasses
import datetime as dt
import enum
import pathlib
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NotRequired, Protocol, TypedDict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokens.forge import ABSENT, NOW, claims, key, refused, token, verifier
from tests.tokens.sample_tokens import SAMPLES, id_token_verifier, profile_verifier, sealed

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.tokens import AccessToken, TokenVerifier, VerifiedToken
from tokenward.tokens.typed_claims import claims_reader

SECRET: Final = "s3cr3t-in-the-token"


@dataclasses.dataclass
class Address:
    city: str
    lines: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class AsDataclass:
    sub: str
    address: Address
    level: Literal["low", "high"] = "low"
    manager: str | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    homes: dict[str, Address] = dataclasses.field(default_factory=dict)


class AsTypedDict(TypedDict):
    sub: str
    address: Address
    level: NotRequired[Literal["low", "high"]]
    manager: NotRequired[str | None]
    tags: NotRequired[list[str]]
    homes: NotRequired[dict[str, Address]]


class AsStruct(msgspec.Struct):
    sub: str
    address: Address
    level: Literal["low", "high"] = "low"
    manager: str | None = None
    tags: list[str] = []
    homes: dict[str, Address] = {}


KINDS: Final[tuple[type[Any], ...]] = (AsDataclass, AsTypedDict, AsStruct)
GOOD: Final[dict[str, Any]] = {
    "address": {"city": "Paris", "lines": ["1 rue X"], "unknown": 1},
    "level": "high",
    "manager": None,
    "tags": ["a", "b"],
    "homes": {"first": {"city": "Rome"}},
}


def typed(kind: type[Any], **settings: Any) -> TokenVerifier[Any]:
    by: TokenVerifier[Any] = verifier(claims=kind, **settings)
    return by


def member(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) else getattr(value, name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cache_size", [0, 10])
def test_claims_come_in_the_class_of_the_application(kind: type[Any], cache_size: int) -> None:
    by = typed(kind, cache_size=cache_size)
    text = token(**GOOD)
    for _ in range(3):
        said = by.verify(text)
        assert type(said) is (dict if kind is AsTypedDict else kind)
        assert member(said, "sub") == claims()["sub"]
        assert member(said, "address") == Address("Paris", ["1 rue X"])
        assert (member(said, "level"), member(said, "tags")) == ("high", ["a", "b"])
        assert member(said, "homes") == {"first": Address("Rome")}


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_be_missing_may_be_missing_and_what_is_not_asked_for_is_left_out(kind: type[Any]) -> None:
    said = typed(kind).verify(token(address={"city": "x"}, other=[1, {"a": 2}]))
    if kind is AsTypedDict:
        assert said == {"sub": claims()["sub"], "address": Address("x")}
    else:
        assert (said.level, said.manager, said.tags, said.homes) == ("low", None, [], {})
        assert not hasattr(said, "other")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "reason", "claim"),
    [
        ({"address": ABSENT}, "claim_missing", "$.address"),
        ({"address": None}, "claim_shape: Expected `object`, got `null`", "$.address"),
        ({"address": {}}, "claim_missing", "$.address.city"),
        ({"address": {"city": 1}}, "claim_shape: Expected `str`, got `int`", "$.address.city"),
        (
            {"address": {"city": "x", "lines": "y"}},
            "claim_shape: Expected `array`, got `str`",
            "$.address.lines",
        ),
        (
            {"address": {"city": "x", "lines": ["y", 2]}},
            "claim_shape: Expected `str`, got `int`",
            "$.address.lines[1]",
        ),
        ({"level": SECRET}, "claim_shape", "$.level"),
        ({"level": None}, None, "$.level"),
        ({"manager": 5}, "claim_shape: Expected `str | null`, got `int`", "$.manager"),
        ({"tags": {SECRET: 1}}, "claim_shape: Expected `array`, got `object`", "$.tags"),
        ({"tags": [None]}, "claim_shape: Expected `str`, got `null`", "$.tags[0]"),
        ({"homes": {SECRET: {}}}, "claim_missing", "$.homes[...].city"),
        ({"homes": {SECRET: {"city": True}}}, "claim_shape: Expected `str`, got `bool`", "$.homes[...].city"),
    ],
)
def test_a_wrong_shape_is_refused_with_the_path_to_the_member(
    kind: type[Any], change: dict[str, Any], reason: str | None, claim: str
) -> None:
    text = token(**(GOOD | change))
    by = typed(kind)
    for _ in range(2):  # The second time the token is remembered, and is not right for that.
        error = refused(text, by, reason=reason, claim=claim)
        assert SECRET not in repr(error)
        assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cache_size", [0, 10])
def test_what_one_caller_changes_does_not_reach_the_next(kind: type[Any], cache_size: int) -> None:
    by = typed(kind, cache_size=cache_size)
    text = token(**GOOD)
    first = by.verify(text)
    member(first, "tags").append("root")
    member(first, "homes").clear()
    member(first, "address").city = "elsewhere"
    member(first, "address").lines.append("more")
    second = by.verify(text)
    assert member(second, "tags") == ["a", "b"]
    assert member(second, "homes") == {"first": Address("Rome")}
    assert member(second, "address") == Address("Paris", ["1 rue X"])


def test_defaults_are_not_shared_either() -> None:
    by = typed(AsStruct)
    text = token(address={"city": "x"})
    by.verify(text).tags.append("root")
    assert by.verify(text).tags == []


def test_fields_that_are_named_otherwise_in_the_token_are_found_and_named_as_there() -> None:
    class Renamed(msgspec.Struct, rename="camel"):
        given_name: str
        tenant: str = msgspec.field(name="https://id.example/tenant")

    by = typed(Renamed)
    said = by.verify(token(givenName="Ada", **{"https://id.example/tenant": "t"}))
    assert (said.given_name, said.tenant) == ("Ada", "t")
    refused(token(given_name="Ada"), by, reason="claim_missing", claim="$.givenName")
    refused(token(givenName="Ada", tenant="t"), by, claim="$.https://id.example/tenant")


def test_a_typed_dict_that_is_not_total_may_lack_everything() -> None:
    class Loose(TypedDict, total=False):
        tags: list[str]
        level: Literal[1, 2]

    by = typed(Loose)
    assert by.verify(token()) == {}
    assert by.verify(token(tags=["a"], level=2)) == {"tags": ["a"], "level": 2}
    refused(token(level=3), by, reason="claim_shape", claim="$.level")
    refused(token(tags=None), by, claim="$.tags")


def test_nothing_is_converted_that_json_can_say_itself() -> None:
    @dataclasses.dataclass
    class Numbers:
        count: int = 0
        share: float = 0
        on: bool = False
        name: str = ""

    by = typed(Numbers)
    assert by.verify(token(count=1, share=2, on=True)) == Numbers(1, 2.0, True)
    for change in (
        {"count": "1"},
        {"count": 1.5},
        {"count": True},
        {"on": 1},
        {"on": "true"},
        {"share": "1.0"},
    ):
        refused(token(**change), by, claim=f"$.{next(iter(change))}")
    refused(token(name=1), by, claim="$.name")


def test_what_json_can_only_say_as_text_is_read_as_what_it_is() -> None:
    class Color(enum.Enum):
        RED = "red"

    @dataclasses.dataclass
    class Rich:
        at: dt.datetime
        device: uuid.UUID
        color: Color
        short: Annotated[str, msgspec.Meta(max_length=3)] = ""
        anything: object = None

    by = typed(Rich)
    one = "12345678-1234-5678-1234-567812345678"
    good: dict[str, Any] = {
        "at": "2027-01-15T08:00:00Z",
        "device": one,
        "color": "red",
        "anything": {"a": [1]},
    }
    said = by.verify(token(**good))
    assert (said.device, said.color, said.anything) == (uuid.UUID(one), Color.RED, {"a": [1]})
    for change in ({"at": SECRET}, {"device": SECRET}, {"color": SECRET}, {"short": SECRET}):
        error = refused(token(**(good | change)), by, claim=f"$.{next(iter(change))}")
        assert SECRET not in repr(error)


def test_a_member_that_the_class_forbids_is_refused_without_being_named() -> None:
    class Closed(msgspec.Struct, forbid_unknown_fields=True):
        sub: str

    error = refused(token(**{SECRET: 1}), typed(Closed), reason="claim_shape", claim="$")
    assert SECRET not in repr(error)


@pytest.mark.parametrize("raised", [ValueError, TypeError])
@pytest.mark.parametrize(
    "said",
    [SECRET, f"Expected `{SECRET}`", f"Object missing required field `{SECRET}`", f"x - at `$.{SECRET}`", ""],
)
def test_what_the_class_itself_does_not_like_is_refused_without_its_words(
    raised: type[Exception], said: str
) -> None:
    @dataclasses.dataclass
    class Picky:
        inner: dict[str, Any] = dataclasses.field(default_factory=dict)

        def __post_init__(self) -> None:
            if self.inner:
                raise raised(said)

    @dataclasses.dataclass
    class Outer:
        picky: Picky

    assert typed(Picky).verify(token()) == Picky()
    error = refused(token(inner={"a": 1}), typed(Picky), reason="claim_shape", claim="$")
    assert SECRET not in repr(error)
    error = refused(token(picky={"inner": {"a": 1}}), typed(Outer), reason="claim_shape", claim="$.picky")
    assert SECRET not in repr(error)


class _Plain:
    pass


class _Unchecked(Protocol):
    def speak(self) -> str: ...


@dataclasses.dataclass
class _Unresolved:
    a: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - what is shown


@dataclasses.dataclass
class _OfPlain:
    a: _Plain


def _of(kind: Any) -> Any:
    return dataclasses.make_dataclass("Made", [("a", kind)])


@pytest.mark.parametrize(
    "kind",
    [
        *(dict, str, int, list, object, type, 3, "AsStruct", _Plain, Any, dict[str, Any], Address("")),
        *(_Unresolved, _OfPlain, _of(pathlib.Path), _of(complex), _of(list[_Plain]), _of(_Plain | None)),
        *(_of(dict[str, list[_OfPlain]]), _of(Callable[[], int]), _of(_Unchecked), _of(AsStruct | Address)),
        *(_of(tuple[int, _Plain]), _of(dataclasses.InitVar[str])),
        *(AccessToken, VerifiedToken),
    ],
)
def test_a_class_that_cannot_be_read_is_a_configuration_error_when_the_verifier_is_built(kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="`claims`"):
        typed(kind)


def test_a_class_that_is_a_member_of_itself_can_be_read() -> None:
    assert claims_reader(Nested)(b'{"next":{"next":null}}') == Nested(Nested(None))
    deep = b'{"next":' * 5000 + b"null" + b"}" * 5000
    with pytest.raises(InvalidToken) as caught:
        claims_reader(Nested)(deep)
    assert caught.value.reason == "claim_shape"


@dataclasses.dataclass
class Nested:
    next: "Nested | None"


def test_a_member_that_may_be_unset_can_be_read() -> None:
    class Partial(msgspec.Struct):
        tenant: str | msgspec.UnsetType = msgspec.UNSET

    by = typed(Partial)
    assert (by.verify(token()).tenant, by.verify(token(tenant="t")).tenant) == (msgspec.UNSET, "t")
    refused(token(tenant=1), by, claim="$.tenant")


# Typed claims take nothing away from the checks.


def test_a_refused_token_says_why_before_its_shape_is_looked_at() -> None:
    by = typed(AsDataclass)
    refused(token(exp=NOW), by, reason="expired")
    refused(token(aud="x"), by, reason="audience_mismatch")
    refused(token(key("ES256", "other")), by, reason="kid_unknown")


def test_every_profile_gives_typed_claims() -> None:
    @dataclasses.dataclass
    class Who:
        iss: str
        aud: str | list[str] | None = None

    for name, sample in SAMPLES.items():
        if sample.profile == "DPoPProof":
            continue
        if "IDToken" in sample.profile:
            if sample.profile == "IDToken":
                by = id_token_verifier(claims=Who)
                said = by.verify(sealed(sample), nonce=sample.claims.get("nonce"))
                assert said == Who(sample.claims["iss"], sample.claims["aud"])
            continue
        made = profile_verifier(sample.profile, claims=Who).verify(sealed(sample))
        assert made == Who(sample.claims["iss"], sample.claims.get("aud")), name


@settings(max_examples=200, deadline=None)
@given(
    changes=st.dictionaries(
        st.sampled_from(["address", "level", "manager", "tags", "homes"]),
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["city", "lines", "x"]), inner, max_size=2)
            ),
            max_leaves=5,
        ),
    ),
    kind=st.sampled_from(KINDS),
)
def test_any_claims_give_an_object_of_the_class_or_a_refusal(
    changes: dict[str, Any], kind: type[Any]
) -> None:
    try:
        said = _hmac(kind).verify(token(key("HS256"), **(GOOD | changes)))
    except InvalidToken as error:
        path = error.claim
    else:
        assert type(member(said, "address")) is Address
        path = "$"
    assert path is not None
    assert path.startswith("$")


def _hmac(kind: type[Any]) -> TokenVerifier[Any]:
    by: TokenVerifier[Any] = verifier(key("HS256"), claims=kind)
    return by
