"""A site of its own with a line of pending replies, written straight into the database, and who works on it."""

from moderation import db as database
from moderation.db import db
from moderation.ids import new_id
from moderation.models import Comment, Decision, Moderator, Post
from moderation.policy import Status
from moderation.services import moderators, sites
from tests.desk import PASSWORD, PASSWORD_HASH
from tests.factories import THRESHOLDS

WORDS = "Reply number {} on the ferry and what it ought to cost, with enough words to be read."


class Line:
    """The pending replies of one site, the most harmful first."""

    def __init__(self, live, name, count, *, scores=None):
        self.live, self.name = live, name
        self.ids = [new_id("cmt") for _ in range(count)]
        database.mark_reading(False)
        with live.app.app_context():
            session = db.session()
            site = sites.create(session, name=name, thresholds=THRESHOLDS, actor="test")
            session.flush()
            self.site_id = site.id
            session.add(Post(site_id=site.id, id="p-1", title="The ferry", url="https://paper.example/1"))
            session.flush()
            for at, id in enumerate(self.ids):
                session.add(self._comment(id, at, scores or {}))
            session.flush()
            session.commit()

    def _comment(self, id, at, scores):
        return Comment(
            id=id, site_id=self.site_id, post_id="p-1", root_id=id, reader_name=f"Reader {at}",
            text=WORDS.format(at), text_hash=id, fingerprint=id, status=Status.PENDING,
            scores=scores.get(at, {"insult": 0.7}), harm=round(1 - at / 10_000, 4),
            reasons=[{"code": "score", "label": "insult", "value": 0.7, "detail": "Insult 0.70 is over the line."}],
        )  # fmt: skip

    def person(self, name, role="moderator"):
        """Somebody who may work on this line: the e-mail to sign in with."""
        email = f"{name.lower()}@{self.name}.example"
        database.mark_reading(False)
        with self.live.app.app_context():
            session = db.session()
            moderators.create(
                session, sites.by_name(session, self.name), email=email, name=name, role=role,
                password_hash=PASSWORD_HASH, actor="test",
            )  # fmt: skip
            session.commit()
        return email

    def sign_in(self, open_page, email, **settings):
        page = open_page("/review/login", **settings)
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/queues/**")
        page.goto(f"/review/{self.name}/queues/pending")
        return page

    def read(self, query):
        database.mark_reading(False)
        with self.live.app.app_context():
            found = db.session().execute(query).all()
            db.session.remove()
        return found

    def statuses(self):
        return {row.id: row.status for row in self.read(_statuses(self.site_id))}

    def decisions(self):
        """(comment, moderator) of everything that people decided, in order."""
        return [(row.comment_id, row.moderator_id) for row in self.read(_decided(self.site_id))]

    def claimed(self):
        return {row.id for row in self.read(_claimed(self.site_id))}

    def change(self, id, **values):
        database.mark_reading(False)
        with self.live.app.app_context():
            comment = db.session().get(Comment, id)
            for name, value in values.items():
                setattr(comment, name, value)
            db.session.commit()

    def moderator(self, email):
        return self.read(Moderator.__table__.select().where(Moderator.email == email))[0]


def _statuses(site_id):
    return Comment.__table__.select().where(Comment.site_id == site_id)


def _decided(site_id):
    decided = Decision.__table__.select().where(Decision.site_id == site_id, Decision.kind == "decided")
    return decided.order_by(Decision.id)


def _claimed(site_id):
    return Comment.__table__.select().where(Comment.site_id == site_id, Comment.claimed_by.is_not(None))
