"""Measures ordinary nights: a whole sync of a shop that is as its feed is, and of one that differs a little."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import polars as pl
from rich.console import Console

from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.engine.catalog import read_catalog
from awin_medusa_pipeline.sync.engine.intake import FeedParts
from awin_medusa_pipeline.sync.engine.places import Places
from awin_medusa_pipeline_tests.support.pipeline import Pipeline, pipeline_on
from awin_medusa_pipeline_tests.support.sandboxes import TEST_HOME
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison, compare, seconds_of

PORT = 23400
PRODUCTS, ROWS = 20_000, 40_000
CHANGED_EVERY = 50
PAIRS = 3
UNGUARDED = {"GUARD_GROWN_PERCENT": "100000"}


def measure(folder: Path, console: Console) -> list[Comparison]:
    """Fill a shop of its own, then let nights pass."""
    sandbox = Sandbox(TEST_HOME / "bench", PORT, software=TEST_HOME / "software")
    with console.status("Starting the sandbox"):
        sandbox.up()
        sandbox.reset()
    try:
        write_feed(sandbox.feed_file, offers=ROWS, quirks=False)
        with pipeline_on(sandbox, folder / "night", **UNGUARDED) as pipeline:
            with console.status(f"Filling the shop from {ROWS:,} rows"):
                filled = seconds_of(pipeline.run)
            console.print(f"{ROWS:,} rows imported in {filled:,.0f} s")
            with console.status("An unchanged night"):
                unchanged = _unchanged(sandbox, pipeline)
            with console.status("A night with changes"):
                changed = _changed(sandbox, pipeline)
            return [unchanged, changed]
    finally:
        sandbox.down()


def _unchanged(sandbox: Sandbox, pipeline: Pipeline) -> Comparison:
    with requests() as sent:
        pipeline.run()
    result = compare(
        f"unchanged night, {PRODUCTS:,} products",
        1.3,
        lambda: seconds_of(pipeline.run),
        lambda: seconds_of(lambda: read_both(sandbox)),
        PAIRS,
    )
    result.note = told(sent)
    return result


def _changed(sandbox: Sandbox, pipeline: Pipeline) -> Comparison:
    """One row of fifty with another price and stock: two changes per such row."""
    writes: list[Counter[str]] = []

    def ours() -> float:
        change(sandbox.feed_file)
        with requests() as sent:
            seconds = seconds_of(pipeline.run)
        writes.append(sent)
        return seconds

    result = compare(
        f"the same, one row of {CHANGED_EVERY} changed",
        1.6,
        ours,
        lambda: seconds_of(lambda: read_both(sandbox)),
        PAIRS,
    )
    result.note = told(writes[0])
    return result


def read_both(sandbox: Sandbox) -> None:
    """Read catalogue and feed, as a night must in any case."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with MedusaClient(sandbox.shop.base_url, admin_key=sandbox.shop.admin_key) as client:
            shop = read_catalog(client, Places(), folder, lambda done, total: None).table
            parts = FeedParts(folder / "feed", FeedRules(), shop)
            parts.add(sandbox.feed_file, "bench")
            parts.offers.collect()


def change(feed: Path) -> None:
    """Raise each fiftieth price by a hundredth, and turn each fiftieth stock."""
    rows = pl.read_csv(feed, infer_schema=False).with_row_index()
    price = (pl.col("search_price").cast(pl.Float64) + 0.01).round(2).cast(pl.String)
    stock = pl.when(pl.col("in_stock") == "1").then(pl.lit("0")).otherwise(pl.lit("1"))
    now = rows.with_columns(
        search_price=pl.when(pl.col("index") % CHANGED_EVERY == 0).then(price).otherwise("search_price"),
        in_stock=pl.when(pl.col("index") % CHANGED_EVERY == 1).then(stock).otherwise("in_stock"),
    )
    now.drop("index").write_csv(feed, compression="gzip")


@contextmanager
def requests() -> Iterator[Counter[str]]:
    """Count the requests to the shop by method and route."""
    sent: Counter[str] = Counter()
    send = httpx.Client.request

    def counting(self: httpx.Client, method: str, url: str, **options: object) -> httpx.Response:
        if str(url).startswith(("/admin", "/store")):
            sent[f"{method} {re.sub(r'/(prod|variant|wf)_.*', '/*', str(url))}"] += 1
        return send(self, method, url, **options)

    httpx.Client.request = counting  # type: ignore[method-assign, assignment]
    try:
        yield sent
    finally:
        httpx.Client.request = send  # type: ignore[method-assign]


def told(sent: Counter[str]) -> str:
    """Reads and writes in a line."""
    reads = sum(number for request, number in sent.items() if request.startswith("GET"))
    writes = sent.total() - reads
    return f"{reads} requests read, {writes} write"
