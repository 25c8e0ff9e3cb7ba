"""Public keys in PEM and DER, alone or in a certificate (RFC 7468, RFC 5280 section 4.1, RFC 8017 appendix A.1.1).

Keys in JSON are read in `jwk`. A private key is refused here, in whatever form: what verifies must not have it.
"""

import binascii
import re
from typing import TYPE_CHECKING, Final, NoReturn, cast

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey as NativeRSAPublicKey

from tokenward.jose import algorithms
from tokenward.jose.key_strength import InvalidKey, UnsupportedKey
from tokenward.jose.keys import AKPPublicKey, ECPublicKey, OKPPublicKey, PublicKey, RSAPublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes

    from tokenward.jose.algorithms.mldsa import NativePublicKey

    _Native = PublicKeyTypes | CertificatePublicKeyTypes

MAX_BYTES: Final = 64 * 1024

_WHITE_SPACE: Final = b" \t\r\n"
# These are compiled on first use.
_BEGIN: Final = rb"-----BEGIN ([A-Z0-9 ]+)-----"
_PEM: Final = rb"-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----"
_OPENSSH: Final = rb"(?i:ssh|ecdsa|sk)-[a-zA-Z0-9@.-]+[ \t]+AAAA"

_PUBLIC: Final = (b"PUBLIC KEY", b"RSA PUBLIC KEY")
_CERTIFICATE: Final = b"CERTIFICATE"

# The object identifier id-RSASSA-PSS, 1.2.840.113549.1.1.10, as it stands in DER.
_RSASSA_PSS: Final = bytes.fromhex("06092a864886f70d01010a")
_RSASSA_PSS_DOTTED: Final = "1.2.840.113549.1.1.10"
# Where the identifier of the algorithm of a public key ends at the latest: two headers stand before it.
_LONGEST_START: Final = 4 + 2 + len(_RSASSA_PSS)

_PRIVATE: Final = (
    "This is a private key, which whoever verifies must not have. Its public part is printed by: "
    "openssl pkey -in key.pem -pubout"
)
_PSS_ONLY: Final = (
    "The key is marked as one for PSS only, which few programs read. Publish it as a plain RSA key, and give `alg`, "
    "such as PS256."
)


def import_public_key(data: bytes | str, *, alg: str | None = None, kid: str | None = None) -> PublicKey:
    """Return the public key in `data`: PEM or DER of a SubjectPublicKeyInfo, an RSAPublicKey or an X.509 certificate.

    A certificate is only the wrapping here. Its signature, its chain, its times, its names and its purpose are not
    checked; whoever takes one from a place that is not trusted must do that before.

    Args:
        data: one key, with at most white space around it, of at most 64 KiB. DER has nothing around it.
        alg: the one algorithm that the key is for, which must fit it. An RSA key is for `RS256` when it is None, and
            for every other the type and curve decide.
        kid: the identifier; the RFC 7638 thumbprint when it is None.

    Raises:
        UnsupportedKey: for a key type or curve that is not ours, and for an `alg` that the key is not for.
        InvalidKey: for a private key, several keys, a weak key, and anything that is no public key.
    """
    native = _load(_bytes_of(data))
    if isinstance(native, NativeRSAPublicKey):
        return RSAPublicKey(native, alg=algorithms.RS256 if alg is None else alg, kid=kid)
    if isinstance(native, Ed25519PublicKey | Ed448PublicKey):
        return OKPPublicKey(native, alg=algorithms.EDDSA if alg is None else alg, kid=kid)
    key: ECPublicKey | AKPPublicKey
    if isinstance(native, EllipticCurvePublicKey):
        key = ECPublicKey(native, kid=kid)
    # The types themselves are not imported: older versions of `cryptography` have none.
    elif type(native).__name__.startswith("MLDSA"):
        key = AKPPublicKey(cast("NativePublicKey", native), kid=kid)
    else:
        raise UnsupportedKey(
            "The key must be RSA, EC, Ed25519, Ed448 or ML-DSA; no other type verifies signatures."
        )
    if alg not in (None, key.alg):
        raise UnsupportedKey(f"The key is for {key.alg} only.")
    return key


