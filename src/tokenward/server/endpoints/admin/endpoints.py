"""All endpoints of administrators, built from the services."""

from typing import NamedTuple, Protocol

from tokenward.clock import Clock
from tokenward.server.accounts.accounts import Accounts
from tokenward.server.accounts.administration import AccountSearch
from tokenward.server.accounts.erasure import Erasure
from tokenward.server.audit import Audit
from tokenward.server.endpoints.admin.accounts import AdminAccountEndpoints
from tokenward.server.endpoints.admin.admins import Admins
from tokenward.server.endpoints.admin.audit import AdminAuditEndpoints
from tokenward.server.endpoints.admin.keys import AdminKeyEndpoints
from tokenward.server.endpoints.admin.revocations import AdminRevocationEndpoints
from tokenward.server.endpoints.admin.sessions import AdminSessionEndpoints
from tokenward.server.endpoints.api.signed_in import SignedIn
from tokenward.server.keyring.impact import KeyImpact
from tokenward.server.keyring.ring import KeyRing
from tokenward.server.keyring.rotation import Rotation
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.sessions.directory import SessionDirectory
from tokenward.server.sessions.sessions import Sessions
from tokenward.server.storage.interface import Storage


class AdminServices(Protocol):
    """The services that administrators work with; those of `app` are such."""

    @property
    def clock(self) -> Clock: ...  # noqa: D102 - what each is, its class says
    @property
    def storage(self) -> Storage: ...  # noqa: D102
    @property
    def ring(self) -> KeyRing: ...  # noqa: D102
    @property
    def rotation(self) -> Rotation: ...  # noqa: D102
    @property
    def revocations(self) -> RevocationLog: ...  # noqa: D102
    @property
    def audit(self) -> Audit: ...  # noqa: D102
    @property
    def accounts(self) -> Accounts: ...  # noqa: D102
    @property
    def erasure(self) -> Erasure: ...  # noqa: D102
    @property
    def sessions(self) -> Sessions: ...  # noqa: D102
    @property
    def session_directory(self) -> SessionDirectory: ...  # noqa: D102


class AdminEndpoints(NamedTuple):
    """The endpoints under `/api/v1/admin/`, by subject."""

    accounts: AdminAccountEndpoints
    sessions: AdminSessionEndpoints
    keys: AdminKeyEndpoints
    revocations: AdminRevocationEndpoints
    audit: AdminAuditEndpoints


def admin_endpoints(signed_in: SignedIn, services: AdminServices) -> AdminEndpoints:
    """The endpoints over these services, all behind one guard."""
    admins = Admins(signed_in)
    storage, clock = services.storage, services.clock
    return AdminEndpoints(
        AdminAccountEndpoints(
            admins=admins,
            accounts=services.accounts,
            search=AccountSearch(storage),
            erasure=services.erasure,
        ),
        AdminSessionEndpoints(
            admins=admins,
            accounts=services.accounts,
            sessions=services.sessions,
            directory=services.session_directory,
        ),
        AdminKeyEndpoints(
            admins=admins,
            ring=services.ring,
            rotation=services.rotation,
            impact=KeyImpact(
                ring=services.ring, rotation=services.rotation, sessions=storage.sessions, clock=clock
            ),
        ),
        AdminRevocationEndpoints(
            admins=admins,
            accounts=services.accounts,
            sessions=services.sessions,
            directory=services.session_directory,
            revocations=services.revocations,
            store=storage.revocations,
            audit=services.audit,
            clock=clock,
        ),
        AdminAuditEndpoints(admins=admins, audit=services.audit, accounts=storage.accounts),
    )
