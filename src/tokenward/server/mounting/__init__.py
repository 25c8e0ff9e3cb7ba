"""The server inside an application: mounted in FastAPI or Starlette, in the application's own process and event loop.

Owns: the ASGI application to mount, its start and end, the dependency that gives a route its user, and what the
application may do with accounts. Does not own: any of the services (`server.services`) nor the HTTP API over them
(`server.app`), which are the same as those of `tokenward serve`. FastAPI is imported only where its dependency is used.
"""

from tokenward.server.accounts.account import Account
from tokenward.server.mounting.mounted import Mounted, create_app
from tokenward.server.mounting.principal import Principal

__all__ = ["Account", "Mounted", "Principal", "create_app"]