def _bytes_of(data: bytes | str) -> bytes:
    if type(data) is str and data.isascii():
        data = data.encode("ascii")
    if type(data) is not bytes:
        raise InvalidKey("The key must be bytes or ASCII text: PEM or DER.")
    if len(data) > MAX_BYTES:
        raise InvalidKey(f"The key is longer than {MAX_BYTES} bytes.")
    return data


def _load(data: bytes) -> "_Native":
    if data[:1] == b"\x30":
        return _load_der(data, public=True, certificate=True)
    text = data.strip(_WHITE_SPACE)
    begin = re.match(_BEGIN, text)
    if begin is None:
        _refuse_other_forms(text)
    label = begin[1]
    if label.endswith(b"PRIVATE KEY"):
        raise InvalidKey(_PRIVATE)
    if text.count(b"-----BEGIN ") > 1:
        raise InvalidKey(
            "There are several PEM blocks, and one key is asked for. Give the block of the key alone."
        )
    if label not in (*_PUBLIC, _CERTIFICATE):
        raise InvalidKey(
            f"A PEM block of the kind {label.decode('ascii')!r} is no public key and no certificate."
        )
    block = re.fullmatch(_PEM, text)
    if block is None:
        # As it comes out of an environment variable or a JSON file that was not read as one.
        if b"\\n" in text:
            raise InvalidKey("The PEM block has the two letters \\n in the place of each line break.")
        raise InvalidKey("The PEM block is malformed, or has something other than white space around it.")
    try:
        der = binascii.a2b_base64(b"".join(block[2].split()), strict_mode=True)
    except binascii.Error:
        raise InvalidKey("The PEM block is not well-formed base64.") from None
    return _load_der(der, public=label in _PUBLIC, certificate=label == _CERTIFICATE)


def _refuse_other_forms(text: bytes) -> NoReturn:
    """Say what to do with what is neither PEM nor DER."""
    if re.match(_OPENSSH, text):
        raise InvalidKey(
            "This is a key in the form of OpenSSH. Convert it with: ssh-keygen -e -m PKCS8 -f key.pub"
        )
    if text[:1] in (b"{", b"["):
        raise InvalidKey("This is JSON. Give a JWK to `import_jwk`, and a JWK Set to `JWKSet.parse`.")
    if text[:2] == b"MI":
        raise InvalidKey(
            "This is base64 without the lines that begin and end a PEM block: -----BEGIN PUBLIC KEY-----"
        )
    if b"-----BEGIN " in text:
        raise InvalidKey("Something stands before the PEM block. Give the block of the key alone.")
    raise InvalidKey("This is no public key in PEM or DER.")


def _load_der(der: bytes, *, public: bool, certificate: bool) -> "_Native":
    # Imported here, because both take long and programs that read JWKs do without.
    from cryptography.hazmat.primitives import serialization
    from cryptography.x509 import InvalidVersion, load_der_x509_certificate

    # The restriction stands before the key itself, and a certificate has its issuer's signature algorithm there.
    if public and _RSASSA_PSS in der[:_LONGEST_START]:
        raise UnsupportedKey(_PSS_ONLY)
    try:
        if public:
            try:
                return serialization.load_der_public_key(der)
            except ValueError:
                if not certificate:
                    raise
        loaded = load_der_x509_certificate(der)
        if loaded.public_key_algorithm_oid.dotted_string == _RSASSA_PSS_DOTTED:
            raise UnsupportedKey(_PSS_ONLY)
        return loaded.public_key()
    except UnsupportedAlgorithm:
        raise UnsupportedKey("The type or the curve of the key is not known here.") from None
    # The library warns of some malformed certificates, and some programs make errors of warnings.
    except (ValueError, InvalidVersion, Warning):
        if _is_private(der):
            raise InvalidKey(_PRIVATE) from None
        raise InvalidKey("This is no public key in PEM or DER, or it is malformed.") from None


def _is_private(der: bytes) -> bool:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        # Whether it is a good one does not matter, and takes long to tell.
        load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, InternalError):
        return True  # It is under a password, or has the length of a key on another curve.
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
