"""Every path of the server, on one page."""

from urllib.parse import urlsplit

from tokenward.server.endpoints.api.auth import AuthEndpoints
from tokenward.server.endpoints.api.users import UserEndpoints
from tokenward.server.endpoints.door import Routes
from tokenward.server.endpoints.operations import OperationsEndpoints
from tokenward.server.endpoints.well_known import JWK_SET_PATH, WellKnownEndpoints


def routes(
    *,
    issuer: str,
    auth: AuthEndpoints,
    users: UserEndpoints,
    well_known: WellKnownEndpoints,
    operations: OperationsEndpoints,
) -> Routes:
    """Path to method to function.

    An issuer with a path (`https://example.com/auth`) is answered with that path and without it, since proxies differ
    in whether they pass it on; RFC 8414 section 3.1 wants it behind the well-known part.
    """
    table: Routes = {
        "/api/v1/auth/register": {"POST": auth.register},
        "/api/v1/auth/login": {"POST": auth.log_in},
        "/api/v1/auth/refresh": {"POST": auth.refresh},
        "/api/v1/auth/logout": {"POST": auth.log_out},
        "/api/v1/auth/logout-everywhere": {"POST": auth.log_out_everywhere},
        "/api/v1/users/me": {"GET": users.read_me, "PATCH": users.change_me},
        JWK_SET_PATH: {"GET": well_known.jwk_set},
        "/.well-known/openid-configuration": {"GET": well_known.openid_configuration},
        "/.well-known/oauth-authorization-server": {"GET": well_known.authorization_server},
        "/healthz": {"GET": operations.healthz},
        "/readyz": {"GET": operations.readyz},
        "/metrics": {"GET": operations.metrics},
    }
    prefix = urlsplit(issuer).path.rstrip("/")
    if not prefix:
        return table
    inserted = "/.well-known/oauth-authorization-server" + prefix
    return {
        **table,
        **{prefix + path: methods for path, methods in table.items()},
        inserted: {"GET": well_known.authorization_server},
    }
