"""The checker of histories finds what it is there for: each of five faults, planted in a history that was sound."""

import random
from dataclasses import replace
from itertools import accumulate

import pytest

from tests.chaos.history import INFO, Op, faults

READER = "u-1"


def sound_history(seed, length=300):
    """Requests that overlap in time, with a ledger that has taken each at one moment between begin and end."""
    chance, ops, entries, opened, left = random.Random(seed), [], [], {}, 0
    for number in range(length):
        begin, end = number - chance.uniform(0, 4), number + chance.uniform(0.1, 4)
        asked = {"reader": READER, "begin": begin, "end": end}
        what, post = chance.choice(["grant", "unlock", "unlock", "refund", "read"]), f"post-{chance.randrange(8)}"
        if what == "grant":
            left += 2
            entries.append(entry(what, 2, f"order-{number}"))
            ops.append(Op(what=what, name=f"order-{number}", status=201, left=left, **asked))
        elif what == "read":
            ops.append(Op(what=what, name="", status=200, left=left, **asked))
        elif what == "unlock" and post not in opened and left:
            left, opened[post] = left - 1, f"unl-{number}"
            entries.append(entry(what, -1, opened[post], post))
            ops.append(Op(what=what, name=post, status=201, id=opened[post], left=left, **asked))
        elif what == "unlock":
            ops.append(Op(what=what, name=post, status=200 if post in opened else 409, left=left, **asked))
        elif post in opened:
            left += 1
            entries.append(entry(what, 1, opened[post], post))
            ops.append(Op(what=what, name=post, status=200, id=opened.pop(post), left=left, **asked))
        else:
            ops.append(Op(what=what, name=post, status=404, **asked))
        if chance.random() < 0.1:
            # Nobody knows what was answered; whether it was done can be read in the ledger alone.
            ops[-1] = replace(ops[-1], outcome=INFO, status=0, id=None, left=None)
    return ops, entries


def entry(kind, unlocks, reference, post=None):
    return {"kind": kind, "unlocks": unlocks, "reference": reference, "post_id": post}


def laws_broken(ops, entries):
    """As a database would show it, whose own figures add up."""
    balances = accumulate(row["unlocks"] for row in entries)
    shown = [
        row | {"sequence": n, "balance": balance}
        for n, (row, balance) in enumerate(zip(entries, balances, strict=True), 1)
    ]
    return {law for law, _ in faults(ops, {READER: shown})}


def acknowledged(ops, entries):
    effects = {op.effect: op for op in ops if op.effect}
    return [n for n, row in enumerate(entries) if (row["kind"], row["reference"]) in effects]


def lost_acknowledgement(ops, entries, chance):
    del entries[chance.choice(acknowledged(ops, entries))]
    return "lost"


def double_grant(ops, entries, chance):
    place = chance.choice([n for n in acknowledged(ops, entries) if entries[n]["kind"] == "grant"])
    entries.insert(place + 1, entries[place])
    return "twice"


def stale_read(ops, entries, chance):
    """A reading long after everything else that shows what was left at some time before."""
    balances = list(accumulate(row["unlocks"] for row in entries))
    stale = chance.choice([balance for balance in balances if balance != balances[-1]])
    ops.append(Op(READER, "read", "", 10_000, 10_001, status=200, left=stale))
    return "answer"


def reordered(ops, entries, chance):
    """Two grants change places although the one had ended before the other began; every balance still adds up."""
    effects = {op.effect: op for op in ops if op.effect}
    grants = [(n, effects["grant", entries[n]["reference"]]) for n in acknowledged(ops, entries)
              if entries[n]["kind"] == "grant"]  # fmt: skip
    pairs = [(a, b) for a, early in grants for b, late in grants if early.end < late.begin]
    first, second = chance.choice(pairs)
    entries[first], entries[second] = entries[second], entries[first]
    return "order"


def phantom(ops, entries, chance):
    entries.insert(chance.randrange(len(entries)), entry("grant", 2, "order-of-nobody"))
    return "phantom"


@pytest.mark.parametrize("seed", range(20))
def test_a_sound_history_has_no_fault(seed):
    assert laws_broken(*sound_history(seed)) == set()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("fault", [lost_acknowledgement, double_grant, stale_read, reordered, phantom])
def test_each_planted_fault_is_found_by_its_law(fault, seed):
    ops, entries = sound_history(seed)

    law = fault(ops, entries, random.Random(seed))

    assert law in laws_broken(ops, entries)


def test_more_opened_than_given_is_found():
    assert "quota" in laws_broken([], [entry("unlock", -1, "unl-1", "post-1")])
