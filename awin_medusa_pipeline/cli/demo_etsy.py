"""The Etsy part of awin-medusa demo: a few products onto the stand-in, and a second round that finds nothing to do.

What belongs here: the order of the commands, and what is shown. What does not: the commands (etsy.py) and what the
demo needs for them (demo.py).
"""

import getpass

from awin_medusa_pipeline.cli import etsy as cli_etsy
from awin_medusa_pipeline.cli.runs import run_etsy_sync
from awin_medusa_pipeline.cli.terminal import say
from awin_medusa_pipeline.sandbox import Sandbox


def show(sandbox: Sandbox) -> None:
    """Connect, request, confirm, sync; then all of it once more."""
    from awin_medusa_pipeline.cli.demo import choose_products, connect_etsy
    from awin_medusa_pipeline.etsy.context import open_etsy

    say(("\nAnd to Etsy", "bold"), ": a stand-in on this machine that keeps Etsy's rules. Nothing here costs money.")
    with open_etsy() as etsy:
        account = connect_etsy(etsy, sandbox)
        products = choose_products(etsy, account)
    say("Connected: ", (account.shop_name, "bold"), f", prices in {account.currency}. A person picks some products:")
    _round(sandbox, products)
    say("\nThe same once more, with nothing changed:")
    _round(sandbox, products)


def _round(sandbox: Sandbox, products: list[str]) -> None:
    from awin_medusa_pipeline.etsy.context import open_etsy
    from awin_medusa_pipeline.etsy.store.jobs import JobStatus

    cli_etsy.request(products)
    with open_etsy() as etsy:
        (job, *_) = etsy.jobs.all(JobStatus.PENDING)
        etsy.jobs.confirm(job.transaction_id, getpass.getuser())
    before = sandbox.etsy.last_call()
    run_etsy_sync(job.transaction_id)
    with open_etsy() as etsy:
        for row in etsy.jobs.products(job.transaction_id):
            say(f"  {row.title}: {row.outcome}")
    say(f"  {len(sandbox.etsy.writes(after=before)):,} calls that write")
