"""Orders of the readers that are paid back, wholly or in part, told before the order or after it."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.chaos.machine_meter import ANYBODY, DRY


class Orders:
    """A rule for a machine that has ``books``, ``number`` and ``both``."""

    @rule(reader=ANYBODY, kind=st.sampled_from(["bundle", "gift"]), order=st.integers(1, 4), any=DRY,
          name=st.integers(1, 6), unlocks=st.sampled_from([None, None, 1, 2, 5]), dry=DRY)  # fmt: skip
    def pay_back(self, reader, kind, order, any, name, unlocks, dry):
        reference, name = f"order-{self.number}-{order}", f"refund-{self.number}-{name}"
        # Mostly one that was paid: of the others there is little to say.
        paid = [key for key, content in self.books.references.items() if content[0] == reader]
        if paid and not any:
            kind, reference = paid[order % len(paid)]
        body = {"kind": kind, "reference": reference, "refund_reference": name, "unlocks": unlocks}
        words = kind, reference, name, unlocks
        answer = self.both(reader, "pay_back", *words, method="POST", path="/grants/refunds", body=body, dry=dry)
        if answer.status_code < 300 and not dry:
            told = self.books.refunds[kind, name]
            seen = [answer.json[name] for name in ("state", "taken", "closed_posts")]
            assert seen == ["waiting" if told.taken is None else "applied", told.taken or 0, list(told.closed)]
