"""Runs `awin-medusa plans reject` and `forget`: the decision not to apply a plan, and its taking back."""

from awin_medusa_pipeline.cli.application import open_app, who
from awin_medusa_pipeline.cli.arguments import Hash
from awin_medusa_pipeline.cli.terminal import say
from awin_medusa_pipeline.decisions import Decider


def reject(start: Hash) -> None:
    """Never apply this plan. Each of its rows stays as it is until what would be written changes."""
    with open_app() as opened:
        for plan in Decider(opened, who()).reject_plan(start):
            say(f"Rejected: {plan.kind}, {plan.row_count:,} rows.")
    say(f"To be asked again: awin-medusa plans forget {start}")


def forget(start: Hash) -> None:
    """Forget what was decided on a plan, so that the next sync plans its rows again."""
    with open_app() as opened:
        for plan, number in Decider(opened, who()).forget_plan(start):
            say(f"Forgotten: {plan.kind}, {number:,} decisions.")
