# mypy: ignore-errors
# The packages of this peer live in an environment of their own, which the type checker does not see.
"""A peer of the benchmarks: fastapi-users with its SQLAlchemy store on SQLite, its defaults otherwise.

Usage: python server.py PORT FOLDER ACCOUNTS_FILE, where ACCOUNTS_FILE is a JSON list of {email, password}.
It makes these accounts, then prints `ready http://127.0.0.1:PORT`. Tokens are HS256, its usual choice, and a
password hash is the library's default Argon2id.
"""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import uvicorn
import uvloop
from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

PORT, FOLDER, ACCOUNTS = int(sys.argv[1]), Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
SECRET = secrets.token_urlsafe(32)
ENGINE = create_async_engine(f"sqlite+aiosqlite:///{FOLDER / 'fastapi-users.sqlite'}")
SESSIONS = async_sessionmaker(ENGINE, expire_on_commit=False)


class Table(DeclarativeBase):
    """The base of the tables."""


class User(SQLAlchemyBaseUserTableUUID, Table):
    """An account, with the columns the library brings."""


class UserManager(UUIDIDMixin, BaseUserManager):
    """The library's manager with its two secrets set."""

    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def open_session() -> AsyncIterator[AsyncSession]:
    async with SESSIONS() as session:
        yield session


async def open_users(
    session: Annotated[AsyncSession, Depends(open_session)],
) -> AsyncIterator[SQLAlchemyUserDatabase]:
    yield SQLAlchemyUserDatabase(session, User)


async def open_manager(
    users: Annotated[SQLAlchemyUserDatabase, Depends(open_users)],
) -> AsyncIterator[UserManager]:
    yield UserManager(users)


def make_strategy() -> JWTStrategy:
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


BACKEND = AuthenticationBackend("jwt", BearerTransport(tokenUrl="auth/login"), make_strategy)
USERS = FastAPIUsers(open_manager, [BACKEND])
APP = FastAPI()
APP.include_router(USERS.get_auth_router(BACKEND), prefix="/auth")
APP.include_router(USERS.get_users_router(schemas.BaseUser, schemas.BaseUserUpdate), prefix="/users")


async def make_accounts() -> None:
    async with ENGINE.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    async with SESSIONS() as session:
        manager = UserManager(SQLAlchemyUserDatabase(session, User))
        for account in ACCOUNTS:
            await manager.create(schemas.BaseUserCreate(**account))


class ReadyServer(uvicorn.Server):
    """Prints the ready line when it listens."""

    async def startup(self, sockets=None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        print(f"ready http://127.0.0.1:{PORT}", flush=True)


async def main() -> None:
    await make_accounts()
    await ReadyServer(uvicorn.Config(APP, port=PORT, access_log=False, log_level="error")).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
