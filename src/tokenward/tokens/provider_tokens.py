"""Access tokens of providers that do not follow RFC 9068, and ID tokens of Google.

Most providers sign access tokens and ID tokens with the same keys, and say `JWT` or nothing in the `typ` of both. What
keeps one from passing for the other then is a claim that only one of them has, another one at each provider. Each class
here knows its own, and gives the claims of the provider under the names that all access tokens have.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from tokenward.errors import InvalidToken
from tokenward.jose.claims import check_string
from tokenward.jose.keys import VerificationKey
from tokenward.protocol import names
from tokenward.tokens.access_token import AccessToken, check_bearer, read_names, read_scope, read_time
from tokenward.tokens.id_token import IDToken
from tokenward.tokens.verified_token import VerifiedToken


class InsecureUntypedAccessToken(AccessToken, frozen=True, eq=False, kw_only=True):
    """An access token of an issuer that does not say so: its typ is `JWT`, or there is none.

    Insecure, because any other token of the issuer for the same audience passes for one, if it has no `nonce`,
    `at_hash`, `c_hash` or `events`. Prefer the class of a provider, which knows its tokens, or set the issuer up to
    make RFC 9068 tokens. What the issuer does not say is empty here: `client_id`, `jti`, and `iat` is 0.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.JWT_TYPE, None})
    required: ClassVar[tuple[str, ...]] = (names.ISS, names.SUB, names.AUD, names.EXP)

    client_claims: ClassVar[tuple[str, ...]] = (names.CLIENT_ID, names.AZP)
    """Where the client stands; the first claim that is there counts."""

    scope_claim: ClassVar[str] = names.SCOPE
    """Where the scope stands: a string, or a list of strings at a few providers. No other claim is looked at."""

    roles_claim: ClassVar[str] = names.ROLES
    jti_claim: ClassVar[str] = names.JTI

    @classmethod
    def check_kind(cls, claims: Mapping[str, Any]) -> None:
        """Refuse the claims of an ID token, a logout token or an event.

        Raises:
            InvalidToken: when they are.
        """
        for name in (names.NONCE, names.AT_HASH, names.C_HASH, names.EVENTS):
            if name in claims:
                raise InvalidToken(reason="not_an_access_token", claim=name)

    @classmethod
    def of_claims(cls, claims: dict[str, Any], *, aud: tuple[str, ...], key: VerificationKey) -> Self:
        """Return the token after checking that each claim that we read is what it must be.

        Raises:
            InvalidToken: when one is not.
        """
        check_bearer(claims)
        client = next((name for name in cls.client_claims if name in claims), None)
        return cls(
            iss=claims[names.ISS],
            sub=check_string(claims, names.SUB),
            client_id="" if client is None else check_string(claims, client),
            exp=int(claims[names.EXP]),
            iat=read_time(claims, names.IAT) or 0,
            jti=check_string(claims, cls.jti_claim) if cls.jti_claim in claims else "",
            _scope=" ".join(_scope(claims, cls.scope_claim)),
            sid=check_string(claims, names.SID) if names.SID in claims else None,
            auth_time=read_time(claims, names.AUTH_TIME),
            roles=cls.read_roles(claims),
            _aud=aud,
            kid=key.kid,
            _claims=claims,
        )

    @classmethod
    def read_roles(cls, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the roles, none where the claim is absent.

        Raises:
            InvalidToken: when they are no list of names.
        """
        return read_names(claims, cls.roles_claim)


class Auth0AccessToken(InsecureUntypedAccessToken, frozen=True, eq=False, kw_only=True):
    """An access token of Auth0 for an API, of either profile that Auth0 offers.

    Told from an ID token by naming the client. Other providers name it in ID tokens too, so it is for Auth0 alone.
    `roles` are the `permissions`, which are there when the API has role-based access control switched on.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.JWT_TYPE, names.ACCESS_TOKEN_TYPE})
    required: ClassVar[tuple[str, ...]] = (names.ISS, names.SUB, names.AUD, names.EXP, names.IAT)
    client_claims: ClassVar[tuple[str, ...]] = (names.AZP, names.CLIENT_ID)
    roles_claim: ClassVar[str] = "permissions"

    @classmethod
    def check_kind(cls, claims: Mapping[str, Any]) -> None:
        """Refuse an ID token, which Auth0 makes without naming the client beside the audience.

        Raises:
            InvalidToken: when it is one.
        """
        super().check_kind(claims)
        if names.AZP not in claims and names.CLIENT_ID not in claims:
            raise InvalidToken(reason="not_an_access_token", claim=names.AZP)


