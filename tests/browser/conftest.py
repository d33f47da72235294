"""A real browser before a real server; where there is no Chromium these tests are skipped, and say so."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from moderation import db as database
from moderation.app import create_app
from moderation.db import db
from moderation.models import Base
from moderation.services import moderators, sites
from moderation.views.demo import seed
from moderation.views.demo.client import KEY_FILE
from tests.desk import PASSWORD, PASSWORD_HASH
from tests.factories import THRESHOLDS, FakeScoring

CHROMIUM = Path("/usr/bin/chromium")
# Without a sandbox and a GPU, as in a container; and quiet: nothing asks the network for anything of its own.
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 10_000


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing: the tests tell what went wrong."""


@dataclass(frozen=True)
class Live:
    """A running service with the demo site and its made-up readers; the model is the tests' own."""

    url: str
    app: Flask
    email: str = "jo@example.org"
    password: str = PASSWORD


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    app = create_app({"DATA": str(folder), "ENV": "development", "SECRET_KEY": "test"})
    app.extensions["scoring"] = FakeScoring()
    _furnish(app, folder)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Live(f"http://127.0.0.1:{server.server_port}", app)
    server.shutdown()
    thread.join()
    server.server_close()
    with app.app_context():
        db.engine.dispose()


def _furnish(app: Flask, folder: Path) -> None:
    """The site `demo` with a key and a moderator, and the paper as its first start leaves it."""
    database.mark_reading(False)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        site = sites.create(db.session(), name="demo", thresholds=THRESHOLDS, actor="test")
        scopes = ["comments", "score", "readers", "review", "admin"]
        (folder / KEY_FILE).write_text(sites.create_key(db.session(), site, scopes=scopes, actor="test")[1])
        moderators.create(
            db.session(), site, email=Live.email, name="Jo", role="admin", password_hash=PASSWORD_HASH, actor="test"
        )
        db.session.commit()
    seed.sow(app)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"There is no {CHROMIUM}; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def open_page(live: Live, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page in a new profile: `open_page("/demo/", color_scheme="dark", java_script_enabled=False)`.

    Afterwards nothing may have been said on the console, and nothing asked for elsewhere.
    """
    opened, said, asked = [], [], []

    def open_one(path: str, **settings: Any) -> Page:
        settings = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"} | settings
        context = chromium.new_context(base_url=live.url, **settings)
        context.set_default_timeout(PATIENCE_MS)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path)
        return page

    yield open_one
    for context in opened:
        context.close()
    # The browser itself remarks on every answer that is an error, and on a network that is gone.
    remarks = [words for words in said if not words.startswith("Failed to load resource")]
    assert remarks == []
    assert [url for url in asked if not url.startswith((live.url, "data:"))] == []
