"""Readers under whatever can happen to them, the product beside the plain model, which says what is right."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from moderation.db import db
from moderation.models import Allowance
from tests.chaos.machine_asked import Asked
from tests.chaos.machine_later import Later
from tests.chaos.machine_meter import ANYBODY, DRY, POSTS, Metered
from tests.chaos.machine_orders import Orders
from tests.chaos.plain_books import Books
from tests.chaos.plain_plans import PLANS, plan_body
from tests.chaos.plain_things import Plan
from tests.engagement import START, the_worker_comes, travel, url
from tests.stripe_events import bundle, send, told

KEPT_HOURS = 72
# Every answer is compared; a reading beside it each time would cost as much again.
LOOK_EVERY = 4
READERS = st.sampled_from(["ana", "bo"])
KINDS = st.sampled_from(["bundle", "gift", "goodwill", "refund", "import"])
NAMES = st.sampled_from([*(name for name in PLANS if name != "kept"), "flex"])
_numbers = count(1)


def stamp(moment):
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Readers(Asked, Later, Orders, Metered, RuleBasedStateMachine):
    """Each run has readers, orders and one changing plan of its own; the clock begins at a month's end."""

    def __init__(self, client, app):
        super().__init__()
        self.client, self.app, self.number = client, app, next(_numbers)
        self.now, self.books = START, Books(unlock_days=3, refund_hours=24)
        self.plans = dict(PLANS)
        self.sent, self.delivered, self.told, self.looks = [], [], {}, 0
        self.begin_meter()
        self.begin_asking()
        self.sell(5, 2, 1)

    # Both at once

    def name(self, reader):
        return f"{reader}-{self.number}"

    def of_plan(self, plan):
        return f"flex-{self.number}" if plan == "flex" else plan

    def ask(self, method, address, body=None, **more):
        with travel(self.now):
            return self.client.open(address, method=method, json=body, **more)

    def both(self, reader, act, *words, method, path, body=None, dry=False):
        """Let the product and the model do the same; what they answer must agree."""
        address = url(path, self.name(reader))
        key = None if method != "POST" else f"k-{self.number}-{len(self.sent)}"
        headers, stale = self.asked_before(reader)
        headers |= {"Idempotency-Key": key} if key else {}
        answer = self.ask(method, f"{address}?dry_run=true" if dry else address, body, headers=headers)
        if stale:
            self.refused_as_stale(answer, reader)
        else:
            self.agree(answer, self.books.act(reader, act, *words, now=self.now, dry=dry))
        if key and not dry:
            request = {"reader": reader, "act": act, "words": words, "address": address, "body": body, "key": key}
            self.sent.append(request | {"answer": answer if answer.status_code < 300 else None, "at": self.now})
        self.look(reader)
        return answer

    def agree(self, answer, expected):
        status, code, account = expected
        assert (answer.status_code, answer.json.get("code")) == (status, code), answer.json
        if status < 300:
            assert answer.json["unlock_left"] == account.left
        elif code == "no_unlocks_left":
            assert answer.json["unlock_left"] == 0
        elif code == "state_forbids" and "refundable_until" not in answer.json:
            assert answer.json["state"] == (account.subscription.state if account.subscription else "none")
        if "paid_until" in answer.json:
            self.same_subscription(answer.json, account.subscription)

    def same_subscription(self, seen, one):
        names = ("state", "plan", "paid_until", "access_until", "trial_ends_at")
        assert [seen[name] for name in names] == [
            one.state, self.of_plan(one.plan.name), *map(stamp, (one.paid, one.access, one.trial_ends)),
        ]  # fmt: skip
        assert seen["cancel_at_period_end"] is (one.state == "canceling")
        waits = one.next_plan and {"plan": self.of_plan(one.next_plan.name), "at": stamp(one.next_at)}
        assert seen["pending_change"] == waits

    def look(self, reader):
        """What reading shows is what the model has, whether or not a worker came; then a second passes."""
        self.now += timedelta(seconds=1)
        self.looks += 1
        if self.looks % LOOK_EVERY:
            return
        account = self.books.at(reader, self.now)
        seen = self.ask("GET", url("", self.name(reader))).json
        assert seen["unlock_left"] == account.left
        assert (seen["subscription"] is None) == (account.subscription is None)
        if account.subscription:
            self.same_subscription(seen["subscription"], account.subscription)

    # Unlocks

    @rule(reader=ANYBODY, kind=KINDS, unlocks=st.integers(1, 4), order=st.none() | st.integers(1, 4),
          days=st.sampled_from([None, 1, 5, 40, -1]), dry=DRY)  # fmt: skip
    def give(self, reader, kind, unlocks, order, days, dry):
        expires = days and START + timedelta(days=days, minutes=17)
        reference = order and f"order-{self.number}-{order}"
        body = {"kind": kind, "unlocks": unlocks, "reference": reference, "expires_at": stamp(expires)}
        words = kind, unlocks, reference, expires
        self.both(reader, "give", *words, method="POST", path="/grants", body=body, dry=dry)

    @rule(reader=ANYBODY, post=POSTS, dry=DRY)
    def unlock(self, reader, post, dry):
        self.both(reader, "unlock", post, method="POST", path="/unlocks", body={"post_id": post}, dry=dry)

    @rule(reader=ANYBODY, post=POSTS, any=DRY, dry=DRY)
    def refund(self, reader, post, any, dry):
        # Mostly one that is open: of the others there is little to say.
        post = post if any else max(self.books.at(reader, self.now).open_posts(self.now), default=post)
        self.both(reader, "refund", post, method="DELETE", path=f"/unlocks/{post}", dry=dry)

    # Subscriptions

    @rule(unlocks=st.integers(0, 6), cap=st.integers(0, 3), grace=st.integers(0, 3))
    def sell(self, unlocks, cap, grace):
        sold = self.plans.get("flex", Plan("flex", 0, 7))
        plan = Plan("flex", sold.version, 7, unlocks=unlocks, cap=cap, grace=grace)
        answer = self.ask("PUT", f"/v1/plans/flex-{self.number}", plan_body(plan))
        assert answer.status_code == (200 if sold.version else 201)
        if plan != sold:
            # Who bought the version before keeps it.
            self.plans["flex"] = replace(plan, version=sold.version + 1)

    @rule(reader=READERS, plan=NAMES, dry=DRY)
    def start(self, reader, plan, dry):
        words, body = self.plans[plan], {"plan": self.of_plan(plan)}
        self.both(reader, "start", words, method="PUT", path="/subscription", body=body, dry=dry)

    @rule(reader=READERS, invoice=st.none() | st.integers(1, 9), dry=DRY)
    def renew(self, reader, invoice, dry):
        reference = invoice and f"inv-{self.number}-{invoice}"
        body = {"reference": reference}
        self.both(reader, "renew", reference, method="POST", path="/subscription/renew", body=body, dry=dry)

    @rule(reader=READERS, at=st.sampled_from(["now", "period_end"]), dry=DRY)
    def cancel(self, reader, at, dry):
        self.both(reader, "cancel", at, method="POST", path="/subscription/cancel", body={"at": at}, dry=dry)

    @rule(reader=READERS, what=st.sampled_from(["resume", "resume", "pause"]), dry=DRY)
    def resume_or_pause(self, reader, what, dry):
        self.both(reader, what, method="POST", path=f"/subscription/{what}", dry=dry)

    @rule(reader=READERS, plan=NAMES, at=st.sampled_from(["now", "period_end", "period_end"]), dry=DRY)
    def change(self, reader, plan, at, dry):
        words, body = self.plans[plan], {"plan": self.of_plan(plan), "at": at}
        self.both(reader, "change", words, at, method="POST", path="/subscription/change", body=body, dry=dry)

    # The same again

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def replay(self, data):
        """An answer that had an effect is given again for three days; what was refused is asked anew."""
        request = data.draw(st.sampled_from(self.sent), label="request")
        headers = {"Idempotency-Key": request["key"]}
        answer = self.ask("POST", request["address"], request["body"], headers=headers)
        if request["answer"] is not None and request["at"] >= self.now - timedelta(hours=KEPT_HOURS):
            assert (answer.status_code, answer.data) == (request["answer"].status_code, request["answer"].data)
            assert answer.headers["Idempotent-Replayed"] == "true"
        else:
            expected = self.books.act(request["reader"], request["act"], *request["words"], now=self.now)
            self.agree(answer, expected)
            request.update(answer=answer if answer.status_code < 300 else None, at=self.now)
        self.look(request["reader"])

    # The payment provider: one subscription, which is Sue's, and single payments of anybody

    def deliver(self, sent):
        with travel(self.now):
            return send(self.client, sent)

    @rule(status=st.sampled_from(["active", "active", "past_due", "unpaid", "canceled"]), at_end=st.booleans(),
          late=st.sampled_from([0, 0, 0, 90_000]), days=st.sampled_from([3, 28, 28]))  # fmt: skip
    def told_of_sues_subscription(self, status, at_end, late, days):
        """The newest event decides, and an end is for good, whatever the order of telling."""
        second = int(self.now.timestamp()) - late
        while second in self.told:
            second -= 1
        ends, dead = second + days * 86_400, status == "canceled"
        sent = told(
            "deleted" if dead else "updated", status, created=second, start=second, end=ends,
            cancel_at_period_end=at_end, ended_at=second if dead else None, price="price_kept", reader=self.name("sue"),
            customer=f"cus_{self.number}", id=f"evt_{self.number}_{len(self.delivered)}",
        )  # fmt: skip
        sent["data"]["object"]["id"] = f"sub_{self.number}"
        self.told[second] = status, at_end, ends
        assert self.deliver(sent) == "applied"
        self.delivered.append(sent)
        self.follow()
        self.look("sue")

    def follow(self):
        over = [second for second, (status, _, _) in self.told.items() if status == "canceled"]
        newest = max(over or self.told)
        status, at_end, ends = self.told[newest]
        state = {"active": "canceling" if at_end else "active", "unpaid": "paused", "canceled": "ended"}.get(
            status, status
        )
        moment = START + timedelta(seconds=(ends if status == "active" else newest) - int(START.timestamp()))
        if state == "ended":
            moment = min(moment, self.now)
        made = self.books.at("sue", self.now)
        made.follow(self.plans["kept"], state, moment, self.now, self.now)
        self.books.accounts["sue"] = made

    @rule(reader=ANYBODY, payment=st.integers(1, 3))
    def paid_for_a_bundle(self, reader, payment):
        reference = f"pi_{self.number}_{payment}_{reader}"
        sent = bundle(
            payment_intent=reference, client_reference_id=self.name(reader), created=int(self.now.timestamp()),
            customer=f"cus_{self.number}_{reader}", id=f"evt_{self.number}_{len(self.delivered)}",
        )  # fmt: skip
        self.delivered.append(sent)
        assert self.deliver(sent) == "applied"
        self.books.act(reader, "give", "bundle", 5, reference, None, now=self.now)
        self.look(reader)

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def told_again(self, data):
        assert self.deliver(data.draw(st.sampled_from(self.delivered), label="event")) == "duplicate"
        self.now += timedelta(seconds=1)

    # Time

    @rule()
    def worker(self):
        with travel(self.now):
            the_worker_comes(self.app)
        self.books.the_worker_comes(self.now)
        for request in self.sent:
            if request["at"] < self.now - timedelta(hours=KEPT_HOURS):
                request["answer"] = None

    @rule(hours=st.sampled_from([1, 5, 23, 24, 71, 24 * 7, 24 * 9, 24 * 27]))
    def wait(self, hours):
        self.now += timedelta(hours=hours)

    @rule(reader=ANYBODY, seconds=st.sampled_from([-1, 0, 0, 1]))
    def come_to_the_second(self, reader, seconds):
        """Stand just before, at or just after the moment at which time changes something."""
        due = self.books.at(reader, self.now).next_moment()
        if due is not None and self.now < due < self.now + timedelta(days=100):
            self.now = max(self.now, due + timedelta(seconds=seconds))
        self.look(reader)

    @rule()
    def the_clock_is_set_back(self):
        self.now -= timedelta(hours=1)

    def teardown(self):
        for reader in self.books.accounts:
            self.compare_books(reader)
            self.compare_meter(reader)
        with self.app.app_context():
            # The next run's worker has nothing to do with this run's readers.
            db.session.execute(sa.update(Allowance).values(due_at=None))
            db.session.commit()

    def compare_books(self, reader):
        account, name = self.books.at(reader, self.now), self.name(reader)
        entries = self.ask("GET", url("/ledger?limit=200", name)).json["items"]
        balance = 0
        for number, entry in enumerate(entries, 1):
            balance += entry["unlocks"]
            assert (entry["sequence"], entry["balance"]) == (number, balance)
        assert balance == account.left
        seen = [(entry["kind"], entry["unlocks"]) for entry in entries]
        assert sorted(seen) == sorted(account.entries)
        posts = self.ask("GET", url("/unlocks?limit=200", name)).json["items"]
        assert {post["post_id"] for post in posts} == account.open_posts(self.now)
        if reader != "sue":
            rows = self.ask("GET", url("/subscription/history", name)).json["items"]
            told = [(row["event"], row["old_state"] or "none", row["new_state"]) for row in rows]
            assert sorted(told) == sorted(account.history)
