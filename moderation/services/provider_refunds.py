"""What a payment provider tells of money that went back: the order that was bought with it is taken back.

What cannot be decided here waits in the quarantine for a person, or for the event that decides it.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict
from moderation.models import Allowance, Grant, GrantRefund, ProviderEvent, Site
from moderation.services import grant_refunds
from moderation.services.providers import Quarantined
from moderation.stripe import CHECKOUT_TYPES

APPLIED, NOTED, MONEY_BACK = "applied", "noted", "money_back"
BUNDLE = "bundle"
_CHARGE_REFUNDED = "charge.refunded"
# Of a refund: nothing went back yet, and another event follows.
_PENDING = ("pending", "requires_action")
# Of a dispute: it is open, or it ended for the site; the reader keeps what was paid.
_KEEPS = (
    "needs_response", "under_review", "warning_needs_response", "warning_under_review", "warning_closed", "prevented",
    "won",
)  # fmt: skip


def of_stripe(session: Session, site: Site, row: ProviderEvent) -> str:
    """Apply a refund or a dispute of Stripe; raise ``Quarantined`` before anything is changed."""
    if row.type == _CHARGE_REFUNDED:
        return _of_charge(session, site, row)
    if row.type.startswith("charge.dispute."):
        return _of_dispute(session, site, row)
    if row.type.startswith(("refund.", "charge.refund.")):
        return _of_refund(session, site, row)
    raise _held("Money went back, or may: decide what the reader keeps.")


def _of_charge(session: Session, site: Site, row: ProviderEvent) -> str:
    """A charge tells the sum of all its refunds, so of several events the one with the most says everything."""
    if row.facts.get("of_invoice"):
        # A subscription's: its status says what becomes of access.
        return NOTED
    grant, charge, back = _bought(session, site, row), row.object_id, row.facts.get("back")
    paid = row.facts.get("amount")
    if not charge:
        raise _held("It names no charge.")
    if paid and back and _is_covered(session, site, row, back):
        return NOTED if back * grant.unlocks % paid else APPLIED
    units = _units(grant, back, paid)
    told = GrantRefund.refund_reference.startswith(f"{charge}:", autoescape=True)
    mine = sa.and_(GrantRefund.site_id == site.id, GrantRefund.kind == grant.kind, told)
    before = session.scalar(sa.select(sa.func.sum(GrantRefund.unlocks)).where(mine)) or 0
    if units > before:
        _take(session, site, grant, f"{charge}:{back}", units - before, row.provider)
    return APPLIED


def _is_covered(session: Session, site: Site, row: ProviderEvent, back: int) -> bool:
    """Whether a larger sum of the same payment has been applied before."""
    others = _others(site, row).where(ProviderEvent.type == _CHARGE_REFUNDED, ProviderEvent.state == APPLIED)
    return any((other.facts.get("back") or 0) > back for other in session.scalars(others))


def _of_refund(session: Session, site: Site, row: ProviderEvent) -> str:
    status = row.facts.get("status")
    if status in _PENDING:
        return NOTED
    if status != "succeeded":
        raise _held("A refund failed or was taken back: decide whether the reader gets the unlocks again.")
    if session.scalars(_others(site, row).where(ProviderEvent.type == _CHARGE_REFUNDED)).first() is None:
        raise _held("The sums come with charge.refunded: let Stripe send that too.")
    return NOTED


def _of_dispute(session: Session, site: Site, row: ProviderEvent) -> str:
    if row.facts.get("status") in _KEEPS:
        return NOTED
    if row.facts.get("status") != "lost" or not row.object_id:
        raise _held("A dispute whose state is not known here: decide what the reader keeps.")
    grant = _bought(session, site, row)
    checkouts = _others(site, row).where(ProviderEvent.type.in_(CHECKOUT_TYPES), ProviderEvent.state == APPLIED)
    paid = next((event.facts.get("amount") for event in session.scalars(checkouts)), None)
    units = _units(grant, row.facts.get("amount"), paid)
    _take(session, site, grant, row.object_id, units, row.provider)
    return APPLIED


def of_order(session: Session, site: Site, row: ProviderEvent) -> str:
    """Apply the refund of an order that the generic endpoint was told of."""
    grant = _bought(session, site, row, row.facts["kind"])
    units = row.facts["unlocks"]
    _take(session, site, grant, row.facts["refund_reference"], units, row.provider)
    return APPLIED


def _others(site: Site, row: ProviderEvent) -> sa.Select[Any]:
    """Other events of the same payment."""
    same = sa.and_(ProviderEvent.site_id == site.id, ProviderEvent.provider == row.provider)
    return sa.select(ProviderEvent).where(same, ProviderEvent.payment == row.payment, ProviderEvent.id != row.id)


def _bought(session: Session, site: Site, row: ProviderEvent, kind: str = BUNDLE) -> Grant:
    grant = grant_refunds.of_order(session, site.id, kind, row.payment) if row.payment else None
    if grant is None:
        raise _held(f"Nothing was bought here with “{(row.payment or '?')[:100]}”, so far: wait for it, or decide.")
    return grant


def _units(grant: Grant, back: int | None, paid: int | None) -> int:
    """How many units a sum is worth, which must be a whole number of them."""
    if not back or not paid or back > paid:
        raise _held("Its amounts, or what was paid, are not known: decide what the reader keeps.")
    units, rest = divmod(back * grant.unlocks, paid)
    if rest:
        raise _held(f"{back} of {paid} is no whole number of the {grant.unlocks} unlocks: decide.")
    return units


def _take(session: Session, site: Site, grant: Grant, reference: str, units: int | None, actor: str) -> None:
    reader_id = session.get_one(Allowance, grant.allowance_id).reader_id
    data = {"kind": grant.kind, "reference": grant.reference, "refund_reference": reference, "unlocks": units}
    try:
        grant_refunds.refund(session, site, reader_id, data, actor=actor)
    except Conflict as error:
        raise Quarantined(MONEY_BACK, error.detail) from None


def _held(detail: str) -> Quarantined:
    return Quarantined(MONEY_BACK, detail)
