"""The readers of a site in the plain model: an act is kept only where it was not refused, as a transaction is."""

import copy

from tests.chaos import plain_orders
from tests.chaos.plain_model import Account
from tests.chaos.plain_things import Refused

# What concerns the references of a site, and so more than one reader.
OF_THE_SITE = ("give", "pay_back")


class Books:
    """All readers of a site, and the references that credit once on it."""

    def __init__(self, **site):
        self.site = site
        self.accounts = {}
        self.references, self.refunds = {}, {}

    def at(self, reader, now):
        """The reader's account as it is at this moment, however late the worker is."""
        seen = copy.deepcopy(self.accounts.get(reader) or Account(**self.site))
        seen.pass_time(now)
        return seen

    def act(self, reader, name, *words, now, dry=False):
        """Let something be done; return status, code and the account after it."""
        made = self.at(reader, now)
        references, refunds = dict(self.references), dict(self.refunds)
        try:
            whose = (self, made, reader) if name in OF_THE_SITE else (made,)
            status = getattr(type(whose[0]), name)(*whose, *words, now)
        except Refused as refused:
            self.references, self.refunds = references, refunds
            return *refused.args, self.at(reader, now)
        if dry:
            self.references, self.refunds = references, refunds
        else:
            self.accounts[reader] = made
        return status, None, made

    def give(self, account, reader, kind, unlocks, reference, expires, now):
        content = reader, unlocks, expires
        known = self.references.get((kind, reference)) if reference else None
        if known is not None:
            if known != content:
                raise Refused(409, "conflict")
            return 200
        if expires is not None and expires <= now:
            raise Refused(422, "validation_failed")
        if reference:
            self.references[kind, reference] = content
        account.credit(kind, unlocks, expires, now, reference=reference)
        plain_orders.take_waiting(self.refunds, account, reader, kind, reference, now)
        return 201

    def pay_back(self, account, reader, *words):
        known = self.references.get(words[:2])
        return plain_orders.pay_back(self.refunds, known and known[0], account, reader, *words)

    def the_worker_comes(self, now):
        for reader in self.accounts:
            self.accounts[reader] = self.at(reader, now)