class KeycloakAccessToken(InsecureUntypedAccessToken, frozen=True, eq=False, kw_only=True):
    """An access token of Keycloak, told by the claim `typ` being `Bearer`.

    `roles` are those of the realm; the roles of clients stand in `claims["resource_access"]`. Keycloak puts an API
    into `aud` only where a client scope with an audience mapper says so.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.JWT_TYPE, names.ACCESS_TOKEN_TYPE})
    required: ClassVar[tuple[str, ...]] = (names.ISS, names.SUB, names.AUD, names.EXP, names.IAT, names.JTI)
    client_claims: ClassVar[tuple[str, ...]] = (names.AZP, names.CLIENT_ID)

    @classmethod
    def check_kind(cls, claims: Mapping[str, Any]) -> None:
        """Refuse the ID, refresh, logout and other tokens, which have another `typ` in the claims.

        Raises:
            InvalidToken: when it is not `Bearer`.
        """
        if claims.get("typ") != "Bearer":
            raise InvalidToken(reason="not_an_access_token", claim="typ")

    @classmethod
    def read_roles(cls, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the roles of the realm.

        Raises:
            InvalidToken: when they are no list of names.
        """
        realm = claims.get("realm_access", {})
        if type(realm) is not dict:
            raise InvalidToken(reason="claim_not_a_list_of_names", claim="realm_access")
        return read_names(realm, names.ROLES)


class CognitoAccessToken(InsecureUntypedAccessToken, frozen=True, eq=False, kw_only=True):
    """An access token of an Amazon Cognito user pool, told by `token_use` being `access`.

    Cognito names the client and mostly no audience: give the id of the app client as `audience`. Where a token has
    `aud` too, that may name the API instead. `roles` are the groups.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.JWT_TYPE, None})
    required: ClassVar[tuple[str, ...]] = (
        names.ISS,
        names.SUB,
        names.CLIENT_ID,
        names.EXP,
        names.IAT,
        names.JTI,
    )
    client_claims: ClassVar[tuple[str, ...]] = (names.CLIENT_ID,)
    roles_claim: ClassVar[str] = "cognito:groups"

    @classmethod
    def check_kind(cls, claims: Mapping[str, Any]) -> None:
        """Refuse an ID token, whose `token_use` is `id`.

        Raises:
            InvalidToken: when it is not `access`.
        """
        if claims.get("token_use") != "access":
            raise InvalidToken(reason="not_an_access_token", claim="token_use")

    @classmethod
    def check_audience(cls, claims: Mapping[str, Any], audience: str) -> tuple[str, ...]:
        """Check that the token was made for the app client `audience`, or that `aud` has it.

        Raises:
            InvalidToken: when neither is so.
        """
        client = check_string(claims, names.CLIENT_ID)
        if client == audience:
            return (client,)
        if names.AUD not in claims:
            raise InvalidToken(reason="audience_mismatch", claim=names.CLIENT_ID)
        return super().check_audience(claims, audience)


class EntraAccessToken(InsecureUntypedAccessToken, frozen=True, eq=False, kw_only=True):
    """An access token of Microsoft Entra ID for an API of your own, version 1.0 or 2.0.

    Told by `azpacr` or `appidacr`, which say how the client proved who it is. One verifier is for one tenant, whose
    id is in the issuer: `https://login.microsoftonline.com/TENANT/v2.0` (version 1.0: `https://sts.windows.net/TENANT/`).
    `scope` is `scp`, which is there when a user takes part; `roles` are the app roles; `jti` is `uti`. Tokens for
    Microsoft's own APIs, such as Graph, are meant for nobody else and do not verify.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.JWT_TYPE, names.ACCESS_TOKEN_TYPE})
    required: ClassVar[tuple[str, ...]] = (names.ISS, names.SUB, names.AUD, names.EXP, names.IAT, "tid")
    client_claims: ClassVar[tuple[str, ...]] = (names.AZP, "appid")
    scope_claim: ClassVar[str] = "scp"
    jti_claim: ClassVar[str] = "uti"

    @classmethod
    def check_kind(cls, claims: Mapping[str, Any]) -> None:
        """Refuse an ID token, which does not say how the client proved who it is.

        Raises:
            InvalidToken: when the claims are not those of an access token.
        """
        super().check_kind(claims)
        if "azpacr" not in claims and "appidacr" not in claims:
            raise InvalidToken(reason="not_an_access_token", claim="azpacr")

    @classmethod
    def of_claims(cls, claims: dict[str, Any], *, aud: tuple[str, ...], key: VerificationKey) -> Self:
        """Return the token after checking that its tenant is the one of the issuer, and each claim that we read.

        Raises:
            InvalidToken: when one is not what it must be.
        """
        # The tenants share their keys, so that the issuer alone keeps them apart; the second name must agree.
        if check_string(claims, "tid") not in claims[names.ISS].split("/"):
            raise InvalidToken(reason="tenant_mismatch", claim="tid")
        return super().of_claims(claims, aud=aud, key=key)


