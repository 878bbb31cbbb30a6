"""Runs `awin-medusa plans reject` and `forget`: the decision not to apply a plan, and its taking back."""

import getpass

from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.arguments import Hash
from awin_medusa_pipeline.cli.terminal import say
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans


def reject(start: Hash) -> None:
    """Never apply this plan. Each of its rows stays as it is until what would be written changes."""
    with open_app() as opened:
        plans = HeldPlans(opened.database)
        for plan in plans.find(start):
            plans.reject(plan, getpass.getuser())
            say(f"Rejected: {plan.kind}, {plan.row_count:,} rows.")
    say(f"To be asked again: awin-medusa plans forget {start}")


def forget(start: Hash) -> None:
    """Forget what was decided on a plan, so that the next sync plans its rows again."""
    with open_app() as opened:
        plans = HeldPlans(opened.database)
        for plan in plans.find(start):
            say(f"Forgotten: {plan.kind}, {plans.forget(plan):,} decisions.")
