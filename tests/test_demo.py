"""The demo news site: unlocks, plans and the questions before them, without a script."""

import re
from pathlib import Path

import pytest
from flask import g

from moderation import db as database
from moderation.app import create_app
from moderation.db import db
from moderation.views.demo import paper
from moderation.views.demo.client import KEY_FILE, ApiError, SiteClient, key_of
from tests.desk import PASSWORD
from tests.newspaper import CLOSED, FREE, LOCKED, Browser

LAST_WORDS = "a fifth one will be hired in September"


def left(page):
    return int(re.search(r'id="left">Unlock left: (\d+)<', page)[1])


def day(text):
    return f"{int(text[8:10])} "


class TestTheFrontPage:
    def test_it_shows_every_article_and_what_is_open_for_this_reader(self, ana):
        assert all(article.title in ana.words for article in paper.articles().values())
        assert (ana.words.count("Locked"), ana.words.count("Free")) == (4, 3)
        assert ana.page.count("<h1") == 1

    def test_a_section_shows_its_own_articles(self, ana):
        ana.get("/?section=Food")

        assert "The soup that keeps the fish hall open" in ana.words
        assert "Swing bridge" not in ana.words
        assert 'aria-current="page">Food' in ana.page

    def test_a_new_reader_is_given_three_unlocks_once(self, ana, client):
        ana.get()
        ana.get(f"/posts/{LOCKED}")

        ledger = client.get(f"/v1/readers/{ana.reader_id}/ledger").json["items"]
        assert [(row["kind"], row["unlocks"]) for row in ledger] == [("grant", 3)]
        assert left(ana.page) == 3

    def test_a_cookie_that_was_written_by_hand_makes_a_new_reader(self, ana, app):
        forger = Browser(app)
        forger.client.set_cookie("courier", f'{{"id": "{ana.reader_id}", "name": ""}}', path="/demo/")
        forger.get()

        assert forger.reader_id != ana.reader_id

    def test_the_theme_is_remembered_and_leads_back_to_the_article(self, ana):
        ana.get(f"/posts/{FREE}")
        response = ana.post("/theme", theme="dark", post=FREE)

        assert response.request.path == f"/demo/posts/{FREE}"
        assert '<html lang="en" data-bs-theme="dark">' in ana.page


class TestTheGate:
    def test_a_locked_post_shows_its_beginning_and_a_free_one_everything(self, ana):
        ana.get(f"/posts/{LOCKED}")
        assert "From the first Monday in April" in ana.words
        assert LAST_WORDS not in ana.words
        assert "Unlock this post" in ana.words

        ana.get(f"/posts/{FREE}")
        assert "they never stop at six" in ana.words
        assert "Unlock this post" not in ana.words

    def test_the_question_has_the_figures_of_the_dry_run_and_spends_nothing(self, ana, client):
        dry = client.post(f"/v1/readers/{ana.reader_id}/unlocks?dry_run=true", json={"post_id": LOCKED}).json

        ana.get(f"/posts/{LOCKED}/unlock")

        assert "Are you sure you want to unlock this post?" in ana.words
        assert f"Unlock left: 3 → becomes {dry['unlock_left']}" in ana.words
        assert client.get(f"/v1/readers/{ana.reader_id}").json["unlock_left"] == 3

    def test_unlocking_opens_the_post_and_a_second_time_spends_nothing(self, ana, client):
        ana.get(f"/posts/{LOCKED}/unlock")
        ana.post(f"/posts/{LOCKED}/unlock")
        assert LAST_WORDS in ana.words
        assert "Unlocked, and it stays yours. Unlock left: 2" in ana.words

        ana.post(f"/posts/{LOCKED}/unlock")
        again = ana.get(f"/posts/{LOCKED}/unlock")

        assert again.request.path == f"/demo/posts/{LOCKED}"
        assert client.get(f"/v1/readers/{ana.reader_id}").json["unlock_left"] == 2

    def test_an_unlock_can_be_given_back(self, ana):
        ana.get(f"/posts/{LOCKED}/unlock")
        ana.post(f"/posts/{LOCKED}/unlock")

        ana.post(f"/posts/{LOCKED}/unlock/return")

        assert "Given back. The post is closed again." in ana.words
        assert LAST_WORDS not in ana.words
        assert left(ana.page) == 3

    def test_without_an_unlock_the_way_on_is_a_subscription(self, ana):
        for id in ("2042", "2039", "2036"):
            ana.get(f"/posts/{id}/unlock")
            ana.post(f"/posts/{id}/unlock")

        response = ana.get("/posts/2030/unlock")

        assert response.status_code == 409
        assert "You have no unlock left" in ana.words
        assert "See subscriptions" in ana.words
        ana.get("/posts/2030")
        assert "Read on with a subscription" in ana.words
        assert "Unlock this post" not in ana.words


