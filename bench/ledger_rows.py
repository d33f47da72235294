"""Readers, grants, ledger entries, unlocks and subscriptions for bench/engagement.py: many, fast and seeded.

What is written obeys every rule of the database, and ``replydesk ledger verify`` proves it. Triggers and foreign
keys are off while it is filled: each row would be checked alone, and the verification checks all of them.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa

from moderation.models import Base
from moderation.models.unlock import SQLITE_GUARDS

POSTS, TEMPLATES, CHUNK = 2_000, 64, 20_000
# Of ten readers: how many have a subscription that opens everything, and one that gives five unlocks a month.
MONTHLY, FIVE = 2, 1
MADE = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(days=20)
PAID_UNTIL = MADE + timedelta(days=200)
GRANT, ENTRY, UNLOCK = "unlock_grant", "ledger_entry", "unlock"
COLUMNS = {
    "reader": "site_id id name email url roles premoderated ban_reason created_at",
    "allowance": "id site_id reader_id unlocks_left sequence version due_at created_at",
    "subscription": "id site_id allowance_id plan plan_version state period paid_until access_until anchored_at"
    " anchor_period version created_at",
    "subscription_transition": "subscription_id version event new_state plan plan_version paid_until cause actor"
    " effective_at created_at",
    GRANT: "id site_id allowance_id kind reference unlocks unlocks_left unlocks_expired expires_at subscription_id"
    " period rollover_cap created_at",
    ENTRY: "allowance_id sequence unlocks kind reference post_id grant_id balance created_at",
    UNLOCK: "id allowance_id post_id grant_id unlocked_at",
}


class Account(NamedTuple):
    """The history of one reader, to be written under any number: each grant's (given, left), each entry, what is open.

    An entry is (unlocks, kind, number of the grant, balance, number of the post).
    """

    grants: list[list[int]]
    entries: list[tuple[int, str, int, int, int | None]]
    open: list[tuple[int, int]]


def account(chance: random.Random, entries: int) -> Account:
    """A history of so many entries: an order, posts opened, some given back, the next order."""
    made = Account([], [], [])
    balance = 0
    while len(made.entries) < entries:
        least = 1 if len(made.entries) + 1 < entries else 0
        if balance == 0 or (chance.random() < 0.1 and least):
            given = chance.choice((3, 5, 10))
            made.grants.append([given, given])
            step = (given, "grant", len(made.grants) - 1, None)
        elif made.open and chance.random() < 0.1:
            post, grant = made.open.pop()
            step = (1, "refund", grant, post)
        else:
            grant = next(number for number, (_, left) in enumerate(made.grants) if left)
            made.open.append((len(made.entries), grant))
            step = (-1, "unlock", grant, len(made.entries))
        unlocks, kind, grant, post = step
        if kind != "grant":
            made.grants[grant][1] += unlocks
        balance += unlocks
        made.entries.append((unlocks, kind, grant, balance, post))
    return made


def fill(engine: sa.Engine, site_id: str, *, readers: int, entries: int, seed: int) -> None:
    """Write so many readers and, over all of them, so many ledger entries (a multiple)."""
    chance = random.Random(seed)
    each = entries // readers
    plans = [None] * (10 - MONTHLY - FIVE) + ["monthly"] * MONTHLY + ["five"] * FIVE
    templates = {plan: [account(chance, each - (plan == "five")) for _ in range(TEMPLATES)] for plan in set(plans)}
    rows = _rows(site_id, readers, plans, templates)
    write = _into_sqlite if engine.dialect.name == "sqlite" else _into_postgresql
    write(engine, rows)


def reader_id(number: int) -> str:
    """The site's own id, scattered over the index as hashes of users are."""
    return f"u-{number * 2_654_435_761 % 4_294_967_296:010d}"


def post_id(reader: int, number: int) -> str:
    return f"p-{(reader * 7 + number * 131) % POSTS:05d}"


