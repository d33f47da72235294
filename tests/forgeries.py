"""Tokens that no site has made, and the name by which each is refused."""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.edge import claims_of, decode, encode, header_of, key_set

STRANGER = Ed25519PrivateKey.generate()


def resigned(token, *, header=None, claims=None, key=STRANGER):
    """The token with other contents, signed by a stranger."""
    head = encode(header_of(token) | (header or {}))
    body = encode(claims_of(token) | (claims or {}))
    return f"{head}.{body}.{encode(key.sign(f'{head}.{body}'.encode()))}"


def by_hmac(token, client):
    """HS256 with the public key as the secret: the confusion of RFC 8725 2.1."""
    [key] = key_set(client).json["keys"]
    head = encode({"alg": "HS256", "typ": "entitlement+jwt", "kid": key["kid"]})
    signed = f"{head}.{token.split('.')[1]}"
    return f"{signed}.{encode(hmac.new(decode(key['x']), signed.encode(), hashlib.sha256).digest())}"


def with_flipped(token, part, bit):
    parts = token.split(".")
    data = bytearray(decode(parts[part]))
    data[bit // 8] ^= 1 << bit % 8
    return ".".join([*parts[:part], encode(bytes(data)), *parts[part + 1 :]])


def unsigned(token, client):
    return f"{encode({'alg': 'none', 'typ': 'entitlement+jwt'})}.{token.split('.')[1]}."


FORGERIES = {
    "without a signature": (unsigned, "algorithm"),
    "HS256 with the public key": (by_hmac, "algorithm"),
    "another algorithm": (lambda token, _: resigned(token, header={"alg": "ES256"}), "algorithm"),
    "no algorithm": (lambda token, _: resigned(token, header={"alg": None}), "algorithm"),
    "another type": (lambda token, _: resigned(token, header={"typ": "JWT"}), "type"),
    "a stranger's signature": (lambda token, _: resigned(token), "signature"),
    "no key id": (lambda token, _: resigned(token, header={"kid": None}), "malformed"),
    "a key id that is no text": (lambda token, _: resigned(token, header={"kid": 5}), "malformed"),
    "an unknown key": (lambda token, _: resigned(token, header={"kid": "tky_0"}), "key"),
    "a key id of 2,000 letters": (lambda token, _: resigned(token, header={"kid": "k" * 2_000}), "key"),
    "a key id of 10,000 letters": (lambda token, _: resigned(token, header={"kid": "k" * 10_000}), "malformed"),
    "another reader in the claims": (lambda token, _: resigned(token, claims={"sub": "u-78"}), "signature"),
    "a key of its own in the header": (
        lambda token, _: resigned(token, header={"jwk": {"kty": "OKP", "crv": "Ed25519", "x": encode(
            STRANGER.public_key().public_bytes_raw())}}), "signature",
    ),
    "a critical extension": (lambda token, _: resigned(token, header={"crit": ["b64"], "b64": False}), "malformed"),
    "a bit of the claims": (lambda token, _: with_flipped(token, 1, 401), "signature"),
    "a bit of the signature": (lambda token, _: with_flipped(token, 2, 7), "signature"),
    "two parts": (lambda token, _: token.rsplit(".", 1)[0], "malformed"),
    "one word": (lambda *_: "word", "malformed"),
    "dots": (lambda *_: "..", "malformed"),
    "letters of elsewhere": (lambda *_: "ü.ü.ü", "malformed"),
    "NUL": (lambda token, _: token + "\x00", "malformed"),
    "a deep header": (lambda token, _: f"{encode(b'[' * 2_500)}.{token.split('.', 1)[1]}", "malformed"),
    "a header that is no object": (lambda token, _: f"{encode(b'[]')}.{token.split('.', 1)[1]}", "malformed"),
}  # fmt: skip
