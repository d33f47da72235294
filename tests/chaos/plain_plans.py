"""What is sold in the plain model: each kind of period, with and without unlocks, trial, grace and rollover."""

from tests.chaos.plain_things import Plan

PLANS = {
    plan.name: plan
    for plan in (
        Plan("all", 1, "month", grace=3), Plan("trial", 1, "month", unlocks=2, trial=10, cap=1),
        Plan("five", 1, "month", unlocks=5, cap=2), Plan("eight", 1, 10, unlocks=8, cap=3, grace=2),
        Plan("ever", 1, None, unlocks=1), Plan("kept", 1, "month", grace=5),
    )
}  # fmt: skip


def plan_body(plan):
    return {
        "period": plan.period, "unlocks": plan.unlocks, "rollover_cap": plan.cap, "trial_days": plan.trial,
        "grace_days": plan.grace,
    }  # fmt: skip
