"""Alerts in a chat: once a condition, again after it cleared, by the one guarded way out."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from moderation import worker
from moderation.db import db
from moderation.errors import Invalid
from moderation.models import Audit, Notice
from moderation.services import alerts, sites
from tests.desk import submit
from tests.mail_server import serving
from tests.receiver import ENDPOINTS, receiving, reset, status

SECRET_PATH = "services/T0/B0/xyz"


@pytest.fixture
def clock():
    with time_machine.travel((datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0), tick=False) as clock:
        yield clock


@pytest.fixture
def chat(app, monkeypatch, client):
    """A Slack-compatible webhook that the site `demo` is set up for."""
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    monkeypatch.setitem(app.config, "WEBHOOK_TIMEOUT_SECONDS", 1)
    with receiving() as chat:
        configure(app, slack_url=f"{chat.url}/{SECRET_PATH}")
        yield chat


def configure(app, **changes):
    given = {"slack_url": None, "mail_to": None, "figures": {}, "private": True, "plain": True, "actor": "test"}
    with app.app_context():
        session = db.session()
        alerts.configure(session, sites.by_name(session, "demo"), **(given | changes))
        session.commit()


def work(app):
    worker.do_chores(app)
    worker.drain(app)


def said(chat):
    return [json.loads(request["body"])["text"] for request in chat.requests]


def test_a_reply_that_waits_for_half_an_hour_is_told_once_until_the_queue_is_empty(app, client, chat, clock):
    id = submit(client)["id"]
    clock.shift(timedelta(minutes=29))
    work(app)
    early = said(chat)
    for _ in range(3):
        clock.shift(timedelta(minutes=1))
        work(app)
    told = said(chat)

    client.post(f"/v1/comments/{id}/decisions", json={"status": "published"}, headers={"If-Match": "*"})
    work(app)
    submit(client, "How silly.")
    clock.shift(timedelta(minutes=31))
    work(app)

    assert early == []
    assert told == ["demo: one reply waits, the oldest for 30 minutes."]
    assert said(chat)[1:] == ["demo: one reply waits, the oldest for 31 minutes."]
    assert chat.requests[0]["headers"]["content-type"] == "application/json"


def test_the_site_says_how_long_is_too_long_and_the_message_leads_to_the_desk(app, client, chat, clock, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://desk.example/")
    configure(app, figures={"alerts_queue_minutes": 5})
    submit(client)
    submit(client, "How silly.")
    clock.shift(timedelta(minutes=6))

    work(app)

    [text] = said(chat)
    assert text == ("demo: 2 replies wait, the oldest for 6 minutes. https://desk.example/review/demo/queues/pending")


def test_an_old_reply_that_is_edited_into_the_queue_has_only_begun_to_wait(app, client, chat, clock):
    id = submit(client, "Good news.")["id"]
    clock.shift(timedelta(days=1))
    client.put(f"/v1/comments/{id}", json={"text": "Silly news."}, headers={"If-Match": "*"})

    work(app)

    assert said(chat) == []


def test_an_endpoint_that_was_disabled_is_told_and_one_disabled_by_hand_is_not(app, client, chat, clock):
    with receiving() as receiver:
        receiver.answer = status(410)
        broken = client.post(ENDPOINTS, json={"url": receiver.url}).json["id"]
        by_hand = client.post(ENDPOINTS, json={"url": receiver.url, "event_types": ["model.promoted"]}).json["id"]
        client.patch(f"{ENDPOINTS}/{by_hand}", json={"enabled": False})
        submit(client, "Good news.")
        worker.drain(app)

        work(app)
        work(app)
        once = said(chat)
        client.patch(f"{ENDPOINTS}/{broken}", json={"enabled": True})
        work(app)
        submit(client, "Good news again.")
        worker.drain(app)
        work(app)

    assert once == [f"demo: the webhook endpoint {broken} is disabled. It answered 410 Gone."]
    assert len(said(chat)) == 2


@pytest.mark.parametrize("answer", [status(500), reset, status(302, Location="http://127.0.0.1:1/")])
def test_a_chat_that_does_not_take_it_is_asked_again_later(app, client, chat, clock, answer):
    chat.answers = [answer]
    submit(client)
    clock.shift(timedelta(minutes=31))
    work(app)
    work(app)
    tried = len(chat.requests)
    clock.shift(timedelta(minutes=1))

    work(app)
    work(app)

    assert (tried, len(chat.requests)) == (1, 2)


def test_a_name_that_turns_private_reaches_nobody(app, client, chat, clock, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", False)
    submit(client)
    clock.shift(timedelta(minutes=31))

    work(app)

    assert chat.requests == []
    with app.app_context():
        assert "private or reserved" in db.session.scalars(sa.select(Notice.last_error)).one()


def test_the_alert_of_a_worker_that_died_is_sent_by_another_after_the_lease(app, client, chat, clock):
    submit(client)
    clock.shift(timedelta(minutes=31))
    worker.do_chores(app)
    with app.app_context():
        worker.notices.claim(db.session(), now=worker.utc_now())
        db.session.commit()

    worker.drain(app)
    held = len(chat.requests)
    clock.shift(timedelta(minutes=5, seconds=1))
    worker.drain(app)

    assert (held, len(chat.requests)) == (0, 1)


def test_a_site_without_a_chat_is_told_nothing(app, client, chat, clock):
    submit(client)
    clock.shift(timedelta(minutes=31))
    work(app)

    configure(app, slack_url="")
    work(app)

    assert len(chat.requests) == 1
    with app.app_context():
        assert db.session.scalars(sa.select(Notice)).all() == []


@pytest.mark.parametrize("url", ["https://169.254.169.254/", "ftp://hooks.slack.example/", "https://localhost/", "x"])
def test_an_address_that_may_not_be_called_is_refused(app, client, url):
    with pytest.raises(Invalid):
        configure(app, slack_url=url, private=False)


def test_the_audit_says_that_it_changed_and_not_the_address(app, client, chat):
    with app.app_context():
        row = db.session.scalars(sa.select(Audit).where(Audit.action == "alerts.configured")).one()

    assert row.data == {"changed": ["alerts_slack_url"]}


class TestTheCommand:
    def test_sets_shows_and_tests_without_showing_the_address(self, installation, monkeypatch):
        monkeypatch.setenv("REPLYDESK_WEBHOOK_ALLOW_PRIVATE", "1")
        monkeypatch.setenv("REPLYDESK_ENV", "development")
        with receiving() as chat, serving() as mail:
            monkeypatch.setenv("REPLYDESK_SMTP_HOST", "127.0.0.1")
            monkeypatch.setenv("REPLYDESK_SMTP_PORT", str(mail.port))
            monkeypatch.setenv("REPLYDESK_SMTP_TLS", "none")
            url = f"{chat.url}/{SECRET_PATH}"

            made = installation.run("alerts", "set", "--slack-url-stdin", "--digest-to", "a@b.example", input=url)
            shown = installation.run("alerts", "show", "--json")
            tested = installation.run("alerts", "test")

            assert made.exit_code == tested.exit_code == 0, made.output + tested.output
            assert made.stdout == (
                "demo: alerts to a chat, when a reply waits for 30 minutes.\n"
                "demo: digest to a@b.example from 7:00 on (UTC).\n"
            )
            assert SECRET_PATH not in made.output + shown.output + tested.output
            assert json.loads(shown.stdout)["digest_to"] == ["a@b.example"]
            assert tested.stdout == "slack: taken\nmail: taken\n"
            assert len(chat.requests) == len(mail.mails) == 1

    def test_prints_a_digest_without_sending_it(self, installation):
        installation.submit("Good news for everyone.")

        ended = installation.run("alerts", "digest", "--day", f"{datetime.now(UTC):%Y-%m-%d}")

        assert ended.exit_code == 0, ended.output
        assert "Received:" in ended.stdout

    @pytest.mark.parametrize(
        ("words", "input", "sentence"),
        [
            (["--slack-url-stdin"], "", "There was no address on standard input"),
            (["--slack-url-stdin"], "https://10.0.0.1/", "private or reserved"),
            (["--digest-to", "nobody"], None, "“nobody” is not an e-mail address."),
            (["--digest-to", "a@b.example\nBcc: c@d.example"], None, "is not an e-mail address."),
            (["--digest-to", "a@b.example", "--no-digest"], None, "Say either"),
        ],
    )
    def test_refuses_what_cannot_be_with_a_sentence(self, installation, words, input, sentence):
        ended = installation.run("alerts", "set", *words, input=input)

        assert ended.exit_code in (1, 2)
        assert sentence in ended.stderr
        assert json.loads(installation.run("alerts", "show", "--json").stdout)["digest_to"] == []

    def test_says_that_a_test_was_not_taken(self, installation, monkeypatch):
        monkeypatch.setenv("REPLYDESK_WEBHOOK_ALLOW_PRIVATE", "1")
        monkeypatch.setenv("REPLYDESK_ENV", "development")
        installation.run("alerts", "set", "--slack-url-stdin", input="http://127.0.0.1:1/hook")

        ended = installation.run("alerts", "test")

        assert ended.exit_code == 1
        assert "slack: The connection was refused." in ended.stdout
