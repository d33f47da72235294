"""docs/edge/replydesk-edge.php, run by PHP: as strict as the reference, and against a Replydesk that answers or not."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import time_machine

from tests.edge import answering, claims_of, key_set, token_of, verifier
from tests.engagement import START, at, configure, done, give, sell, subscribe, turn, unlock
from tests.forgeries import FORGERIES, resigned
from tests.test_edge_agrees import OPENS, POSTS

PHP = shutil.which("php")
pytestmark = pytest.mark.skipif(PHP is None, reason="no PHP on this machine: the WordPress snippet was NOT run")
HARNESS = Path(__file__).parent / "edge_wordpress.php"
NOW = int(START.timestamp())


def ask(**questions):
    words = [PHP, "-d", "error_reporting=-1", "-d", "display_errors=stderr", HARNESS]
    ended = subprocess.run(words, input=json.dumps(questions), capture_output=True, text=True, check=True, timeout=60)
    # Without headers sent to anybody, PHP says that the cookie came after output; nothing else may be said.
    assert ended.stderr == ""
    return json.loads(ended.stdout)


def question(client, token, *, now=NOW, grace=0, posts=(), site="demo"):
    keys = json.loads(key_set(client).text)
    return {"token": token, "keys": keys, "site": site, "now": now, "grace": grace, "posts": list(posts)}


def by_reference(client, token, *, now=NOW, grace=0, posts=(), site="demo"):
    keys = verifier.Keys(lambda: json.loads(key_set(client).text))
    try:
        claims = verifier.verify(token, keys, site=site, now=now, grace_seconds=grace)
    except verifier.Refused as refused:
        return refused.name
    return [verifier.ground(claims, post["id"], post.get("section", ""), post.get("tags", ())) is not None
            for post in posts]  # fmt: skip


def test_it_refuses_each_forgery_by_the_same_name_as_the_reference(client):
    sell(client)
    with at():
        subscribe(client)
        token = token_of(client)
    forged = {name: forge(token, client) for name, (forge, _) in FORGERIES.items()}

    said = ask(verify=[question(client, one) for one in forged.values()])

    assert dict(zip(forged, said, strict=True)) == {name: refused for name, (_, refused) in FORGERIES.items()}


def test_it_opens_what_the_reference_opens_and_as_long(client):
    cases = []
    posts = [{"id": name, **about} for name, about in POSTS.items()]
    give(client, 3)
    unlock(client, "p-none")
    for number, opens in enumerate(OPENS):
        sell(client, f"plan-{number}", opens=opens)
        with at(hours=number):
            subscribe(client, f"plan-{number}")
            turn(client, "cancel", at="period_end")
            token = token_of(client)
        began = NOW + 3_600 * number
        times = [
            (began - 61, 0),
            (began, 0),
            (began + 599, 0),
            (began + 600, 0),
            (began + 699, 100),
            (began + 700, 100),
        ]
        cases += [{"token": token, "now": now, "grace": grace, "posts": posts} for now, grace in times]
    cases.append({**cases[1], "site": "other"})

    said = ask(verify=[question(client, **case) for case in cases])

    expected = [by_reference(client, **case) for case in cases]
    assert said == expected
    assert {"early", "expired", "site"} == {name for name in said if isinstance(name, str)}
    assert {True, False} == {yes for found in said if isinstance(found, list) for yes in found}


@pytest.fixture
def serving(installation):
    """A Replydesk that answers on a port, with one reader who subscribed and one who did not."""
    client = installation.client
    sell(client, opens={"sections": ["sport"]})
    subscribe(client, reader="77")
    done(client.put("/v1/posts/9", json={"free": True}))
    key = client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    with answering(installation.app) as root:
        yield installation, root, key


def test_it_reads_as_a_site_would_with_and_without_asking(serving):
    installation, root, key = serving
    token = token_of(installation.client, "77")
    forged = resigned(token, claims={"unlocked": ["1"]})
    cases = [
        {"user": 77, "token": token, "post": "1", "section": "sport"},
        {"user": 77, "token": token, "post": "1", "section": "city"},
        {"user": 78, "token": token, "post": "1", "section": "sport"},
        {"user": 77, "token": forged, "post": "1", "section": "city"},
        {"post": "1", "section": "sport"},
        {"post": "9"},
    ]

    said = ask(root=root, key=key, read=cases)

    access = "/v1/readers/{}/access?post_id={}"
    assert [answer["may"] for answer in said] == [True, False, False, False, False, True]
    # The keys once, and then only where the token does not prove it.
    assert [answer["sent"] for answer in said] == [
        ["/v1/sites/demo/jwks.json"], [access.format(77, 1)], [access.format(78, 1)], [access.format(77, 1)],
        [access.format("nobody-is-signed-in", 1)], [access.format("nobody-is-signed-in", 9)],
    ]  # fmt: skip


def test_who_may_not_read_gets_the_beginning_and_so_does_every_list_and_feed(serving):
    _, root, key = serving
    text = "<p>Word " + "and word " * 100 + "the end.</p>"
    cases = [
        {"id": 9, "text": text},
        {"id": 1, "text": text},
        {"id": 1, "text": text, "excerpt": "By hand <b>"},
        {"id": 9, "text": text, "alone": False},
        {"id": 1, "text": text, "type": "page"},
    ]

    whole, cut, by_hand, listed, page = ask(root=root, key=key, content=cases)

    assert whole == page == text
    assert ["the end" in part for part in (cut, by_hand, listed)] == [False] * 3
    assert cut.startswith("<p>Word and word")
    assert by_hand.startswith("<p>By hand &lt;b&gt;</p>")
    assert all("unlock this article" in part for part in (cut, by_hand, listed))


def test_a_signed_in_reader_gets_a_new_token_where_the_old_one_is_not_good(serving):
    installation, root, key = serving
    good, foreign = token_of(installation.client, "77"), token_of(installation.client, "78")
    cases = [{"user": 77, "token": token, "post": "1", "section": "sport", "renew": True} for token in (good, foreign)]

    said = ask(root=root, key=key, read=cases)

    assert said[0]["cookie"] == good
    assert claims_of(said[1]["cookie"])["sub"] == "77"
    assert [answer["sent"] for answer in said] == [["/v1/sites/demo/jwks.json"], ["/v1/readers/77/entitlement-token"]]
    assert [answer["may"] for answer in said] == [True, True]


@pytest.mark.parametrize(
    ("mode", "opened"), [("closed", [False, False]), ("grace", [True, False]), ("open", [True, True])]
)
def test_an_outage_opens_what_the_site_chose(serving, mode, opened):
    installation, _, key = serving
    configure(installation.app, outage=mode)
    with at():
        subscribe(installation.client, reader="79")
        document = json.loads(key_set(installation.client).text)
    # Made ten minutes and a bit ago: expired, but not for long.
    with time_machine.travel(time.time() - 620, tick=False):
        token = token_of(installation.client, "77")
    held = {"replydesk_jwks": {"document": document, "look_at": int(time.time()) + 60}}
    case = {"user": 77, "token": token, "post": "1", "options": held}

    said = ask(root="http://127.0.0.1:9", key=key, read=[{**case, "section": "sport"}, {**case, "section": "city"}])

    assert [answer["may"] for answer in said] == opened
