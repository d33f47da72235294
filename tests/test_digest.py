"""The daily digest: what it counts, that it comes once a day in the site's zone, and how mail goes out."""

import smtplib
import socket
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from moderation import worker
from moderation.db import db
from moderation.mailer import Mailbox, send
from moderation.models import Notice
from moderation.services import alerts, digests, notices, sites
from tests.desk import submit
from tests.mail_server import TLS, serving

# Two days after everything that the fixtures make: ids sort by time.
DAY = (datetime.now(UTC) + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.fixture
def clock():
    with time_machine.travel(DAY, tick=False) as clock:
        yield clock


@pytest.fixture
def mail(app, monkeypatch):
    with serving() as server:
        settings = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": server.port,
            "SMTP_TLS": "none",
            "SMTP_FROM": "desk@news.example",
        }
        for name, value in settings.items():
            monkeypatch.setitem(app.config, name, value)
        yield server


def set_up(app, *, zone="UTC", hour=7, to=("chief@news.example",), name="demo"):
    with app.app_context():
        session = db.session()
        site = sites.by_name(session, name)
        sites.configure(session, site, time_zone=zone, settings={}, actor="test")
        alerts.configure(
            session, site, slack_url=None, mail_to=to, figures={"alerts_digest_hour": hour}, private=True, plain=True,
            actor="test",
        )  # fmt: skip
        session.commit()


def work(app):
    worker.do_chores(app)
    worker.drain(app)


def test_the_digest_tells_the_figures_of_yesterday(app, client, mail, clock):
    set_up(app)
    submit(client, "Good news.")
    submit(client, "Also good.")
    rejected = submit(client, "You idiot.")["id"]
    pending = [submit(client, f"A silly plan, {number}.")["id"] for number in range(2)]
    seen = {"If-Match": "*"}
    client.post(f"/v1/comments/{rejected}/decisions", json={"status": "published"}, headers=seen)
    client.post(f"/v1/comments/{pending[0]}/decisions", json={"status": "published"}, headers=seen)
    client.post("/v1/webhook-endpoints", json={"url": "http://hooks.example:9/"})
    clock.shift(timedelta(days=1))
    submit(client, "Of today.")

    work(app)

    [found] = mail.mails
    assert found["to"] == ["chief@news.example"]
    assert found["mail"]["From"] == "desk@news.example"
    assert found["mail"]["Subject"] == f"Replydesk: demo on {DAY:%Y-%m-%d}"
    figures = dict(line.split(":", 1) for line in found["text"].splitlines()[2:])
    assert {name: value.strip() for name, value in figures.items()} == {
        "Received": "5", "Published at once": "2", "Queued for people": "2", "Rejected at once": "1",
        "Decided by people": "2", "Overturned": "1",
        "Waiting now": f"1, the oldest since {DAY:%Y-%m-%d} 10:00",
        "Webhook attempts that failed": "0", "Webhook deliveries given up": "0", "Webhook endpoints disabled": "0",
    }  # fmt: skip


