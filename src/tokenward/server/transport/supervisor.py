"""Telling the service manager that started us how far we are, as systemd wants it of `Type=notify` (sd_notify(3))."""

import contextlib
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"


def tell_supervisor(state: str, environment: Mapping[str, str]) -> None:
    """Send `state` to the socket that `NOTIFY_SOCKET` names; nothing where there is none.

    A socket that cannot be reached is passed over: whoever waits there for a word notices by itself.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        # An abstract one, whose name begins with a zero byte.
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
        # It must not wait for a manager that does not read.
        telling.setblocking(False)
        telling.sendto(state.encode(), address)
