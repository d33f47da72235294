"""Signed tokens for a site's edge: JWS with Ed25519, and the keys that verify them as a JWK.

Sources: RFC 7515 and RFC 7519 (JWS, JWT), RFC 8037 (``OKP`` keys and ``EdDSA``), RFC 7517 (JWK).
"""

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWS
from jwt.utils import base64url_decode, base64url_encode

ALGORITHM = "EdDSA"
# RFC 8725 3.11: a type of its own, so that no other token of these keys can be taken for one.
TYPE = "entitlement+jwt"
ISSUER = "replydesk"
_JWS = PyJWS(algorithms=[ALGORITHM])


def new_private_key() -> str:
    """Return 32 random bytes, the seed of an Ed25519 key (RFC 8032), in base64url."""
    return base64url_encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_jwk(key_id: str, private_key: str) -> dict[str, str]:
    """Return the public half as a JWK."""
    x = base64url_encode(_load(private_key).public_key().public_bytes_raw()).decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id, "use": "sig", "alg": ALGORITHM}


def sign(claims: Mapping[str, Any], *, key_id: str, private_key: str) -> str:
    """Return the compact JWS. Ed25519 takes no randomness: the same claims give the same token."""
    headers = {"kid": key_id, "typ": TYPE}
    return _JWS.encode(compact(claims), _load(private_key), algorithm=ALGORITHM, headers=headers)


def compact(value: Any) -> bytes:
    """JSON as it stands in a token: UTF-8 as it is, because escapes would treble an id of another script."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _load(private_key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64url_decode(private_key))
