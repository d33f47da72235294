"""The edge's yes is always the API's yes."""

import json
from datetime import datetime, timedelta
from urllib.parse import quote

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.edge import edge, key_set, token_of, verifier
from tests.engagement import (
    START,
    access,
    at,
    configure,
    done,
    give,
    sell,
    subscribe,
    the_worker_comes,
    travel,
    turn,
    url,
)

POSTS = {
    "p-none": {}, "p-free": {"free": True}, "p-sport": {"section": "sport"}, "p-tag": {"tags": ["bridges", "rivers"]},
    "p-both": {"section": "sport", "tags": ["rivers"]}, "p-other": {"section": "city", "tags": ["sport"]},
    "p-ü 50%": {"section": "Sport"},
}  # fmt: skip
OPENS = [
    {"all": True}, {"sections": ["sport"]}, {"tags": ["bridges"]}, {"sections": ["city"], "tags": ["rivers"]},
    {"sections": [], "tags": []},
]  # fmt: skip


def ask_both(client, guard, token, post_id):
    told = guard.check(token, post_id, **POSTS[post_id])
    return told, access(client, post_id)


def test_what_a_plan_opens_is_the_same_at_the_edge_and_in_the_api(client):
    for post_id, about in POSTS.items():
        done(client.put(f"/v1/posts/{quote(post_id)}", json=about))
    differing = []
    for opens in OPENS:
        sell(client, opens=opens)
        with at():
            subscribe(client)
            guard, token = edge(client), token_of(client)
            for post_id in POSTS:
                told, asked = ask_both(client, guard, token, post_id)
                # With no meter and no change in between, the edge knows everything that the API knows.
                if (told.yes, told.because if told.yes else "none") != (asked["allowed"], asked["because"]):
                    differing.append((opens, post_id, told, asked))
            turn(client, "cancel", at="now")

    assert differing == []


def acts():
    posts, plans = st.sampled_from(sorted(POSTS)), st.integers(0, len(OPENS) - 1)
    # Most of all across the next end of anything: that is where an edge could go wrong.
    cross = st.tuples(st.just("cross"), st.tuples(st.sampled_from([30, 1, 0.4]), st.sampled_from([0, 0.4])))
    return st.one_of(
        cross, cross, cross,
        st.tuples(st.just("wait"), st.sampled_from([0.4, 30, 299, 3_600, 86_400])),
        st.tuples(st.just("unlock"), posts),
        st.tuples(st.just("subscribe"), plans),
        st.tuples(st.just("renew"), st.just(0)),
        st.tuples(st.sampled_from(["cancel_now", "cancel", "pause", "resume"]), st.just(0)),
        st.tuples(st.just("change"), plans),
        st.tuples(st.just("refund"), posts),
        st.tuples(st.just("worker"), st.just(0)),
    )  # fmt: skip


# Beginning another plan while one runs goes over to it at once, as a change does.
TAKING = {"subscribe", "change", "cancel_now", "refund"}
SENT = {
    "unlock": lambda client, what: client.post(url("/unlocks"), json={"post_id": what}),
    "subscribe": lambda client, what: client.put(url("/subscription"), json={"plan": f"plan-{what}"}),
    "renew": lambda client, _: client.post(url("/subscription/renew"), json={}),
    "cancel_now": lambda client, _: client.post(url("/subscription/cancel"), json={"at": "now"}),
    "cancel": lambda client, _: client.post(url("/subscription/cancel"), json={"at": "period_end"}),
    "pause": lambda client, _: client.post(url("/subscription/pause")),
    "resume": lambda client, _: client.post(url("/subscription/resume")),
    "change": lambda client, what: client.post(url("/subscription/change"), json={"plan": f"plan-{what}"}),
    "refund": lambda client, what: client.delete(url(f"/unlocks/{quote(what)}")),
}


CROSS = ("cross", (30, 0.4))


@example(steps=[CROSS, CROSS, CROSS])
@example(steps=[("change", 0), CROSS, CROSS, CROSS])
@given(steps=st.lists(acts(), min_size=3, max_size=6))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whenever_the_edge_says_yes_the_api_says_yes_at_that_instant(client, app, steps):
    """Acts in any order over days; every token since the last act that takes something away is tried again."""
    with app.app_context():
        configure(app, unlock_days=2)
    reader_starts_anew(client)
    document = json.loads(key_set(client).text)
    guard = verifier.Edge("demo", verifier.Keys(lambda: document))
    # In the middle of a second, so that ends are, too.
    moment, tokens, ends = START + timedelta(milliseconds=300), [], []
    begun = [("subscribe", 1), ("unlock", "p-other"), ("wait", 3_600), ("unlock", "p-none")]
    for what, which in [*begun, *crossings(steps)]:
        moment = later(moment, ends, what, which)
        with travel(moment):
            if what == "worker":
                the_worker_comes(app)
            elif what in SENT:
                assert SENT[what](client, which).status_code < 500
            tokens = [*([] if what in TAKING else tokens), token_of(client)]
            asked = {post_id: access(client, post_id) for post_id in POSTS}
            held = client.get(url("/subscription"))
            ends = [answer["until"] for answer in asked.values()] + [(held.json or {}).get("paid_until")]
            ends = [datetime.fromisoformat(end) for end in ends if end]
            for post_id, about in POSTS.items():
                said = [guard.check(token, post_id, **about).yes for token in tokens]
                assert not any(said) or asked[post_id]["allowed"], (post_id, steps)
                # A token of now knows all that the API knows, but for what ends within this second.
                soon = any(moment <= end < moment + timedelta(seconds=1) for end in ends)
                assert said[-1] == asked[post_id]["allowed"] or soon, (post_id, steps)


def crossings(steps):
    """Each crossing as two steps: to shortly before the next end, where a token is made, and to it or past it."""
    for what, which in steps:
        yield from [("near", -which[0]), ("near", which[1])] if what == "cross" else [(what, which)]


def later(moment, ends, what, seconds):
    if what == "wait":
        return moment + timedelta(seconds=seconds)
    if what != "near":
        return moment
    return max(moment, min((end for end in ends if end >= moment), default=moment) + timedelta(seconds=seconds))


def reader_starts_anew(client):
    with at():
        client.delete(url(""))
        for post_id, about in POSTS.items():
            done(client.put(f"/v1/posts/{quote(post_id)}", json=about))
        for number, opens in enumerate(OPENS):
            sell(client, f"plan-{number}", period=1, grace_days=number // 3, opens=opens)
        give(client, 20)
