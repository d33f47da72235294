"""The Akismet door: exact bodies and headers, as its clients compare them (protocols.md 2)."""

import pytest
import sqlalchemy as sa

from moderation.akismet import read_form
from moderation.db import db
from moderation.models import Audit, Comment, Decision, Feedback, Reader
from moderation.views.doors.akismet import WRONG_KEYS_A_MINUTE, limiter
from tests.akismet_client import CALLS, SENT, THANKS, Caller, is_invalid, make_key, said
from tests.perspective import stored


@pytest.fixture
def akismet_key(app, site_key):
    return make_key(app)


@pytest.fixture
def ask(app, akismet_key):
    return Caller(app, akismet_key)


def all_of(app, model):
    with app.app_context():
        return db.session.scalars(sa.select(model)).all()


def test_a_key_is_verified_under_either_name_and_as_the_hosts_first_label(ask, akismet_key):
    assert said(ask("verify-key")) == b"valid"
    assert said(ask("verify-key", raw=f"key={akismet_key}&blog=https%3A%2F%2Fa.example")) == b"valid"
    assert said(ask("verify-key", key=None, host=f"{akismet_key}.localhost:8000")) == b"valid"


def test_a_wrong_key_is_invalid_whatever_else_is_sent(ask, site_key):
    for method in CALLS:
        for key in ("0123456789ab", site_key["demo"], None):
            assert is_invalid(ask(method, key=key))


def test_guessing_keys_is_slow_and_good_keys_are_not_counted(app, ask):
    limiter.reset()
    for _ in range(WRONG_KEYS_A_MINUTE):
        assert said(ask("verify-key")) == b"valid"
        assert is_invalid(ask("verify-key", key="0123456789ab"))
    refused = ask("verify-key", key="0123456789ab")
    limiter.reset()

    assert (refused.status_code, refused.get_data()) == (429, b"")
    assert int(refused.headers["Retry-After"]) > 0


def test_a_comment_that_was_taken_down_is_neither_decided_nor_learnt_again(app, client, ask):
    id = ask().headers["X-akismet-guid"]
    client.delete(f"/v1/comments/{id}")

    assert said(ask("submit-spam")) == THANKS
    assert said(ask(permalink="https://news.example/2042")) == b"false"
    assert all_of(app, Feedback) == []


