"""The first start of the demo site, with the bundled model and a database on disk."""

import re
import time

import pytest

from moderation.db import db
from moderation.services import moderators, sites
from moderation.views.demo import paper, seed
from moderation.views.demo.client import KEY_FILE
from tests.desk import PASSWORD, PASSWORD_HASH
from tests.newspaper import LOCKED, Browser


class TestTheFirstStart:
    @pytest.fixture
    def sown(self, monkeypatch, request):
        monkeypatch.setenv("REPLYDESK_ENV", "development")
        installation = request.getfixturevalue("installation")
        key = installation.client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
        (installation.data / KEY_FILE).write_text(key)
        seed.sow(installation.app)
        return installation

    def test_it_leaves_a_living_thread_and_something_to_decide(self, sown):
        items = sown.client.get("/v1/comments?limit=200").json["items"]
        by_status = {status: sum(item["status"] == status for item in items) for status in ("published", "pending")}

        assert len(items) == len(paper.made_up_replies())
        assert by_status["published"] >= 12
        assert by_status["pending"] >= 3
        assert {item["model_version"] for item in items} != {""}
        thread = sown.client.get(f"/v1/posts/{LOCKED}/comments").json["items"]
        assert any(branch["replies"] for branch in thread)
        assert sown.client.get("/v1/posts/2027").json["comments"] == "closed"
        assert sown.client.get("/v1/plans/all-access").json["trial_days"] == 7

    def test_a_second_start_adds_nothing_and_keeps_what_was_changed(self, sown):
        sown.client.put("/v1/posts/2041", json={"comments": "closed"})
        began = time.monotonic()

        seed.sow(sown.app)

        assert time.monotonic() - began < 1
        assert len(sown.client.get("/v1/comments?limit=200").json["items"]) == len(paper.made_up_replies())
        assert sown.client.get("/v1/posts/2041").json["comments"] == "closed"

    def test_on_another_port_the_links_to_the_articles_follow(self, sown):
        sown.client.put("/v1/posts/2041", json={"url": "https://news.example/2041", "comments": "closed"})
        sown.app.config["BIND"] = "127.0.0.1:8080"

        seed.sow(sown.app)

        urls = [sown.client.get(f"/v1/posts/{id}").json["url"] for id in ("2041", LOCKED)]
        assert urls == ["https://news.example/2041", f"http://127.0.0.1:8080/demo/posts/{LOCKED}"]
        assert sown.client.get("/v1/posts/2041").json["comments"] == "closed"

    def test_a_start_that_was_cut_short_is_made_good(self, sown):
        sown.client.delete(f"/v1/plans/{paper.OFFERS[-1].plan}")

        seed.sow(sown.app)

        assert len(sown.client.get("/v1/comments?limit=200").json["items"]) == len(paper.made_up_replies())
        assert sown.client.get("/v1/plans/all-access").status_code == 200

    def test_a_signed_in_moderator_s_page_holds_no_lock_against_its_own_calls(self, sown):
        with sown.app.app_context():
            site = sites.by_name(db.session(), "demo")
            moderators.create(db.session(), site, email="jo@example.org", name="Jo", role="admin",
                              password_hash=PASSWORD_HASH, actor="test")  # fmt: skip
            db.session.commit()
        browser = Browser(sown.app)
        browser.get()
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.client.get("/review/login").text)[1]
        fields = {"email": "jo@example.org", "password": PASSWORD, "csrf_token": token}
        assert browser.client.post("/review/login", data=fields).status_code == 302
        began = time.monotonic()

        refused = browser.reply("")
        posted = browser.reply("Good news for everyone who commutes.")

        assert (refused.status_code, posted.status_code) == (422, 200)
        assert "Your reply is published." in browser.page
        assert time.monotonic() - began < 3
