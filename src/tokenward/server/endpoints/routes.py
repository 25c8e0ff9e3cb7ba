"""Every path of the server, on one page."""

from urllib.parse import urlsplit

from tokenward.server.endpoints.admin.endpoints import AdminEndpoints
from tokenward.server.endpoints.api.auth import AuthEndpoints
from tokenward.server.endpoints.api.own_sessions import OwnSessionEndpoints
from tokenward.server.endpoints.api.users import UserEndpoints
from tokenward.server.endpoints.browser_module.endpoints import BrowserModule
from tokenward.server.endpoints.documentation.endpoints import DocumentationEndpoints
from tokenward.server.endpoints.door import Routes
from tokenward.server.endpoints.operations import OperationsEndpoints
from tokenward.server.endpoints.well_known import JWK_SET_PATH, WellKnownEndpoints


def routes(
    *,
    issuer: str,
    auth: AuthEndpoints,
    users: UserEndpoints,
    own_sessions: OwnSessionEndpoints,
    well_known: WellKnownEndpoints,
    operations: OperationsEndpoints,
    admin: AdminEndpoints,
    documentation: DocumentationEndpoints | None = None,
) -> Routes:
    """Path to method to function; a segment in braces is a parameter (`paths.Paths`).

    An issuer with a path (`https://example.com/auth`) is answered with that path and without it, since proxies differ
    in whether they pass it on; RFC 8414 section 3.1 wants it behind the well-known part.
    """
    table: Routes = {
        "/api/v1/auth/register": {"POST": auth.register},
        "/api/v1/auth/login": {"POST": auth.log_in},
        "/api/v1/auth/refresh": {"POST": auth.refresh},
        "/api/v1/auth/logout": {"POST": auth.log_out},
        "/api/v1/auth/logout-everywhere": {"POST": auth.log_out_everywhere},
        "/api/v1/users/me": {"GET": users.read_me, "PATCH": users.change_me, "DELETE": users.erase_me},
        "/api/v1/users/me/export": {"GET": users.export_me},
        "/api/v1/users/me/password": {"POST": users.change_password},
        "/api/v1/users/me/sessions": {
            "GET": own_sessions.read_sessions,
            "DELETE": own_sessions.end_other_sessions,
        },
        "/api/v1/users/me/sessions/{sid}": {"DELETE": own_sessions.end_session},
        "/api/v1/admin/accounts": {
            "GET": admin.accounts.list_accounts,
            "POST": admin.accounts.create_account,
        },
        "/api/v1/admin/accounts/{sub}": {
            "GET": admin.accounts.read_account,
            "DELETE": admin.accounts.delete_account,
        },
        "/api/v1/admin/accounts/{sub}/disable": {"POST": admin.accounts.disable_account},
        "/api/v1/admin/accounts/{sub}/enable": {"POST": admin.accounts.enable_account},
        "/api/v1/admin/accounts/{sub}/roles": {"PUT": admin.accounts.set_roles},
        "/api/v1/admin/accounts/{sub}/external-id": {"PUT": admin.accounts.set_external_id},
        "/api/v1/admin/accounts/{sub}/password": {"PUT": admin.accounts.set_password},
        "/api/v1/admin/accounts/{sub}/sessions": {
            "GET": admin.sessions.list_account_sessions,
            "DELETE": admin.sessions.end_account_sessions,
        },
        "/api/v1/admin/sessions": {"GET": admin.sessions.list_sessions},
        "/api/v1/admin/sessions/{sid}": {"DELETE": admin.sessions.end_session},
        "/api/v1/admin/keys": {"GET": admin.keys.list_keys},
        "/api/v1/admin/keys/rotate": {"POST": admin.keys.rotate_keys},
        "/api/v1/admin/keys/{kid}/impact": {"GET": admin.keys.read_impact},
        "/api/v1/admin/keys/{kid}/revoke": {"POST": admin.keys.revoke_key},
        "/api/v1/admin/revocations": {
            "GET": admin.revocations.list_revocations,
            "POST": admin.revocations.revoke,
        },
        "/api/v1/admin/audit": {"GET": admin.audit.list_events},
        JWK_SET_PATH: {"GET": well_known.jwk_set},
        "/.well-known/openid-configuration": {"GET": well_known.openid_configuration},
        "/.well-known/oauth-authorization-server": {"GET": well_known.authorization_server},
        **BrowserModule().routes(),
        "/healthz": {"GET": operations.healthz},
        "/readyz": {"GET": operations.readyz},
        "/metrics": {"GET": operations.metrics},
    }
    if documentation is not None:
        table = {**table, **documentation.routes_beside(table)}
    prefix = urlsplit(issuer).path.rstrip("/")
    if not prefix:
        return table
    inserted = "/.well-known/oauth-authorization-server" + prefix
    return {
        **table,
        **{prefix + path: methods for path, methods in table.items()},
        inserted: {"GET": well_known.authorization_server},
    }
