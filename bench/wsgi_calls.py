"""Calling an application as a server does, and nothing more: what is timed is the application."""

import io
import sys
import time

import sqlalchemy as sa
from flask import Flask, jsonify

from moderation.models import Allowance, table_of

_ALLOWANCES = table_of(Allowance)


class Asker:
    """Ask an application with a key; return the seconds that it took, to the last byte."""

    def __init__(self, app: Flask, key: str) -> None:
        self.app, self.key = app, key

    def __call__(self, path: str, *, query: str = "", body: bytes = b"", good: tuple[int, ...] = (200,)) -> float:
        environ = {
            "REQUEST_METHOD": "POST" if body else "GET", "PATH_INFO": path, "QUERY_STRING": query,
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost",
            "HTTP_AUTHORIZATION": f"Bearer {self.key}", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/json", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr, "wsgi.version": (1, 0), "wsgi.multithread": False,
            "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        said: list[str] = []
        began = time.perf_counter()
        answer = self.app.wsgi_app(environ, lambda status, headers, info=None: said.append(status))  # noqa: ARG005 -- WSGI's
        text = b"".join(answer)
        answer.close()
        seconds = time.perf_counter() - began
        if int(said[0][:3]) not in good:
            raise SystemExit(f"{path}: {said[0]} {text[:300]!r}")
        return seconds


def bare_view(engine: sa.Engine, site_id: str) -> Flask:
    """The yardstick: a Flask view that reads one row by a unique index and asks for no key."""
    app = Flask("bare")
    columns = (_ALLOWANCES.c.unlocks_left, _ALLOWANCES.c.version)
    mine = sa.and_(_ALLOWANCES.c.site_id == site_id, _ALLOWANCES.c.reader_id == sa.bindparam("reader"))
    query = sa.select(*columns).where(mine)

    @app.get("/readers/<reader>")
    def show(reader):
        with engine.connect() as connection:
            row = connection.execute(query, {"reader": reader}).one()
        return jsonify(unlock_left=row.unlocks_left, version=row.version)

    return app
