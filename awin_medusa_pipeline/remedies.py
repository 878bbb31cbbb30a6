"""Says how a person carries out an action at the command line; the console shows links and buttons instead.

Errors, findings and messages name an action and its target; only the command line and the console know how to do it.
"""

from collections.abc import Mapping

from awin_medusa_pipeline.core.errors import Action, PipelineError

COMMANDS: Mapping[Action, str] = {
    Action.APPROVE_PLAN: "awin-medusa plans approve {target}",
    Action.REJECT_PLAN: "awin-medusa plans reject {target}",
    Action.KEEP_VALUE: "awin-medusa why {target}",
    Action.LIST_PLANS: "awin-medusa plans list",
    Action.REQUEST_ETSY_JOB: "awin-medusa etsy request PRODUCT...",
    Action.OFFER_BOOKED_PIECES: "awin-medusa etsy request PRODUCT... --sold-is-booked",
    Action.LIST_ETSY_JOBS: "awin-medusa etsy jobs",
    Action.SHOW_ETSY_JOB: "awin-medusa etsy show {target}",
    Action.CONFIRM_ETSY_JOB: "awin-medusa etsy confirm {target}",
    Action.REJECT_ETSY_JOB: "awin-medusa etsy reject {target}",
    Action.RETRY_ETSY_JOB: "awin-medusa etsy retry {target}",
    Action.CONNECT_ETSY: "awin-medusa etsy connect",
    Action.CONNECT_ETSY_SALES: "awin-medusa etsy connect --import-sales",
    Action.LIST_ETSY_SALES: "awin-medusa etsy sales",
    Action.CHANGE_ETSY_SETTINGS: "awin-medusa etsy settings",
    Action.MAKE_CONSOLE_LINK: "awin-medusa console link",
    Action.MAKE_SECRET_KEY: "awin-medusa etsy key",
    Action.ACCEPT_SMALLER_FEED: "awin-medusa sync --accept-smaller-feed",
    Action.SYNC: "awin-medusa sync",
    Action.UNDO: "awin-medusa undo {target}",
    Action.START_UI: "awin-medusa ui",
    Action.SEND_TEST_MESSAGE: "awin-medusa doctor --send-test-message",
    Action.TAKE_ANOTHER_PORT: "awin-medusa ui --port {target}",
}


PROGRAM = "awin-medusa"
_shop: list[str] = [""]


def name_shop(shop: str) -> None:
    """Let this process name this shop in commands; "": the only one, which needs no name."""
    _shop[:] = [shop]


def command(action: Action, target: str = "", shop: str | None = None) -> str:
    """The command that carries out an action. `shop`: its name where there are several; None: that of this process."""
    named = _shop[0] if shop is None else shop
    with_shop = f"{PROGRAM} --shop {named}" if named else PROGRAM
    return COMMANDS[action].format(target=target).replace(PROGRAM, with_shop, 1)


def sentence(error: PipelineError) -> str:
    """The error's sentence, with the command that helps."""
    return error.sentence(command(error.action, error.target) if error.action else "")