def test_failures_of_endpoints_are_counted(app, client, mail, clock, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    set_up(app)
    client.post("/v1/webhook-endpoints", json={"url": "http://127.0.0.1:1/"})
    submit(client, "Good news.")
    worker.drain(app)
    clock.shift(timedelta(days=1))

    work(app)

    assert mail.mails[0]["text"].split("attempts that failed:")[1].split()[0] == "1"


def test_it_comes_once_a_day_whatever_workers_do(app, client, mail, clock):
    set_up(app)
    for _ in range(3):
        work(app)
    on_the_first = len(mail.mails)

    for _ in range(24):
        clock.shift(timedelta(hours=1))
        work(app)

    assert (on_the_first, len(mail.mails)) == (1, 2)
    assert len({found["mail"]["Message-ID"] for found in mail.mails}) == 2


@pytest.mark.parametrize(
    ("zone", "hour", "utc_hour"), [("UTC", 7, 7), ("Asia/Tokyo", 7, 22), ("America/New_York", 0, None), ("UTC", 0, 0)]
)
def test_it_comes_at_the_hour_of_the_site(app, client, mail, zone, hour, utc_hour):
    set_up(app, zone=zone, hour=hour)
    came = []

    # Of the first day that one is sent for there was a yesterday, too: it may come at once.
    with time_machine.travel(DAY.replace(hour=0), tick=False) as clock:
        for _ in range(48):
            before = len(mail.mails)
            work(app)
            came += [worker.utc_now()] * (len(mail.mails) - before)
            clock.shift(timedelta(hours=1))

    assert came[-1] - came[-2] == timedelta(days=1)
    assert utc_hour is None or came[-1].hour == utc_hour


def test_without_a_mail_server_nothing_is_planned(app, client, clock):
    set_up(app)

    work(app)

    with app.app_context():
        assert db.session.scalars(sa.select(Notice)).all() == []


def test_two_workers_with_the_same_digest_in_hand_write_one(app, client, clock):
    set_up(app)
    with app.app_context():
        session = db.session()
        site = sites.by_name(session, "demo")
        for _ in range(2):
            notices.write(session, site, channel="mail", topic="digest:1", title="T", text="t", now=worker.utc_now())
        first, second = (notices.claim(session, now=worker.utc_now()) for _ in range(2))

    assert first is not None
    assert second is None


def test_a_mail_server_that_refuses_is_asked_again_and_then_given_up(app, client, mail, clock):
    set_up(app)
    mail.refuse = "451 Later"
    work(app)
    with app.app_context():
        told = db.session.scalars(sa.select(Notice)).one()
        assert (told.state, told.last_error) == ("waiting", "The mail server answered 451.")

    for _ in range(9):
        clock.shift(timedelta(minutes=61))
        work(app)
    mail.refuse = ""
    clock.shift(timedelta(minutes=61))
    work(app)

    with app.app_context():
        assert db.session.scalars(sa.select(Notice.state)).all() == ["failed"]
    assert mail.mails == []


def test_a_mail_server_that_is_back_gets_the_digest(app, client, mail, clock):
    set_up(app)
    mail.refuse = "451 Later"
    work(app)
    mail.refuse = ""
    clock.shift(timedelta(minutes=2))

    work(app)

    assert len(mail.mails) == 1


def test_the_digest_of_a_day_counts_by_the_days_of_the_site(app, client, clock):
    set_up(app, zone="Pacific/Kiritimati")
    submit(client, "At ten in London it is midnight and tomorrow on Kiritimati.")
    with app.app_context():
        session = db.session()
        site = sites.by_name(session, "demo")
        texts = [digests.compose(session, site, (DAY + timedelta(days=days)).date())[1] for days in (0, 1)]

    received = [text.split("Received:")[1].split()[0] for text in texts]
    assert received == ["0", "1"]


def box(server, **changes):
    given = {
        "host": "hooks.example",
        "port": server.port,
        "tls": "none",
        "user": "",
        "password": "",
        "sender": "a@b.example",
    }
    return Mailbox(**(given | changes))


def mailed(box):
    return send(box, to=["chief@news.example"], subject="S", text="Zoë\n", id="ntc_1")


@pytest.fixture
def named(monkeypatch):
    """The name on the certificate leads to this machine, and its issuer is believed."""
    connect = socket.create_connection
    monkeypatch.setattr(
        smtplib.socket,
        "create_connection",
        lambda place, *more, **named: connect(("127.0.0.1", place[1]), *more, **named),
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "certificate.pem"))


def test_mail_goes_by_starttls_with_a_sign_in(named):
    with serving(starttls=True, signed_in=True) as server:
        server.user = ("desk", "secret")

        fault = mailed(box(server, tls="starttls", user="desk", password="secret"))

        assert fault is None
        assert server.mails[0]["tls"]
        assert server.mails[0]["text"].strip() == "Zoë"
        assert server.mails[0]["mail"]["Message-ID"] == "<ntc_1@b.example>"


def test_a_wrong_password_is_a_sentence_that_does_not_repeat_it(named):
    with serving(starttls=True, signed_in=True) as server:
        server.user = ("desk", "secret")

        fault = mailed(box(server, tls="starttls", user="desk", password="wrong"))

    assert fault == "The mail server refused the user and the password."


def test_a_certificate_of_another_name_is_refused(named):
    with serving(starttls=True) as server:
        fault = mailed(box(server, tls="starttls", host="mail.example"))

    assert (fault, server.mails) == ("The mail server's certificate is not valid for its name.", [])


def test_where_tls_is_asked_for_and_not_offered_nothing_is_sent(named):
    with serving() as server:
        fault = mailed(box(server, tls="starttls"))

    assert (fault, server.mails) == (
        "The mail server does not offer what is set (STARTTLS, or a user and a password).", [],
    )  # fmt: skip


def test_no_mail_server_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    fault = mailed(Mailbox("127.0.0.1", port, "none", "", "", "a@b.example"))

    assert fault == "The mail server could not be reached (ConnectionRefusedError)."
