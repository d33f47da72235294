"""What readers should have, in plain Python: no database, no service, and no sentence of the product's code.

``Account`` is one reader. ``pass_time`` does what time does by a moment; every method that is an act changes the
account and returns the answer's status, or raises ``Refused``. A new feature adds a method here and a rule in
``machine.py``.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from tests.chaos.plain_calendar import period_end
from tests.chaos.plain_things import ALLOWED, LIVING_BY_TIME, WITHOUT_GRACE, Lot, Refused, Subscription


@dataclass
class Account:
    unlock_days: int
    refund_hours: int
    lots: list[Lot] = field(default_factory=list)
    opened: dict[str, tuple] = field(default_factory=dict)
    subscriptions: list[Subscription] = field(default_factory=list)
    entries: list[tuple[str, int]] = field(default_factory=list)
    history: list[tuple] = field(default_factory=list)
    payments: set[str] = field(default_factory=set)

    @property
    def left(self):
        return sum(lot.left for lot in self.lots)

    @property
    def subscription(self):
        """The living one, or the one that began last by the clock."""
        return max(self.subscriptions, key=lambda one: (one.state != "ended", one.born), default=None)

    def open_posts(self, now):
        return {post for post, (_, _, ends) in self.opened.items() if ends is None or ends > now}

    def access_to(self, post, now):
        one = self.subscription
        if one and not one.plan.unlocks and (one.access is None or one.access > now):
            return "subscription", one.access
        if post in self.open_posts(now):
            return "unlocked", self.opened[post][2]
        return "none", None

    def next_moment(self):
        """When time next changes something."""
        moments = [lot.expires for lot in self.lots if lot.left and lot.expires]
        one = self.subscription
        moments.append(one and one.switches)
        if one and one.state not in ("paused", "ended"):
            moments.append(one.access if one.state == "past_due" else one.paid)
        return min(filter(None, moments), default=None)

    def pass_time(self, now):
        due = self.next_moment()
        if due is None or due > now:
            return
        one = self.subscription
        if one and one.switches and one.switches <= now:
            one.begin_next()
            self.turn(one, "switch", one.state, now)
        if one and one.paid is not None:
            if one.state in LIVING_BY_TIME and one.paid <= now and one.access > one.paid:
                self.turn(one, "lapse", "past_due", one.paid)
            if one.state not in ("paused", "ended") and one.access <= now:
                self.turn(one, "end", "ended", one.access)
        self.run_out(now)

    def run_out(self, now):
        while self.carry_on(now) or self.expire_first(now):
            pass

    def expire_first(self, now):
        over = [lot for lot in self.lots if lot.left and lot.over(now)]
        for lot in sorted(over, key=lambda lot: lot.expires)[:1]:
            self.entries.append(("expiry", -lot.left))
            lot.expired, lot.left = lot.expired + lot.left, 0
        return bool(over)

    def carry_on(self, now):
        """Into a paid period goes what the period before left unspent when it was over: once, up to the cap."""
        for lot in sorted(self.lots, key=lambda lot: lot.born):
            if lot.kind != "plan" or not lot.period or not lot.cap:
                continue
            before, same = (self.of_period(lot.subscription, period) for period in (lot.period - 1, lot.period))
            unspent = min(sum(one.expired for one in before), lot.cap)
            over = all(one.over(now) and not one.left for one in before)
            if over and unspent and not any(one.kind == "rollover" for one in same):
                self.credit("rollover", unspent, lot.expires, now, subscription=lot.subscription, period=lot.period)
                return True
        return False

    def of_period(self, subscription, period):
        return [lot for lot in self.lots if lot.subscription is subscription and lot.period == period]

    def credit(self, kind, unlocks, expires, now, **more):
        self.lots.append(Lot(kind, unlocks, expires, now, left=unlocks, **more))
        self.entries.append(("grant", unlocks))

    def unlock(self, post, now):
        if post in self.open_posts(now):
            return 200
        usable = [lot for lot in self.lots if lot.left and not lot.over(now)]
        if not usable:
            raise Refused(409, "no_unlocks_left")
        first = min(usable, key=lambda lot: (lot.expires is None, lot.expires or lot.born, lot.born))
        first.left -= 1
        self.entries.append(("unlock", -1))
        ends = now + timedelta(days=self.unlock_days) if self.unlock_days else None
        self.opened[post] = now, first, ends
        return 201

    def refund(self, post, now):
        if post not in self.open_posts(now):
            raise Refused(404, "not_found")
        at, lot, _ = self.opened[post]
        if at + timedelta(hours=self.refund_hours) <= now:
            raise Refused(409, "state_forbids")
        del self.opened[post]
        lot.left += 1
        self.entries.append(("refund", 1))
        self.run_out(now)
        return 200

    # The subscription

    def turn(self, one, event, state, at, *, old=None):
        self.history.append((event, old or one.state, state))
        one.state = state
        if state == "ended":
            one.access = min(one.access or at, at)
            one.forget_next()
        elif one.paid is None or state in WITHOUT_GRACE:
            one.access = one.paid
        else:
            one.access = one.paid + timedelta(days=one.last_paid.grace)

    def may(self, act):
        one = self.subscription
        if (one and one.state) not in ALLOWED[act]:
            raise Refused(409, "state_forbids")
        return one

    def start(self, plan, now):
        one = self.may("start")
        new = one is None or one.state == "ended"
        if new:
            trial = now + timedelta(days=plan.trial) if plan.trial and one is None else None
            begun = Subscription(plan, "", now, trial, trial_ends=trial, anchor=trial or now)
            if trial is None:
                self.one_more(begun, plan, now)
            self.subscriptions.append(begun)
            self.turn(begun, "start", "trialing" if trial else "active", now, old=one.state if one else "none")
            one = begun
        else:
            one.plan = plan
            one.forget_next()
            self.one_more(one, plan, now)
            self.turn(one, "start", "active", now)
        self.give_period(one, plan, now)
        return 201 if new else 200

    def one_more(self, one, plan, now):
        """One more period: after the paid time, or from now where that is over for good or would be over already."""
        follows = one.paid is not None and (one.paid > now or one.state != "paused")
        if not follows or period_end(one.anchor, plan.period, one.counted) != one.paid:
            one.anchor, one.counted = one.paid if follows else now, 0
        one.period, one.counted = one.period + 1, one.counted + 1
        one.paid = period_end(one.anchor, plan.period, one.counted)
        if one.paid is not None and one.paid <= now:
            one.anchor, one.counted = now, 1
            one.paid = period_end(now, plan.period, 1)

    def give_period(self, one, plan, now):
        given = sum(lot.given for lot in self.of_period(one, one.period) if lot.kind == "plan")
        if plan.unlocks > given:
            more = {"subscription": one, "period": one.period, "cap": plan.cap}
            self.credit("plan", plan.unlocks - given, one.paid, now, **more)
        self.run_out(now)

    def renew(self, reference, now):
        if reference in self.payments:
            return 200
        one = self.may("renew")
        plan = one.next_plan or one.plan
        if one.next_at and one.next_at <= now:
            one.begin_next()
        self.one_more(one, plan, now)
        self.turn(one, "renew", "canceling" if one.state == "canceling" else "active", now)
        self.payments |= {reference} if reference else set()
        self.give_period(one, plan, now)
        return 201

    def cancel(self, at, now):
        one = self.may("cancel_now" if at == "now" else "cancel")
        later = at == "period_end" and one.paid is not None and one.paid > now
        if not later:
            one.paid = min(one.paid or now, now)
        self.turn(one, "cancel_now" if at == "now" else "cancel", "canceling" if later else "ended", now)
        if not later:
            self.end_lots(one, now)
        return 200

    def end_lots(self, one, now):
        """Nothing of the plan can be used any more, nor what comes back to it."""
        for lot in self.lots:
            if lot.subscription is one and not lot.over(now):
                lot.expires = now
        self.run_out(now)

    def resume(self, now):
        one = self.may("resume")
        if one.paid is not None and one.paid <= now:
            raise Refused(409, "state_forbids")
        trial = one.state == "canceling" and one.trial_ends and one.trial_ends == one.paid
        self.turn(one, "resume", "trialing" if trial else "active", now)
        return 200

    def pause(self, now):
        self.turn(self.may("pause"), "pause", "paused", now)
        return 200

    def change(self, plan, at, now):
        one = self.may("change")
        if one.plan.name == plan.name:
            return self.change_later(one, None, one.next_plan is not None, now)
        if at == "period_end":
            other = one.next_plan is None or one.next_plan.name != plan.name
            return self.change_later(one, plan, other and one.paid is not None, now)
        one.forget_next()
        one.plan = plan
        if one.paid is None and plan.period is not None:
            one.anchor, one.counted = now, 1
            one.period += 1
            one.paid = period_end(now, plan.period, 1)
        elif plan.period is None and one.state == "active":
            one.paid = None
        self.turn(one, "change", one.state, now)
        self.give_period(one, plan, now)
        return 200

    def change_later(self, one, plan, possible, now):
        """Let a plan wait, or none: not any more once a period of the one that waits is paid."""
        if not possible or one.switches:
            raise Refused(409, "state_forbids")
        one.next_plan, one.next_at = plan, plan and one.paid
        self.turn(one, "change_later", one.state, now)
        return 200

    def follow(self, plan, state, paid, born, now):
        """A payment provider keeps the subscription: it is what the newest event says."""
        if not self.subscriptions:
            self.subscriptions.append(Subscription(plan, "", born))
        one = self.subscription
        ends = paid + timedelta(days=0 if state in WITHOUT_GRACE else plan.grace)
        one.plan, one.paid, one.state = plan, paid, state
        one.access = ends
        if state == "ended" or (state != "paused" and ends <= now):
            one.state, one.access = "ended", min(ends, now)
