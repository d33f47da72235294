"""A site's account at a payment provider: its secrets, and what each of its prices opens."""

import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Invalid, NotFound
from moderation.models import Provider, ProviderEvent, Site
from moderation.services import audit, plans
from moderation.signing import is_secret
from moderation.stripe import API_KEY, SECRET

STRIPE, GENERIC = "stripe", "generic"
NAMES = (STRIPE, GENERIC)
MOST_SECRETS = 5
MOST_UNLOCKS = 10_000
_PRICE = re.compile(r"\w{1,255}", re.ASCII)


class Quarantined(Exception):  # noqa: N818 -- what becomes of an event, not what went wrong here
    """Why an event is kept unapplied; nothing was changed."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def find(session: Session, site_id: str, name: str = STRIPE, *, hold: bool = False) -> Provider | None:
    """The site's account; ``hold`` lets no other event of it in until the transaction ends."""
    return session.get(Provider, (site_id, name), with_for_update=hold or None, populate_existing=hold)


def of_site(session: Session, site: Site, name: str = STRIPE, *, hold: bool = True) -> Provider:
    account = find(session, site.id, name, hold=hold)
    if account is None:
        what = "Stripe" if name == STRIPE else "The generic provider"
        raise NotFound(f"{what} is not set up; first: replydesk provider set {name} --site {site.name} --secret-stdin")
    return account


def set_secret(
    session: Session, site: Site, secret: str, *, add: bool, livemode: bool | None, actor: str, name: str = STRIPE
) -> Provider:
    """Believe what is signed with ``secret``; with ``add`` also what is signed with those before it."""
    if name == STRIPE and not SECRET.fullmatch(secret):
        raise Invalid.field("secret", "A signing secret of Stripe begins with whsec_; an API key is none.")
    if name == GENERIC and not is_secret(secret):
        raise Invalid.field("secret", "Must be whsec_ and the base64 of 24 to 64 random bytes.")
    account = find(session, site.id, name, hold=True)
    if account is None:
        account = Provider(site_id=site.id, name=name, secrets=[], livemode=True, prices={})
        session.add(account)
    others = [known for known in account.secrets if known != secret] if add else []
    account.secrets = [secret, *others][:MOST_SECRETS]
    account.livemode = account.livemode if livemode is None else livemode
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="provider.set", subject=name,
                 secrets=len(account.secrets), livemode=account.livemode)  # fmt: skip
    return account


def set_api_key(session: Session, site: Site, key: str | None, *, actor: str) -> Provider:
    """Fetch with this key what Stripe's events leave out; with None nothing any more."""
    account = of_site(session, site)
    mode = "live" if account.livemode else "test"
    if key is not None and not (API_KEY.fullmatch(key) and key[3:].startswith(f"{mode}_")):
        raise Invalid.field("api_key", f"Must be a restricted key of {mode} mode: it begins with rk_{mode}_.")
    account.api_key = key
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="provider.api_key_set", subject=STRIPE,
                 fetches=key is not None)  # fmt: skip
    return account


def set_price(
    session: Session, site: Site, price: str, *, plan: str | None, unlocks: int | None, actor: str
) -> Provider:
    """Let a price (or a product) open a plan or give unlocks; with neither, nothing any more."""
    if not _PRICE.fullmatch(price):
        raise Invalid.field("price", "Is the id of a price or a product, such as price_1PxY.")
    if unlocks is not None and not 1 <= unlocks <= MOST_UNLOCKS:
        raise Invalid.field("unlocks", f"Must be from 1 to {MOST_UNLOCKS}.")
    account = of_site(session, site)
    kept = {name: opens for name, opens in account.prices.items() if name != price}
    opens: dict[str, Any] = {}
    if plan is not None:
        opens = {"plan": plans.get(session, site.id, plan).name}
    elif unlocks is not None:
        opens = {"unlocks": unlocks}
    account.prices = kept | ({price: opens} if opens else {})
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="provider.priced", subject=price, **opens)
    return account


def opened_by(account: Provider, names: Iterable[str], what: str) -> Any:
    """The plan, or the number of unlocks, that an item opens by the first of its names; None where it is unlisted."""
    found = (account.prices.get(name, {}).get(what) for name in names)
    return next((value for value in found if value is not None), None)


def counts(session: Session, site_id: str, name: str = STRIPE) -> dict[str, int]:
    """How many events of the provider there are by state."""
    mine = sa.and_(ProviderEvent.site_id == site_id, ProviderEvent.provider == name)
    query = sa.select(ProviderEvent.state, sa.func.count()).where(mine)
    return {str(state): int(count) for state, count in session.execute(query.group_by(ProviderEvent.state))}
