"""Calls that a product costs at Etsy, beside the least number that can do the same; counted, not timed.

Etsy allows 5 to 150 calls a second and 5,000 to 100,000 a day, so the calls are what a sync costs. They are counted at
the strictest stand-in, with reads that are not behind, and with reads that are behind by 20 seconds.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_laboratory import EtsyLaboratory, laboratory
from awin_medusa_pipeline_tests.support.etsy_products import grid
from awin_medusa_pipeline_tests.support.etsy_standin import running
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison

PRODUCTS = 100
BEHIND = 20
LOOK = 2 / 100
"""A look at a hundred listings at once is two calls: the listings, and their variants."""
Case = tuple[str, Callable[[EtsyLaboratory], None], float, str]
IMAGES = ("a", "b")


def measure(folder: Path, console: Console) -> list[Comparison]:
    """On a stand-in of its own. Nothing to compare in seconds: the table is shown here."""
    table = Table(
        "product",
        "calls",
        "of them writing",
        f"calls, reads {BEHIND} s behind",
        "least",
        "",
        title=f"Calls at Etsy for each of {PRODUCTS} products",
    )
    with running() as url, open_database(f"sqlite:///{folder / 'etsy.db'}") as database:
        for publish, cases in ((False, DRAFTS), (True, PUBLISHED)):
            with console.status("Etsy"):
                at_once = list(_count(EtsyHandle(url), database, cases, publish=publish, behind=0))
                late = list(_count(EtsyHandle(url), database, cases, publish=publish, behind=BEHIND))
            for (name, _, least, why), (calls, writes), (late_calls, late_writes) in zip(
                cases, at_once, late, strict=True
            ):
                assert writes == late_writes
                each = [f"{number / PRODUCTS:.2f}" for number in (calls, writes, late_calls)]
                table.add_row(name, *each, f"{least:.2f}", why)
    console.print(table)
    return []


def _count(
    handle: EtsyHandle, database: Database, cases: Iterable[Case], *, publish: bool, behind: int
) -> Iterator[tuple[int, int]]:
    """Sync the products in each case; yield the calls, and those of them that write."""
    handle.reset()
    with laboratory(handle, database, publish=publish, publish_at_most=PRODUCTS) as lab:
        handle.change(behind_seconds=behind)
        for _, change, _, _ in cases:
            change(lab)
            job = lab.confirmed()
            lab.sleep(2 * BEHIND)
            before = handle.last_call()
            assert lab.run(job).error == ()
            calls = len(handle.calls(after=before)), len(handle.writes(after=before))
            lab.sleep(2 * BEHIND)
            assert lab.wrong() == []
            yield calls


def stocked(
    *, price: str = "9.99", title: str = "Lamp", images: tuple[str, ...] = IMAGES
) -> Callable[[EtsyLaboratory], None]:
    """All products like this, with four variants each."""

    def change(lab: EtsyLaboratory) -> None:
        for number in range(PRODUCTS):
            first, *rest = grid("rb", "SM")
            first = first.model_copy(update={"price": Decimal(price)})
            lab.add(f"prod_{number}", first, *rest, title=f"{title} {number}", images=images)

    return change


DRAFTS: tuple[Case, ...] = (
    ("new, two images", stocked(), 4 + LOOK, "draft, variants, each image"),
    ("unchanged", stocked(), LOOK, "a look, to see that it is there"),
    ("another price", stocked(price="8.99"), 1 + LOOK, "variants"),
    ("another title", stocked(price="8.99", title="Oak lamp"), 1 + LOOK, "content"),
    ("an image more", stocked(price="8.99", title="Oak lamp", images=("a", "b", "c")), 1 + LOOK, "the image"),
    ("images in another order", stocked(price="8.99", title="Oak lamp", images=("c", "a", "b")), 1 + LOOK, "the order"),
)
PUBLISHED: tuple[Case, ...] = (("new, published", stocked(), 5 + LOOK, "and publishing"),)