def _rows(site_id, readers, plans, templates) -> Iterator[dict[str, list[tuple]]]:
    """Chunks of rows by table."""
    numbers = iter(range(readers))
    while chunk := list(islice(numbers, CHUNK)):
        made: dict[str, list[tuple]] = {name: [] for name in COLUMNS}
        for n in chunk:
            plan = plans[n % len(plans)]
            _reader(made, site_id, n, plan, templates[plan][n // len(plans) % TEMPLATES])
        yield made


def _reader(made, site_id, n, plan, history: Account) -> None:
    alw, reader, gra = f"alw_{n:026d}", reader_id(n), f"gra_{n:022d}"
    balance, last = history.entries[-1][3], len(history.entries)
    made["reader"].append((site_id, reader, "", "", "", "[]", False, "", MADE))
    for number, (given, left) in enumerate(history.grants):
        made[GRANT].append((f"{gra}_{number:03d}", site_id, alw, "bundle", f"order-{n}-{number}", given, left, 0,
                            None, None, None, 0, MADE))  # fmt: skip
    for sequence, (unlocks, kind, grant, total, post) in enumerate(history.entries, 1):
        made[ENTRY].append((alw, sequence, unlocks, kind, None, None if post is None else post_id(n, post),
                            f"{gra}_{grant:03d}", total, MADE))  # fmt: skip
    for post, grant in history.open:
        made[UNLOCK].append((f"unl_{n:020d}_{post:05d}", alw, post_id(n, post), f"{gra}_{grant:03d}", MADE))
    if plan:
        sub = f"sub_{n:026d}"
        made["subscription"].append((sub, site_id, alw, plan, 1, "active", 1, PAID_UNTIL, PAID_UNTIL, MADE, 0, 1, MADE))
        made["subscription_transition"].append((sub, 1, "start", "active", plan, 1, PAID_UNTIL, "request", "bench",
                                                MADE, MADE))  # fmt: skip
    if plan == "five":
        balance, last = balance + 5, last + 1
        made[GRANT].append((f"{gra}_plan", site_id, alw, "plan", f"{sub}:1", 5, 5, 0, PAID_UNTIL, sub, 1, 0, MADE))
        made[ENTRY].append((alw, last, 5, "grant", f"{sub}:1", None, f"{gra}_plan", balance, MADE))
    made["allowance"].append((alw, site_id, reader, balance, last, last, PAID_UNTIL if plan else None, MADE))


def _plain(cell):
    # As SQLAlchemy writes an instant into SQLite.
    return cell.isoformat(" ", "microseconds") if isinstance(cell, datetime) else cell


def _into_sqlite(engine: sa.Engine, chunks) -> None:
    connection = engine.raw_connection()
    cursor = connection.cursor()
    for pragma in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-400000", "journal_mode=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute("DROP TRIGGER ledger_entry_follows_the_last")
    cursor.execute("BEGIN IMMEDIATE")
    for made in chunks:
        for table, rows in made.items():
            names = COLUMNS[table].split()
            marks = ", ".join("?" * len(names))
            text = [[_plain(cell) for cell in row] for row in rows]
            cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", text)  # noqa: S608 -- our names
    cursor.execute("COMMIT")
    cursor.execute(SQLITE_GUARDS[2])
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("ANALYZE")
    connection.close()
    engine.dispose()


def _into_postgresql(engine: sa.Engine, chunks) -> None:
    indexes = [index for name in COLUMNS for index in Base.metadata.tables[name].indexes]
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
    connection = engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("SET statement_timeout = 0; SET session_replication_role = replica; SET synchronous_commit = off")
    for made in chunks:
        for table, rows in made.items():
            with cursor.copy(f"COPY {table} ({', '.join(COLUMNS[table].split())}) FROM STDIN") as copy:
                copy.write("".join(["\t".join(["\\N" if c is None else str(c) for c in row]) + "\n" for row in rows]))
        connection.commit()
    cursor.execute("SET session_replication_role = DEFAULT; SET maintenance_work_mem = '1GB'")
    for index in indexes:
        cursor.execute(str(sa.schema.CreateIndex(index).compile(dialect=engine.dialect)))
    connection.commit()
    connection.driver_connection.autocommit = True
    cursor.execute("VACUUM ANALYZE")
    connection.close()
    engine.dispose()
