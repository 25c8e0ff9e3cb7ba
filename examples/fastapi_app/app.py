"""Notes: an application of FastAPI with its own table of customers, and Tokenward mounted in it for sign-in."""

import os
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

from tokenward.errors import Error
from tokenward.server import Account, Principal, Settings, create_app

FOLDER = Path(os.environ.get("NOTES_DATA", "notes-data"))
ISSUER = os.environ.get("NOTES_ISSUER", "http://127.0.0.1:8000/auth")
ADMIN = "admin@example.com"


@contextmanager
def database() -> Generator[sqlite3.Connection, None, None]:
    """The application's own database; what is done in the block is done whole or not at all."""
    with closing(sqlite3.connect(FOLDER / "notes.db")) as connection, connection:
        yield connection


@dataclass
class Claims:
    """What this application adds to every access token."""

    tenant: str
    plan: str


def claims(account: Account) -> Claims:
    """Look the customer up whom this account is linked to. Called at every sign-in and every refresh."""
    with database() as db:
        row = db.execute("SELECT tenant, plan FROM customers WHERE id = ?", (account.external_id,)).fetchone()
    return Claims(*row) if row else Claims(tenant="", plan="none")


# `dev` allows plain HTTP on this machine. For real: load_settings(environment=os.environ).
auth = create_app(Settings(issuer=ISSUER, data=FOLDER / "auth", dev=True), claims=claims, claims_type=Claims)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Start Tokenward and make what must be there."""
    async with auth.lifespan(app):
        with database() as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS customers "
                "(id TEXT PRIMARY KEY, tenant TEXT NOT NULL, plan TEXT NOT NULL)"
            )
            db.execute(
                "CREATE TABLE IF NOT EXISTS notes (tenant TEXT NOT NULL, author TEXT NOT NULL, text TEXT)"
            )
        password = os.environ.get("NOTES_ADMIN_PASSWORD")
        if password and await auth.find_account(external_id="the-admin") is None:
            await auth.create_account(
                email=ADMIN, password=password, roles=["admin"], external_id="the-admin"
            )
        yield


app = FastAPI(title="Notes", lifespan=lifespan)
app.mount("/auth", auth)

User = Annotated[Principal[Claims], Depends(auth.signed_in)]
Admin = Annotated[Principal[Claims], Depends(auth.requires(roles=["admin"]))]


class NewCustomer(BaseModel):
    """A customer, and how they will sign in."""

    email: str
    password: str
    tenant: str
    plan: str = "free"


@app.post("/customers", status_code=201)
async def add_customer(new: NewCustomer, admin: Admin) -> dict[str, str]:
    """Make the row and the account that is linked to it."""
    customer = str(uuid4())
    with database() as db:
        db.execute("INSERT INTO customers VALUES (?, ?, ?)", (customer, new.tenant, new.plan))
    try:
        account = await auth.create_account(email=new.email, password=new.password, external_id=customer)
    except Error as error:
        with database() as db:
            db.execute("DELETE FROM customers WHERE id = ?", (customer,))
        raise HTTPException(error.status, error.description) from None
    return {"id": customer, "account": account.sub}


@app.put("/customers/{customer}/plan")
async def change_plan(customer: str, plan: str, admin: Admin) -> dict[str, str]:
    """Change the plan. Tokens get it when they are refreshed, at the latest when they expire."""
    with database() as db:
        if not db.execute("UPDATE customers SET plan = ? WHERE id = ?", (plan, customer)).rowcount:
            raise HTTPException(404)
    return {"id": customer, "plan": plan}


@app.get("/notes")
def list_notes(user: User) -> dict[str, object]:
    """The notes of the tenant whose user asks; nothing is looked up to know which that is."""
    with database() as db:
        rows = db.execute("SELECT text FROM notes WHERE tenant = ?", (user.claims.tenant,)).fetchall()
    return {"tenant": user.claims.tenant, "plan": user.claims.plan, "notes": [text for (text,) in rows]}


@app.post("/notes", status_code=201)
def add_note(text: str, user: User) -> dict[str, str]:
    """Add a note; on the plan `none` there are none."""
    if user.claims.plan == "none":
        raise HTTPException(402, "Your plan has no notes.")
    with database() as db:
        db.execute("INSERT INTO notes VALUES (?, ?, ?)", (user.claims.tenant, user.sub, text))
    return {"text": text}
