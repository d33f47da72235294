"""The one statement of the access check against the plain way that it replaced: a query for each thing."""

from datetime import timedelta
from itertools import count

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.db import db
from moderation.models import Allowance, PlanVersion, Post, Site, State, Subscription, Unlock, utc_now
from moderation.services import access, ledger, plans
from tests.engagement import START, done, the_worker_comes, travel, url

_NUMBERS = count()
POSTS = ("free", "sport", "city", "plain", "never-named")
PLANS = {
    "all": {"period": 10, "grace_days": 3},
    "sport": {"period": 10, "opens": {"sections": ["sport"]}},
    "tagged": {"period": "month", "trial_days": 5, "opens": {"tags": ["bridges"]}},
    "five": {"period": 10, "unlocks": 5, "rollover_cap": 2},
    "open": {"period": None},
}
# Where every example starts: something is open and something runs out.
BEGINNING = [("give", 9), ("unlock", "city")]
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), st.sampled_from(sorted(PLANS))),
        st.tuples(st.just("change"), st.sampled_from(sorted(PLANS))),
        st.tuples(st.just("cancel"), st.sampled_from(["now", "period_end"])),
        st.tuples(st.sampled_from(["pause", "resume", "renew", "worker"]), st.none()),
        st.tuples(st.sampled_from(["unlock", "refund"]), st.sampled_from(POSTS)),
        st.tuples(st.just("give"), st.integers(1, 12)),
        st.tuples(st.just("wait"), st.integers(0, 20)),
    ),
    min_size=4,
    max_size=12,
)


def plainly(session, site_id, reader_id, post_id):
    now = utc_now()
    mine = sa.and_(Allowance.site_id == site_id, Allowance.reader_id == reader_id)
    allowance, post = session.scalar(sa.select(Allowance).where(mine)), session.get(Post, (site_id, post_id))
    because, until = plain_ground(session, allowance, post, post_id, now)
    left = ledger.left_at(session, allowance, now) if allowance else 0
    return {"allowed": because != "none", "because": because, "until": until, "unlock_left": left, "meter_left": None}


def plain_ground(session, allowance, post, post_id, now):
    if post is not None and post.free:
        return "free_post", None
    if allowance is None:
        return "none", None
    bought = list(session.scalars(sa.select(Subscription).where(Subscription.allowance_id == allowance.id)))
    if bought:
        chosen = max(bought, key=lambda found: (found.state is not State.ENDED, found.id))
        version = session.get(PlanVersion, (chosen.site_id, chosen.plan, chosen.plan_version))
        until, about = chosen.access_until, (post.section, post.tags) if post else ("", [])
        if (until is None or until > now) and plans.opens(version.opens, *about):
            return "subscription", until
    query = sa.select(Unlock).where(Unlock.allowance_id == allowance.id, Unlock.post_id == post_id)
    opened = session.scalar(query)
    if opened is None or (opened.expires_at is not None and opened.expires_at <= now):
        return "none", None
    return "unlocked", opened.expires_at


def step(client, app, reader, what, figure):
    if what == "worker":
        the_worker_comes(app)
    elif what != "wait":
        method, rest, body = request_of(what, figure)
        client.open(url(rest, reader), method=method, json=body)


def request_of(what, figure):
    until = (utc_now() + timedelta(days=figure)).isoformat() if what == "give" else None
    return {
        "subscribe": ("PUT", "/subscription", {"plan": figure}),
        "change": ("POST", "/subscription/change", {"plan": figure}),
        "cancel": ("POST", "/subscription/cancel", {"at": figure}),
        "pause": ("POST", "/subscription/pause", None),
        "resume": ("POST", "/subscription/resume", None),
        "renew": ("POST", "/subscription/renew", {}),
        "unlock": ("POST", "/unlocks", {"post_id": figure}),
        "refund": ("DELETE", f"/unlocks/{figure}", None),
        "give": ("POST", "/grants", {"unlocks": 2, "kind": "gift", "expires_at": until}),
    }[what]


@given(steps=_STEPS, days=st.sampled_from([0, 7]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_statement_answers_as_a_query_for_each_thing_would(client, app, steps, days):
    reader, now = f"u-{next(_NUMBERS)}", START
    with app.app_context():
        site = db.session.query(Site).filter_by(name="demo").one()
        site.settings, site_id = {"unlock_days": days}, site.id
        db.session.commit()
    for name, plan in PLANS.items():
        done(client.put(f"/v1/plans/{name}", json=plan))
    client.put("/v1/posts/free", json={"free": True})
    client.put("/v1/posts/sport", json={"section": "sport"})
    client.put("/v1/posts/city", json={"section": "city", "tags": ["bridges"]})
    client.put("/v1/posts/plain", json={})

    for what, figure in [*BEGINNING, *steps]:
        now += timedelta(days=figure) if what == "wait" else timedelta(seconds=1)
        with travel(now):
            step(client, app, reader, what, figure)
            with app.app_context():
                for post_id in POSTS:
                    answered = access.find(db.session(), db.session.get(Site, site_id), reader, post_id)
                    assert answered == plainly(db.session(), site_id, reader, post_id)
