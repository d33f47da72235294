"""Signing in, staying signed in, and roles."""

import re
import time

import pytest
import sqlalchemy as sa
import time_machine

from moderation import db as database
from moderation import passwords
from moderation.app import create_app
from moderation.db import db
from moderation.errors import Conflict, Invalid
from moderation.models import Audit, Moderator
from moderation.services import moderators, sites
from moderation.views.review.session import limiter
from tests.desk import PASSWORD, PASSWORD_HASH, Desk
from tests.factories import comment

WRONG = "That e-mail and password do not go together."


@pytest.fixture
def visitor(app, jo):
    """A browser of nobody, while Jo exists."""
    limiter.reset()
    return Desk(app)


def pending(client, text="That is silly."):
    return client.post("/v1/comments", json=comment(text)).json["id"]


def end_sessions(app):
    with app.app_context():
        database.mark_reading(False)
        session = db.session()
        jo = moderators.by_email(session, "jo@example.org")
        moderators.set_password(session, jo, password_hash=PASSWORD_HASH, actor="test")
        session.commit()


class TestSigningIn:
    def test_nobody_is_led_to_the_sign_in_and_back(self, visitor):
        page = visitor.get("/demo/queues/reported?focus=cmt_1", follow_redirects=True)
        target = re.search(r'name="next"[^>]*value="([^"]*)"', page.text)[1]

        response = visitor.post("/login", email="JO@example.org", password=PASSWORD, next=target)

        assert page.request.path == "/review/login"
        assert response.request.path == "/review/demo/queues/reported"

    def test_an_unknown_person_and_a_wrong_password_get_the_same_answer(self, visitor):
        answers = []
        for email in ("jo@example.org", "nobody@example.org", "no\x00body"):
            visitor.get("/login")
            response = visitor.post("/login", email=email, password="wrong password")
            answers.append((response.status_code, WRONG in response.text, "does not exist" in response.text))

        assert answers == [(401, True, False)] * 3

    def test_an_unknown_person_costs_a_hash_as_well(self, visitor, monkeypatch):
        asked = []
        monkeypatch.setattr(passwords, "fits", lambda stored, _: asked.append(stored) or False)

        visitor.sign_in("nobody@example.org")

        assert asked == [None]

    def test_after_five_failures_there_is_a_wait_and_a_right_password_does_not_shorten_it(self, visitor):
        for _ in range(5):
            visitor.sign_in("jo@example.org", "wrong password")

        response = visitor.sign_in("jo@example.org")

        assert (response.status_code, response.headers["Retry-After"].isdigit()) == (429, True)
        assert "Wait a little" in visitor.page

    def test_the_wait_of_one_person_is_not_that_of_another(self, visitor):
        for _ in range(6):
            visitor.sign_in("somebody@example.org", "wrong password")

        assert visitor.sign_in("jo@example.org").status_code == 200

    def test_success_does_not_count_against_anybody(self, visitor):
        for _ in range(7):
            assert visitor.sign_in("jo@example.org").status_code == 200
            visitor.post("/logout")

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example/",
            "//evil.example/review/",
            "/review/\\evil",
            "/v1/comments",
            "javascript:alert(1)",
            "/review/\n",
            "",
        ],
    )
    def test_only_paths_of_the_desk_are_gone_back_to(self, visitor, target):
        visitor.get("/login")

        response = visitor.post("/login", email="jo@example.org", password=PASSWORD, next=target)

        assert response.request.path == "/review/demo/queues/pending"

    def test_a_sign_in_needs_its_own_form(self, visitor):
        visitor.get("/login")

        response = visitor.post("/login", token="forged", email="jo@example.org", password=PASSWORD)

        assert (response.status_code, "could not be trusted" in response.text) == (400, True)

    def test_each_try_is_in_the_audit_trail_without_the_address(self, visitor, app):
        visitor.sign_in("jo@example.org", "wrong password")
        visitor.sign_in("jo@example.org")

        with app.app_context():
            query = sa.select(Audit).where(Audit.action.in_(["moderator.signed_in", "moderator.refused"]))
            rows = db.session.scalars(query.order_by(Audit.id)).all()
        assert [row.action for row in rows][-2:] == ["moderator.refused", "moderator.signed_in"]
        assert not any("@" in f"{row.actor}{row.subject}{row.data}" for row in rows)


