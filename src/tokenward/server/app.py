"""The HTTP side of the composition root: services in, the ASGI application out."""

from tokenward.server.endpoints.admin.endpoints import admin_endpoints
from tokenward.server.endpoints.api.auth import AuthEndpoints
from tokenward.server.endpoints.api.cookie_delivery import CookieDelivery
from tokenward.server.endpoints.api.own_sessions import OwnSessionEndpoints
from tokenward.server.endpoints.api.signed_in import SignedIn
from tokenward.server.endpoints.api.users import UserEndpoints
from tokenward.server.endpoints.browsers import PageOrigins
from tokenward.server.endpoints.cors import Cors
from tokenward.server.endpoints.documentation.endpoints import DocumentationEndpoints
from tokenward.server.endpoints.door import Door, DoorPolicy
from tokenward.server.endpoints.draining import Draining
from tokenward.server.endpoints.operations import OperationsEndpoints
from tokenward.server.endpoints.routes import routes
from tokenward.server.endpoints.security import HSTS, SECURITY_HEADERS
from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.endpoints.well_known import WellKnownEndpoints
from tokenward.server.login import FIRST_PARTY_SCOPE
from tokenward.server.scrape import observe
from tokenward.server.services import Services
from tokenward.server.settings.origins import origin_of


def build_door(services: Services, *, log: Log, metrics: Metrics, draining: Draining | None = None) -> Door:
    """The ASGI application over these services. `draining` tells it when the server program is about to stop."""
    settings = services.settings
    own_origin = origin_of(settings.issuer)
    pages = PageOrigins(own_origin, settings.browser_origins)
    cookies = CookieDelivery(pages)
    observe(services, log, metrics)
    kind = Door
    if settings.tracing:
        from tokenward.server.tracing import TracedDoor

        kind = TracedDoor
    signed_in = SignedIn(guard=services.guard, accounts=services.accounts)
    return kind(
        routes=routes(
            issuer=settings.issuer,
            auth=AuthEndpoints(
                login=services.login,
                guard=services.guard,
                pages=pages,
                cookies=cookies,
                log=log,
                metrics=metrics,
            ),
            users=UserEndpoints(
                signed_in=signed_in,
                accounts=services.accounts,
                login=services.login,
                erasure=services.erasure,
                export=services.export,
                password_check=services.password_check,
                cookies=cookies,
                change_throttle=services.change_throttle,
                metrics=metrics,
            ),
            own_sessions=OwnSessionEndpoints(
                signed_in=signed_in, directory=services.session_directory, metrics=metrics
            ),
            admin=admin_endpoints(signed_in, services),
            documentation=_documentation(settings.api_docs, https=own_origin.startswith("https:")),
            well_known=WellKnownEndpoints(
                issuer=settings.issuer,
                scopes=(FIRST_PARTY_SCOPE,),
                ring=services.ring,
                jwks_max_age_seconds=settings.jwks_max_age_seconds,
                jwks_stale_while_revalidate_seconds=settings.jwks_stale_while_revalidate_seconds,
            ),
            operations=OperationsEndpoints(
                guard=services.guard,
                ring=services.ring,
                metrics=metrics,
                metrics_networks=settings.metrics_networks,
                draining=draining or Draining(),
            ),
        ),
        policy=DoorPolicy(
            max_body_bytes=settings.max_body_bytes,
            headers=(*SECURITY_HEADERS, HSTS) if own_origin.startswith("https:") else SECURITY_HEADERS,
            trusted_proxies=settings.trusted_proxies,
            access_log=settings.access_log,
            slow_request_seconds=settings.slow_request_ms / 1000,
            proxy_header=settings.proxy_header.lower().encode(),
            cors=Cors(settings.browser_origins) if settings.browser_origins else None,
        ),
        clock=services.clock,
        log=log,
        metrics=metrics,
    )


def _documentation(wanted: bool, *, https: bool) -> DocumentationEndpoints | None:
    return DocumentationEndpoints(page_headers=(HSTS,) if https else ()) if wanted else None
