"""A web page in a browser, as far as a server can tell: its origin, its cookies, and what its scripts send."""

from dataclasses import dataclass, field
from typing import Any

from tests.server.building import EMAIL, ISSUER, PASSWORD, Answer, Client

REFRESH = "__Host-tokenward-refresh"
DEVICE = "__Host-tokenward-device"
APP = "https://app.example.com"


@dataclass
class Page:
    """A page of `origin`, whose browser keeps the cookies in `jar`; other pages may share that."""

    client: Client
    origin: str = ISSUER
    jar: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, path: str, **how: Any) -> Answer:
        """What `fetch(…, {credentials: "include"})` sends, and takes from the answer."""
        headers = [(b"origin", self.origin.encode()), (b"x-tokenward", b"1"), *how.pop("headers", ())]
        if self.jar:
            cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
            headers.append((b"cookie", cookies.encode()))
        answer = await self.client.request(method, path, headers=headers, **how)
        for text in answer.values("set-cookie"):
            name, _, value = text.partition(";")[0].partition("=")
            if "Max-Age=0" in text:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return answer

    async def log_in(self, login: str = EMAIL, password: str = PASSWORD, **how: Any) -> Answer:
        body = {"username": login, "password": password, "delivery": "cookie"}
        return await self.send("POST", "/api/v1/auth/login", json=body, **how)

    async def refresh(self, **how: Any) -> Answer:
        return await self.send("POST", "/api/v1/auth/refresh", json={"delivery": "cookie"}, **how)

    async def log_out(self, **how: Any) -> Answer:
        return await self.send("POST", "/api/v1/auth/logout", json={"delivery": "cookie"}, **how)


def attributes(cookie: str) -> dict[str, str]:
    """The attributes of a `Set-Cookie` header, by lower-case name."""
    _, *parts = cookie.split("; ")
    return {name.lower(): value for name, _, value in (part.partition("=") for part in parts)}
