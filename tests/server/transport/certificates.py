"""Certificates made by hand: good ones, and each that a server must not serve."""

import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

HOST = "auth.test"
NAMES = (HOST, "127.0.0.1")


class Pair(NamedTuple):
    """The files of a certificate and its key."""

    certificate: Path
    key: Path

    def trusting(self) -> ssl.SSLContext:
        """A client that takes this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def replace_with(self, other: "Pair") -> None:
        """Put the files of `other` in the place of these, each at once, as tools that renew certificates do."""
        for mine, new in zip(self, other, strict=True):
            early = mine.with_suffix(".new")
            early.write_bytes(new.read_bytes())
            early.chmod(new.stat().st_mode & 0o777)
            early.replace(mine)


def make_pair(
    folder: Path,
    *,
    names: tuple[str, ...] = NAMES,
    starts: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=30),
    password: bytes = b"",
    rsa_bits: int = 0,
    now: datetime | None = None,
) -> Pair:
    """A certificate that issued itself, with `names` as its alternative names (none at all where it is empty)."""
    folder.mkdir(parents=True, exist_ok=True)
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
        rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    )
    now = now or datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, os.urandom(8).hex())])
    building = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if names:
        building = building.add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), False)
    pair = Pair(folder / "cert.pem", folder / "key.pem")
    pair.certificate.write_bytes(building.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    sealing: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    pair.key.touch(mode=0o600)
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing))
    return pair


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