def test_behind_a_public_address_the_label_counts_in_front_of_that_host_only(app, ask, akismet_key, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://desk.example")

    assert said(ask("verify-key", key=None, host=f"{akismet_key}.desk.example")) == b"valid"
    assert said(ask("verify-key", key=None, host=f"{akismet_key}.rest.desk.example")) == b"valid"
    assert is_invalid(ask("verify-key", key=None, host=f"{akismet_key}.evil.example"))


def test_ham_is_false_and_stored_as_any_reply(app, ask):
    response = ask()

    assert said(response) == b"false"
    assert "X-akismet-pro-tip" not in response.headers
    [comment] = all_of(app, Comment)
    assert response.headers["X-akismet-guid"] == comment.id
    assert (comment.status, comment.post_id) == ("published", "https://news.example/2041")
    [reader] = all_of(app, Reader)
    assert (reader.id, reader.name) == ("ana@example.org", "Ana")
    assert "203.0.113.9" not in str(vars(comment)) + str(vars(reader))


def test_spam_is_true_and_only_blatant_spam_may_be_discarded(ask, monkeypatch):
    plain = ask(comment_content="buypills now")
    monkeypatch.setattr("moderation.services.spam_checks.DISCARD_ABOVE", 0.96)
    blatant = ask(comment_content="buypills today")

    assert said(plain) == said(blatant) == b"true"
    assert "X-akismet-pro-tip" not in plain.headers
    assert blatant.headers["X-akismet-pro-tip"] == "discard"


def test_abuse_is_true_and_never_discarded(ask):
    response = ask(comment_content="You idiot.")

    assert said(response) == b"true"
    assert "X-akismet-pro-tip" not in response.headers


def test_abuse_can_be_held_instead(app, ask, monkeypatch):
    monkeypatch.setitem(app.config, "AKISMET_ABUSE_IS_SPAM", False)

    abuse, spam = ask(comment_content="You idiot."), ask(comment_content="You idiot, buypills.")

    assert (said(abuse), abuse.headers["X-akismet-recheck-after"]) == (b"false", "900")
    assert said(spam) == b"true"


def test_what_waits_for_people_is_false_for_now_and_a_recheck_hears_their_decision(app, client, ask):
    waiting = ask(comment_content="That is silly.")
    id = waiting.headers["X-akismet-guid"]
    again = ask(comment_content="That is silly.", recheck_reason="recheck")
    etag = client.get(f"/v1/comments/{id}").headers["ETag"]
    decision = {"status": "rejected", "reason": "abuse"}
    client.post(f"/v1/comments/{id}/decisions", json=decision, headers={"If-Match": etag})
    decided = ask(comment_content="That is silly.", recheck_reason="recheck")

    for response in (waiting, again):
        assert said(response) == b"false"
        assert response.headers["X-akismet-recheck-after"] == "900"
    assert said(decided) == b"true"
    assert len(all_of(app, Comment)) == 1


@pytest.mark.parametrize(
    "evidence", [{"comment_author": "buypills"}, {"comment_author_url": "https://buypills.example"}]
)
def test_the_authors_name_and_address_are_evidence(ask, evidence):
    assert said(ask(**evidence)) == b"true"


def test_without_content_the_author_is_all_the_evidence_and_without_anything_there_is_none(app, ask):
    nobody = dict.fromkeys(("comment_content", "comment_author", "comment_author_email", "comment_author_url"))

    assert said(ask(comment_type="signup", comment_content=None, comment_author="buypills")) == b"true"
    assert said(ask(comment_type="pingback", **nobody)) == b"false"
    assert len(all_of(app, Comment)) == 1


@pytest.mark.parametrize("field", ["hidden_name", "POST_hidden_name"])
def test_a_filled_honeypot_is_spam(ask, field):
    assert said(ask(honeypot_field_name="hidden_name", **{field: "x"})) == b"true"
    assert said(ask(comment_content="Fine.", honeypot_field_name="hidden_name", **{field: ""})) == b"false"


@pytest.mark.parametrize(
    "who",
    [{"comment_author": "akismet-guaranteed-spam"}, {"comment_author": "viagra-test-123"},
     {"comment_author_email": "akismet-guaranteed-spam@example.com"},
     {"comment_author": "viagra-test-123", "user_role": "administrator"}],
)  # fmt: skip
def test_guaranteed_spam_is_always_true_and_leaves_nothing(app, ask, who):
    before = stored(app)
    response = ask(**who)

    assert said(response) == b"true"
    assert response.headers["X-akismet-pro-tip"] == "discard"
    assert said(ask("submit-ham", **who)) == THANKS
    assert stored(app) == before


def test_an_administrator_is_always_ham(ask):
    assert said(ask(user_role="administrator", comment_content="buypills")) == b"false"


@pytest.mark.parametrize("word", ["1", "true", "True"])
def test_a_test_is_answered_and_leaves_nothing(app, ask, word):
    before = stored(app)

    assert said(ask(is_test=word, comment_content="buypills")) == b"true"
    assert said(ask(is_test=word)) == b"false"
    assert said(ask("submit-spam", is_test=word)) == THANKS
    assert said(ask(akismet_pre_check=word, comment_type="pingback", comment_content=None)) == b"false"
    assert stored(app) == before


@pytest.mark.parametrize("word", ["0", "false", "False", ""])
def test_a_word_for_no_is_no_test(app, ask, word):
    ask(is_test=word)

    assert len(all_of(app, Comment)) == 1


@pytest.mark.parametrize("changes", [{"blog": None}, {"blog": ""}, {"user_ip": None}])
@pytest.mark.parametrize("method", CALLS[1:])
def test_a_missing_required_field_is_invalid_with_a_sentence(app, ask, method, changes):
    before = stored(app)

    assert is_invalid(ask(method, **changes))
    assert stored(app) == before


def test_an_empty_address_is_unknown_and_not_invalid(ask):
    assert said(ask(user_ip="")) == b"false"


def test_a_report_on_a_checked_comment_is_a_decision_once(app, ask):
    ask()
    for _ in range(2):
        assert said(ask("submit-spam", reporter="admin")) == THANKS

    [comment] = all_of(app, Comment)
    decisions = [d for d in all_of(app, Decision) if d.kind == "decided"]
    assert (comment.status, len(decisions)) == ("rejected", 1)
    assert (decisions[0].reason, decisions[0].actor.startswith("akismet:key:")) == ("spam", True)
    assert said(ask()) == b"true"

    assert said(ask("submit-ham")) == THANKS
    assert said(ask()) == b"false"


def test_a_report_on_an_unknown_comment_is_a_label_once(app, ask):
    for _ in range(2):
        ask("submit-spam", comment_content="Fine lamps.")
    ask("submit-ham", comment_content="Other lamps.")
    ask("submit-spam", comment_content="")

    rows = {row.text: row.labels for row in all_of(app, Feedback)}
    assert rows == {"Fine lamps.": {"spam": 1.0}, "Other lamps.": {"spam": 0.0}, "Ana Ana@example.org": {"spam": 1.0}}
    assert all_of(app, Comment) == []
    assert sum(row.action == "feedback.received" for row in all_of(app, Audit)) == 3


def test_without_a_model_it_is_503_and_never_false(app, ask, monkeypatch):
    monkeypatch.setattr(app.extensions["scoring"], "scores_nothing", True, raising=False)
    before = stored(app)

    response = ask()

    assert (response.status_code, response.get_data()) == (503, b"")
    assert int(response.headers["Retry-After"]) > 0
    assert stored(app) == before


def test_what_is_known_already_is_answered_without_a_model_and_scored_by_none(app, client, ask, monkeypatch):
    ask(comment_content="That is silly.")
    id = client.get("/v1/queue").json["items"][0]["id"]
    client.post(
        f"/v1/comments/{id}/decisions", json={"status": "rejected", "reason": "spam"}, headers={"If-Match": "*"}
    )
    scored = []
    monkeypatch.setattr(app.extensions["scoring"], "score", lambda *asked: scored.append(asked))

    assert said(ask(comment_content="That is silly.", recheck_reason="recheck")) == b"true"
    assert scored == []


def test_wrong_methods_and_addresses_are_invalid_too(app, ask):
    assert is_invalid(ask("nothing"))
    assert is_invalid(app.test_client().get("/1.1/comment-check"))


def test_the_sites_own_encoding_is_read_and_what_cannot_be_decoded_is_replaced(app, ask, akismet_key):
    rest = f"api_key={akismet_key}&blog=b&user_ip&user_role&comment_content="
    latin = "application/x-www-form-urlencoded; charset=ISO-8859-1"

    assert read_form(b"comment_content=caf%E9&user_role", "ISO-8859-1") == {"comment_content": "café", "user_role": ""}
    assert read_form(b"a=caf%E9&blog_charset=windows-1252", None)["a"] == "café"
    assert read_form(b"a=caf%E9%00&blog_charset=zlib", None)["a"] == "caf\ufffd"
    assert said(ask(raw=rest + "caf%E9", kind=latin)) == b"false"
    assert said(ask(raw=rest + "%FF%FE%00")) == b"false"
    assert {comment.text for comment in all_of(app, Comment)} == {"café", "\ufffd\ufffd"}


def test_a_very_long_comment_is_answered_and_cut(app, ask):
    response = ask(comment_content="lamp " * 80_000, permalink="https://a/" + "p" * 999)

    assert said(response) == b"true"
    [comment] = all_of(app, Comment)
    assert len(comment.text) <= 50_000
    assert len(comment.post_id) == 64


def test_a_multipart_form_is_read_as_well(app, akismet_key):
    response = app.test_client().post(
        "/1.1/comment-check", data=SENT | {"api_key": akismet_key}, content_type="multipart/form-data"
    )

    assert said(response) == b"false"