class TestTheAccount:
    def subscribe(self, browser, plan):
        browser.get(f"/account/plans/{plan}")
        browser.post(f"/account/plans/{plan}")

    def test_choosing_a_plan_shows_what_the_dry_run_says_and_then_does_it(self, ana, client):
        body = {"plan": "reader"}
        dry = client.put(f"/v1/readers/{ana.reader_id}/subscription?dry_run=true", json=body).json

        ana.get("/account/plans/reader")
        question = ana.words
        ana.post("/account/plans/reader")

        assert f"Unlock left: 3 → becomes {dry['unlock_left']}" in question
        assert f"Paid until {day(dry['paid_until'])}" in question
        assert (dry["unlock_left"], left(ana.page)) == (8, 8)
        assert "Your subscription has begun." in ana.words

    def test_all_access_opens_every_post_in_its_free_days(self, ana):
        self.subscribe(ana, "all-access")
        assert "Free until" in ana.words

        ana.get(f"/posts/{LOCKED}")

        assert LAST_WORDS in ana.words
        assert left(ana.page) == 3

    def test_the_question_before_cancelling_has_true_figures_and_changes_nothing(self, ana, client):
        self.subscribe(ana, "reader")
        path = f"/v1/readers/{ana.reader_id}/subscription"
        dry = client.post(f"{path}/cancel?dry_run=true", json={"at": "period_end"}).json

        ana.get("/account/cancel")

        assert "Are you sure you want to cancel your subscription?" in ana.words
        assert f"You keep Reader until {day(dry['paid_until'])}" in ana.words
        assert f"Unlock left: {dry['unlock_left']} " in ana.words
        assert client.get(path).json["state"] == "active"

    def test_cancelling_keeps_access_until_the_end_and_can_be_taken_back(self, ana, client):
        self.subscribe(ana, "reader")
        ana.get("/account/cancel")
        ana.post("/account/cancel")
        cancelled = ana.words

        ana.post("/account/resume")

        assert "You keep access and your unlocks until" in cancelled
        assert "Keep it after all" in cancelled
        assert "Your subscription goes on." in ana.words
        assert client.get(f"/v1/readers/{ana.reader_id}").json["subscription"]["state"] == "active"

    def test_another_plan_is_a_change_of_the_one_that_runs(self, ana, client):
        self.subscribe(ana, "reader")
        ana.get("/account/plans/all-access")
        assert "Change to All access?" in ana.words

        ana.post("/account/plans/all-access")

        assert "Your plan is changed." in ana.words
        assert client.get(f"/v1/readers/{ana.reader_id}").json["subscription"]["plan"] == "all-access"

    def test_every_unlock_that_came_and_went_is_listed(self, ana):
        ana.get(f"/posts/{LOCKED}/unlock")
        ana.post(f"/posts/{LOCKED}/unlock")
        ana.get("/account")

        assert "A welcome gift" in ana.words
        assert re.search(r"Unlocked Ferries to run every 20 minutes from spring just now −1 2", ana.words)

    def test_what_the_state_forbids_is_said_on_a_page(self, ana):
        response = ana.get("/account/cancel")

        assert response.status_code == 409
        assert "The reader has no subscription" in ana.words
        assert ana.get("/account/plans/gold").status_code == 404