class TestTheSession:
    def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(self, visitor):
        visitor.get("/login")

        cookie = visitor.client.get_cookie("replydesk")

        assert (cookie.http_only, cookie.same_site) == (True, "Lax")

    def test_outside_development_the_cookie_travels_encrypted_only(self, tmp_path):
        app = create_app({"DATA": str(tmp_path), "ENV": "production", "SECRET_KEY": "test"})

        header = app.test_client().get("/review/login").headers["Set-Cookie"]

        assert "; Secure" in header

    def test_signing_out_ends_it(self, jo):
        jo.get("/demo/queues/pending")

        jo.post("/logout")

        assert jo.get("/demo/queues/pending").status_code == 302

    def test_a_new_session_begins_at_the_sign_in(self, visitor):
        visitor.get("/login")
        before = visitor.client.get_cookie("replydesk").value
        with visitor.client.session_transaction() as session:
            session["planted"] = "by somebody else"

        visitor.sign_in("jo@example.org")

        with visitor.client.session_transaction() as session:
            assert "planted" not in session
        assert visitor.client.get_cookie("replydesk").value != before

    def test_a_new_password_ends_every_session(self, jo, app):
        end_sessions(app)

        assert jo.get("/demo/queues/pending").status_code == 302

    def test_a_session_ends_after_its_hours_however_busy_it_was(self, jo, client):
        first, second = pending(client), pending(client, "That is silly, too.")

        jo.open(first)
        with time_machine.travel(time.time() + 7 * 3600, tick=True):
            assert jo.open(second).status_code == 200
        with time_machine.travel(time.time() + 13 * 3600, tick=True):
            assert jo.open(first).status_code == 302

    def test_a_note_survives_a_session_that_ended_in_the_middle_of_it(self, jo, app, client):
        id = pending(client)
        jo.open(id)
        end_sessions(app)

        ended = jo.decide(id, reason="abuse", note="Aimed at <b>Marta</b>.")
        kept = {
            name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', jo.page)[1].replace("&lt;", "<").replace("&gt;", ">")
            for name in ("draft", "draft_for", "next")
        }
        jo.post("/login", email="jo@example.org", password=PASSWORD, **kept)

        assert (ended.status_code, "Your note is kept." in ended.text) == (401, True)
        assert "Aimed at &lt;b&gt;Marta&lt;/b&gt;.</textarea>" in jo.page
        assert client.get(f"/v1/comments/{id}").json["status"] == "pending"

    def test_a_disabled_moderator_is_out_at_once(self, jo, app):
        with app.app_context():
            database.mark_reading(False)
            db.session.execute(sa.update(Moderator).values(disabled_at=sa.func.current_timestamp()))
            db.session.commit()

        assert jo.get("/demo/queues/pending").status_code == 302
        assert jo.sign_in("jo@example.org").status_code == 401


class TestRoles:
    def test_each_role_may_do_what_those_before_it_may(self):
        allowed = [[moderators.at_least(role, needed) for needed in moderators.ROLES] for role in moderators.ROLES]

        assert [sum(row) for row in allowed] == [1, 2, 3, 4]

    def test_one_without_a_site_is_told_whom_to_ask(self, app, jo):
        with app.app_context():
            database.mark_reading(False)
            db.session.execute(sa.text("DELETE FROM membership"))
            db.session.commit()

        assert "You belong to no site yet" in jo.get("/").text
        assert jo.get("/demo/queues/pending").status_code == 404

    @pytest.mark.usefixtures("jo")
    def test_an_address_belongs_to_one_moderator_and_a_role_is_one_of_four(self, app):
        with app.app_context():
            session = db.session()
            site = sites.by_name(session, "demo")
            made = {"name": "", "password_hash": PASSWORD_HASH, "actor": "test"}

            with pytest.raises(Conflict):
                moderators.create(session, site, email="JO@example.org", role="viewer", **made)
            with pytest.raises(Invalid):
                moderators.create(session, site, email="kit@example.org", role="boss", **made)
            with pytest.raises(Invalid):
                moderators.create(session, site, email="not an address", role="viewer", **made)


def test_a_password_is_hashed_with_argon2id_and_fits_only_itself():
    stored = passwords.hash_of(PASSWORD)

    assert stored.startswith("$argon2id$")
    assert passwords.fits(stored, PASSWORD)
    assert not passwords.fits(stored, PASSWORD + "!")
    assert not passwords.fits(None, PASSWORD)
    assert not passwords.fits("not a hash", PASSWORD)


@pytest.mark.parametrize("password", ["short", "x" * 1_001])
def test_a_password_has_a_sensible_length(password):
    with pytest.raises(Invalid):
        passwords.hash_of(password)
