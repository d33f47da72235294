"""``replydesk moderator``: the people who review, from the command line."""

import pytest
from click.testing import CliRunner

from moderation import db as database
from moderation.app import create_app
from moderation.cli import replydesk
from moderation.db import db
from moderation.models import Base
from moderation.services import sites
from moderation.views.review.session import limiter
from tests.desk import PASSWORD, Desk
from tests.factories import THRESHOLDS


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A database on disk with one site, as the commands find it; call it with the words of a command."""
    monkeypatch.setenv("REPLYDESK_DATA", str(tmp_path))
    monkeypatch.setenv("REPLYDESK_SECRET_KEY", "test")
    monkeypatch.setenv("REPLYDESK_ENV", "development")
    app = create_app()
    with app.app_context():
        database.mark_reading(False)
        Base.metadata.create_all(db.engine)
        sites.create(db.session(), name="demo", thresholds=THRESHOLDS, actor="test")
        db.session.commit()
    limiter.reset()

    def run(*words, **kwargs):
        return CliRunner().invoke(replydesk, ["moderator", *words], prog_name="replydesk", **kwargs)

    run.app = app
    yield run
    with app.app_context():
        db.engine.dispose()


class TestTheCommands:
    def test_a_moderator_is_added_with_a_password_from_standard_input_and_can_sign_in(self, desk):
        words = ("add", "jo@example.org", "--site", "demo", "--role", "admin", "--password-stdin")

        done = desk(*words, input=f"{PASSWORD}\n")

        assert (done.exit_code, done.output) == (0, "jo@example.org is admin of demo.\n")
        page = Desk(desk.app).sign_in("jo@example.org")
        assert page.request.path == "/review/demo/queues/pending"

    def test_a_role_and_a_password_are_changed(self, desk):
        add = ("add", "jo@example.org", "--role", "viewer", "--password-stdin")
        desk(*add, input=PASSWORD)

        role = desk("role", "jo@example.org", "--site", "demo", "--role", "senior")
        password = desk("password", "jo@example.org", "--password-stdin", input="another word")

        assert (role.exit_code, role.output) == (0, "jo@example.org is senior of demo.\n")
        assert password.exit_code == 0
        assert Desk(desk.app).sign_in("jo@example.org", "another word").status_code == 200

    @pytest.mark.parametrize(
        ("words", "password", "code", "sentence"),
        [
            (("add", "jo", "--role", "viewer"), PASSWORD, 1, "“jo” is not an e-mail address."),
            (("add", "a@b.example", "--role", "boss"), PASSWORD, 2, "'boss' is not one of"),
            (("add", "a@b.example", "--role", "viewer"), "short", 2, "A password has 8 to 1000 characters"),
            (
                ("add", "a@b.example", "--role", "viewer", "--site", "no"),
                PASSWORD,
                1,
                "There is no site “no”",
            ),
            (("password", "nobody@b.example"), PASSWORD, 1, "There is no moderator nobody@b.example"),
        ],
    )
    def test_what_is_wrong_is_one_sentence(self, desk, words, password, code, sentence):
        done = desk(*words, "--password-stdin", input=password)

        assert (done.exit_code, sentence in done.output) == (code, True)