class OktaAccessToken(InsecureUntypedAccessToken, frozen=True, eq=False, kw_only=True):
    """An access token of an Okta custom authorization server, told by `cid`, the client, and `scp`, a list.

    `roles` are the `groups`, where the server is set up to add them. Tokens of the Okta organisation server are meant
    for Okta itself and do not verify here.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.JWT_TYPE, names.ACCESS_TOKEN_TYPE, None})
    required: ClassVar[tuple[str, ...]] = (
        names.ISS,
        names.SUB,
        names.AUD,
        names.EXP,
        names.IAT,
        names.JTI,
        "cid",
    )
    client_claims: ClassVar[tuple[str, ...]] = ("cid",)
    scope_claim: ClassVar[str] = "scp"
    roles_claim: ClassVar[str] = "groups"


class GoogleIDToken(IDToken, frozen=True, eq=False, kw_only=True):
    """An ID token of Google. Google's access tokens are opaque: no API but Google's can verify one.

    `aud` is your client id. `azp` may be another client of the same project: an app that signs in for the server.
    Whether `claims["email"]` is verified, and the domain `claims["hd"]`, are for the application to look at; the
    account is `sub`, which never changes.
    """

    @classmethod
    def check_audience(cls, claims: Mapping[str, Any], audience: str) -> tuple[str, ...]:
        """Check that the token was made for `audience`; the client that asked for it may be another of the project.

        Raises:
            InvalidToken: when it was not, or `azp` is no name.
        """
        audiences = VerifiedToken.check_audience(claims, audience)
        if names.AZP in claims:
            check_string(claims, names.AZP)
        elif len(audiences) > 1:
            raise InvalidToken(reason="claim_missing", claim=names.AZP)
        return audiences


def _scope(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the values of a scope claim that is a string or a list of strings, none where it is absent."""
    scope = claims.get(name, "")
    if type(scope) is not list:
        return tuple(sorted(read_scope(claims, name)))
    values = read_names(claims, name)
    for value in values:
        if read_scope({name: value}, name) != {value}:
            raise InvalidToken(reason="claim_not_a_scope", claim=name)
    return values
