"""Is a recorded history of requests possible, given the ledger that they left? A pure function says where not.

After Jepsen (https://jepsen.io/consistency): clients note when each request began and ended and what it was
answered, or that nobody knows (``info``). A ledger with sequence numbers is the one order in which everything happened,
so that no search for an order is needed: each answer must be the one that the ledger gives at its place.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import accumulate

OK, INFO = "ok", "info"


@dataclass(frozen=True)
class Op:
    """One request. ``name``: a grant's reference or a post; ``id``: the unlock's; ``left``: the answer's figure."""

    reader: str
    what: str
    name: str
    begin: float
    end: float
    outcome: str = OK
    status: int = 0
    id: str | None = None
    left: int | None = None

    @property
    def effect(self):
        """The ledger entry that an acknowledgement promises: kind and reference."""
        promised = {("grant", 201): self.name, ("unlock", 201): self.id, ("refund", 200): self.id}
        reference = promised.get((self.what, self.status)) if self.outcome == OK else None
        return reference and (self.what, reference)


def faults(ops, ledgers):
    """Return (law, sentence) pairs. ``ledgers``: by reader, the entries as ``GET .../ledger`` gives them, from 1."""
    mine = defaultdict(list)
    for op in ops:
        mine[op.reader].append(op)
    found = []
    for reader in {*mine, *ledgers}:
        one = _Reader(mine[reader], ledgers.get(reader, []))
        found += [(law, f"{reader}: {sentence}") for law, sentence in one.faults()]
    return found


class _Reader:
    def __init__(self, ops, entries):
        self.ops, self.entries = ops, entries
        self.place = {(entry["kind"], entry["reference"]): number for number, entry in enumerate(entries, 1)}
        self.balance = [0, *accumulate(entry["unlocks"] for entry in entries)]
        placed = [(self.place[op.effect], op) for op in ops if op.effect in self.place]
        self.placed = sorted(placed, key=lambda pair: pair[0])

    def faults(self):
        yield from self.quota()
        yield from self.acknowledged()
        yield from self.asked_for()
        yield from self.order()
        yield from self.answers()

    def quota(self):
        for number, balance in enumerate(self.balance):
            if balance < 0:
                yield "quota", f"after entry {number} more was opened than given"

    def acknowledged(self):
        """What was acknowledged is in the ledger, and nothing is there twice."""
        for op in self.ops:
            if op.effect and op.effect not in self.place:
                yield "lost", f"{op.effect} was acknowledged"
        for effect, times in Counter((entry["kind"], entry["reference"]) for entry in self.entries).items():
            if times > 1:
                yield "twice", f"{effect} has {times} entries"

    def asked_for(self):
        """What is in the ledger was acknowledged, or asked for by one whose answer nobody knows."""
        promised = {op.effect for op in self.ops if op.effect}
        unknown = Counter((op.what, op.name) for op in self.ops if op.outcome == INFO)
        for entry in self.entries:
            effect, asked = (entry["kind"], entry["reference"]), (entry["kind"], entry["post_id"] or entry["reference"])
            if effect in promised:
                continue
            unknown[asked] -= 1
            if unknown[asked] < 0:
                yield "phantom", f"entry {entry['sequence']}, {asked}, was asked for by nobody"

    def order(self):
        """What ended before another began stands before it."""
        latest = float("-inf")
        for place, op in self.placed:
            if op.end < latest:
                yield "order", f"entry {place} ended before one that stands earlier began"
            latest = max(latest, op.begin)

    def answers(self):
        """Each figure is the balance at its place; what changed nothing saw a state that there was meanwhile."""
        for place, op in self.placed:
            if op.left != self.balance[place]:
                yield "answer", f"{op.effect} said {op.left} are left; after entry {place} it was {self.balance[place]}"
        opened = self.open_posts()
        seen = [op for op in self.ops if op.outcome == OK and not op.effect]
        for op, (first, last) in zip(seen, self.windows(seen), strict=True):
            if not any(self.fits(op, place, opened) for place in range(first, last + 1)):
                yield (
                    "answer",
                    f"{op.what} {op.name} was answered {op.status}, {op.left} left: not so in {first} to {last}",
                )

    def fits(self, op, place, opened):
        is_open = op.what in ("unlock", "refund") and any(a <= place < b for a, b in opened[op.name])
        if op.what == "refund":
            return not is_open
        if op.what == "unlock":
            return self.balance[place] == op.left and is_open == (op.status == 200)
        return self.balance[place] == op.left

    def open_posts(self):
        """By post the spans of entries in which it was open."""
        spans, since = defaultdict(list), {}
        for number, entry in enumerate(self.entries, 1):
            post = entry["post_id"]
            if entry["kind"] == "unlock":
                since[post] = number
            elif entry["kind"] == "refund" and post in since:
                spans[post].append((since.pop(post), number))
        for post, number in since.items():
            spans[post].append((number, len(self.entries) + 1))
        return spans

    def windows(self, seen):
        """The first and the last entry after which each of these may have looked."""
        ended = sorted((op.end, place) for place, op in self.placed)
        begun = sorted(((op.begin, place) for place, op in self.placed), reverse=True)
        last, first = len(self.entries), 0
        firsts, lasts = {}, {}
        waiting = iter([*ended, (float("inf"), 0)])
        end, place = next(waiting)
        for op in sorted(seen, key=lambda op: op.begin):
            while end < op.begin:
                first = max(first, place)
                end, place = next(waiting)
            firsts[op] = first
        waiting = iter([*begun, (float("-inf"), 0)])
        begin, place = next(waiting)
        for op in sorted(seen, key=lambda op: op.end, reverse=True):
            while begin > op.end:
                last = min(last, place - 1)
                begin, place = next(waiting)
            lasts[op] = last
        return [(firsts[op], lasts[op]) for op in seen]
