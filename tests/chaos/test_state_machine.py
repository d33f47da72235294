"""Whatever happens to readers, in whatever order and at whatever time: the product agrees with a plain model.

300 runs of 40 steps, the same ones each time, in parts so that every core has some. ``make soak`` tries 5,000 runs of
80 steps that are new each time.
"""

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event

from moderation.db import db
from moderation.services import ledger_check
from tests.chaos.machine import Readers
from tests.chaos.plain_meter import SECTIONS
from tests.chaos.plain_plans import PLANS, plan_body
from tests.engagement import configure, done
from tests.soak import SOAK
from tests.stripe_events import set_up

RUNS, STEPS = (5_000, 80) if SOAK else (300, 40)
PARTS = 4


@pytest.fixture
def quick(installation):
    """A scratch database whose writes nobody waits for; nothing here is about power cuts."""
    if installation.app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        with installation.app.app_context():
            event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
            db.engine.dispose()
    return installation


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_the_product_agrees_with_a_plain_model(quick, part):
    client, app = quick.client, quick.app
    configure(app, unlock_days=3, refund_hours=24)
    for plan in PLANS.values():
        done(client.put(f"/v1/plans/{plan.name}", json=plan_body(plan)))
    for post, section in SECTIONS.items():
        done(client.put(f"/v1/posts/{post}", json={"section": section}))
    set_up(app, price_kept="kept", price_five=5)

    def machine():
        return Readers(client, app)

    run_state_machine_as_test(
        machine if SOAK else seed(part)(machine),
        settings=settings(
            max_examples=RUNS // PARTS, stateful_step_count=STEPS, deadline=None, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip

    with app.app_context():
        assert ledger_check.faults(db.session()) == []