class TestItsPlace:
    def test_outside_development_it_does_not_exist(self, tmp_path):
        app = create_app({"DATA": str(tmp_path), "ENV": "production", "SECRET_KEY": "test"})

        for path in ("/demo/", f"/demo/posts/{FREE}", "/demo/account"):
            assert app.test_client().get(path).status_code == 404

    def test_without_a_key_it_says_how_to_get_one(self, ana, app):
        (Path(app.config["DATA"]) / KEY_FILE).unlink()

        response = ana.get()

        assert response.status_code == 503
        assert "make run" in ana.words

    def test_a_key_that_is_revoked_is_said_too(self, ana, app):
        (Path(app.config["DATA"]) / KEY_FILE).write_text("rdk_none")

        response = ana.get()

        assert response.status_code == 503
        assert "no key that works" in ana.words

    @pytest.mark.parametrize("path", ["/nowhere", "/posts/1", "/posts/1/unlock", "/posts/%00", "/a/b/c"])
    def test_a_missing_page_is_a_page(self, ana, path):
        response = ana.get(path)

        assert (response.status_code, response.mimetype) == (404, "text/html")
        assert "There is nothing here" in ana.words

    def test_no_page_runs_or_loads_anything_from_elsewhere(self, ana):
        paths = ("/", f"/posts/{LOCKED}", f"/posts/{CLOSED}", f"/posts/{LOCKED}/unlock", "/account", "/how", "/none")
        for path in paths:
            policy = ana.get(path).headers["Content-Security-Policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert not re.search(r' style="|<style|<script(?![^>]*src=)| on\w+="', ana.page)
            assert not re.search(r'(?:src|href)="(?:https?:)?//', ana.page)

    def test_a_form_from_elsewhere_changes_nothing(self, ana, client):
        ana.get(f"/posts/{LOCKED}/unlock")

        response = ana.post(f"/posts/{LOCKED}/unlock", token="forged")

        assert (response.status_code, response.mimetype) == (400, "text/html")
        assert client.get(f"/v1/readers/{ana.reader_id}").json["unlock_left"] == 3

    @pytest.mark.usefixtures("jo")
    def test_a_moderator_signs_in_and_out_in_the_same_browser_and_stays_the_same_reader(self, ana):
        reader = ana.reader_id
        page = ana.client.get("/review/login").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
        fields = {"email": "jo@example.org", "password": PASSWORD, "csrf_token": token}
        assert ana.client.post("/review/login", data=fields).status_code == 302

        ana.reply("Fine words.")

        assert ana.reader_id == reader
        assert "Your reply is published." in ana.page
        desk = ana.client.get("/review/demo/queues/pending")
        assert desk.status_code == 200
        token = re.search(r'name="csrf_token" value="([^"]+)"', desk.text)[1]
        assert ana.client.post("/review/logout", data={"csrf_token": token}).status_code == 302
        ana.get(f"/posts/{FREE}")
        assert ana.reader_id == reader


@pytest.mark.usefixtures("ana")
class TestTheClientInside:
    def test_a_nested_call_leaves_the_outer_request_as_it_was(self, app):
        api = SiteClient(app, key_of(app))
        with app.test_request_context("/demo/"):
            g.site, session = "mine", db.session()
            with database.reading():
                before = database._read_only.get()
                api.put("/v1/posts/9", {"title": "Nine", "free": True})
                assert database._read_only.get() is before

            assert (g.site, db.session() is session) == ("mine", True)
            assert "actor" not in g

    def test_a_refusal_carries_the_code_the_sentence_and_the_field(self, app):
        with pytest.raises(ApiError) as caught:
            SiteClient(app, key_of(app)).post("/v1/comments", {"post": {"id": "1"}, "reader": {"id": "a"}, "text": ""})

        assert (caught.value.status, caught.value.code) == (422, "validation_failed")
        assert caught.value.field("text")
