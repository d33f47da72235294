"""Plans that wait for the end of the paid time: paid ahead, paid late, taken back, and reached to the second."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule


def waiting(machine):
    """Readers with a plan that waits: of the others chance brings enough."""
    found = {reader: machine.books.at(reader, machine.now).subscription for reader in machine.books.accounts}
    return sorted(reader for reader, one in found.items() if one and one.next_plan)


class Later:
    """A rule for a machine that has ``books``, ``now``, ``both``, ``of_plan`` and ``look``."""

    @precondition(waiting)
    @rule(data=st.data(), what=st.sampled_from(["pay", "pay", "take back", "reach"]), seconds=st.integers(-1, 1))
    def go_on_with_a_plan_that_waits(self, data, what, seconds):
        reader = data.draw(st.sampled_from(waiting(self)), label="reader")
        one = self.books.at(reader, self.now).subscription
        if what == "pay":
            words, body = None, {"reference": None}
            self.both(reader, "renew", words, method="POST", path="/subscription/renew", body=body)
        elif what == "take back":
            body = {"plan": self.of_plan(one.plan.name), "at": "period_end"}
            path = "/subscription/change"
            self.both(reader, "change", one.plan, "period_end", method="POST", path=path, body=body)
        else:
            self.now = max(self.now, one.next_at + timedelta(seconds=seconds))
            self.look(reader)
