"""Questions before a change: what the reader saw then is what they say yes to, else nothing is done."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.chaos.machine_meter import ANYBODY
from tests.engagement import url


class Asked:
    """A rule for a machine that has ``books``, ``plans``, ``now``, ``name`` and ``ask``."""

    def begin_asking(self):
        self.questions = {}

    @rule(reader=ANYBODY, later=st.booleans())
    def ask_first(self, reader, later):
        """Note the tag for the reader's next change, or for the one after it."""
        tag = self.ask("GET", url("", self.name(reader))).headers["ETag"]
        self.questions[reader] = [int(later), tag, self.everything(reader)]

    def asked_before(self, reader):
        """The header for a change, and whether it must be refused because something is different."""
        question = self.questions.get(reader)
        if question is None:
            return {}, False
        if question[0]:
            question[0] -= 1
            return {}, False
        _, tag, seen = self.questions.pop(reader)
        return {"If-Match": tag}, seen != self.everything(reader)

    def refused_as_stale(self, answer, reader):
        assert (answer.status_code, answer.json["code"]) == (412, "stale_version")
        assert answer.json["current"]["unlock_left"] == self.books.at(reader, self.now).left

    def everything(self, reader):
        """What a reader is shown before a yes: the account, and what the site sells."""
        account = self.books.at(reader, self.now)
        one = account.subscription
        over = one and [end is not None and end <= self.now for end in (one.paid, one.access)]
        bought = one and (one.state, one.plan, one.paid, one.access, one.next_plan, one.next_at, over)
        moves = len(account.entries), len(account.history), len(account.open_posts(self.now))
        return account.left, bought, moves, dict(self.plans)
