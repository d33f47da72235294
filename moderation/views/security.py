"""Headers that keep a page ours: a policy without inline script or style, and nothing that may frame it."""

from flask import Flask, Response

_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_DATA = "default-src 'none'; frame-ancestors 'none'"
ASSET_SECONDS = 3_600


def _protect(response: Response) -> Response:
    page = response.mimetype == "text/html"
    response.headers.setdefault("Content-Security-Policy", _PAGE if page else _DATA)
    response.headers.setdefault("X-Frame-Options", "DENY")
    if page:
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    return response


def install(app: Flask) -> None:
    """Set the headers on every answer that has none of its own."""
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = ASSET_SECONDS
    app.after_request(_protect)
