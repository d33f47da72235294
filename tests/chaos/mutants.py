"""The fault that the races look for, planted: what is left is read first and written later, as many plugins do."""

import time

import sqlalchemy as sa

from moderation.models import Allowance, Grant, LedgerEntry
from moderation.services import accounts, ledger

_AS_READ = {"synchronize_session": False}


def plant(*, with_ledger):
    """Take the lock and the conditional UPDATEs out of this process; without a ledger nothing else stands guard."""

    def take(session, site_id, reader_id):
        read = accounts.find(session, site_id, reader_id)
        session.commit()  # a reader's transaction is over before the writer's begins
        return read

    def spend(session, allowance, *, post_id, unlock_id, now):
        grant = session.scalars(sa.select(Grant).where(Grant.allowance_id == allowance.id).limit(1)).one()
        session.refresh(grant)
        session.refresh(allowance)
        read = grant.unlocks_left, allowance.unlocks_left, allowance.sequence
        session.commit()
        if not read[0]:
            raise ledger.no_unlocks_left()
        time.sleep(0.001)
        # Numbers that were worked out here: never below zero, so that no CHECK can see the fault.
        session.execute(sa.update(Grant).values(unlocks_left=read[0] - 1), execution_options=_AS_READ)
        session.execute(
            sa.update(Allowance).values(unlocks_left=read[1] - 1, sequence=read[2] + 1), execution_options=_AS_READ
        )
        if with_ledger:
            entry = {
                "allowance_id": allowance.id, "sequence": read[2] + 1, "unlocks": -1, "kind": "unlock",
                "reference": unlock_id, "post_id": post_id, "grant_id": grant.id, "balance": read[1] - 1,
                "created_at": now,
            }  # fmt: skip
            session.execute(sa.insert(LedgerEntry), entry)
        return grant.id

    accounts._take, ledger.spend = take, spend
