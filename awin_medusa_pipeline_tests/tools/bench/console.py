"""The console's pages on a large installation, beside the bare query that each is about.

20,000 products, 365 runs, 1,000,000 rows in the operation log, reports of 30 days.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from awin_medusa_pipeline.console.reads.products import CATALOG
from awin_medusa_pipeline.sync.domain.operations import Kind, Status
from awin_medusa_pipeline.sync.store.ledger import LogEntry, Run
from awin_medusa_pipeline_tests.support.console import SHOP, Installation, installation
from awin_medusa_pipeline_tests.support.factories import catalog, variant
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison

PRODUCTS, RUNS, ROWS = 20_000, 365, 1_000_000
LOADS = 60


def measure(folder: Path, console: Console) -> list[Comparison]:
    """Show median and 95th percentile of each page, and of the query behind it."""
    table = Table("page", "median ms", "95 % ms", "bare query ms", "ratio", title=_title())
    with installation(folder / "console") as found:
        with console.status("Filling the installation"):
            _fill(found)
        with found.browser() as browser:
            for path, query in _pages(found).items():
                pages = _times(partial(_load, browser, path))
                bare = statistics.median(_times(query))
                middle, late = statistics.median(pages), statistics.quantiles(pages, n=20)[-1]
                table.add_row(path, *(f"{1e3 * one:.1f}" for one in (middle, late, bare)), f"{middle / bare:.1f}")
    console.print(table)
    return []


def _title() -> str:
    return f"Pages of {PRODUCTS:,} products, {RUNS} runs, {ROWS:,} rows in the log; {LOADS} loads of each"


def _pages(found: Installation) -> dict[str, Callable[[], object]]:
    app = found.app

    def sql(text: str) -> Callable[[], object]:
        def run() -> object:
            with app.database.reading() as session:
                return session.execute(sa.text(text)).all()

        return run

    products = pl.col("product_id").n_unique()
    of_newest = f"SELECT kind, status, count(*) FROM sync_operations WHERE run_id = '{_run_id(RUNS - 1)}' GROUP BY 1, 2"
    of_product = (
        "SELECT * FROM sync_operations WHERE key IN ('variant_7', 'prod_7') OR target_id IN ('variant_7', 'prod_7')"
    )
    return {
        "/": sql(of_newest),
        "/products": lambda: app.tables.read(CATALOG).select(products).collect(),
        "/products?search=title+prod_77&status=published": lambda: app.tables.read(CATALOG).select(products).collect(),
        "/products/prod_7": lambda: app.tables.read(CATALOG).filter(product_id="prod_7").collect(),
        "/admin/products/prod_7": sql(of_product),
        "/runs": sql("SELECT * FROM sync_runs ORDER BY started_at DESC LIMIT 20"),
        f"/runs/{_run_id(RUNS - 1)}": sql(of_newest),
        "/plans": sql("SELECT hash, kind, state FROM sync_held_plans"),
        "/discrepancies/stock": lambda: app.tables.read("stock_mismatches").head(50).collect(),
        "/metrics": sql(of_newest),
    }


def _load(browser: httpx.Client, path: str) -> None:
    assert browser.get(path).status_code == 200, path


def _times(call: Callable[[], object]) -> list[float]:
    call()
    times = []
    for _ in range(LOADS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return times


def _run_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def _fill(found: Installation) -> None:
    found.tables()
    rows = [variant(str(n), title=f"Title prod_{n}", images=[f"https://img.test/{n}.png"]) for n in range(PRODUCTS)]
    found.app.tables.write(CATALOG, "run", catalog(*rows))
    now = datetime.now(UTC)
    days = [now - timedelta(days=RUNS - number) for number in range(RUNS)]
    runs: list[dict[str, Any]] = [
        {
            "run_id": _run_id(n),
            "shop": SHOP,
            "job": "daily_sync_job",
            "started_at": day,
            "finished_at": day,
            "dry_run": False,
        }
        for n, day in enumerate(days)
    ]
    shared = {"status": Status.APPLIED, "before": {"level": 0}, "after": {"level": 10}, "reason": None, "batch": None}
    with found.app.database.writing() as session:
        session.execute(sa.insert(Run), runs)
        for number, day in enumerate(days):
            log = [
                {
                    "run_id": _run_id(number),
                    "kind": str(Kind.STOCK),
                    "key": f"variant_{(number * 2_740 + n) % PRODUCTS}",
                    "target_id": f"item_{n}",
                    "title": "Lamp",
                    "created_at": day,
                    "finished_at": day,
                    **shared,
                }
                for n in range(-(-ROWS // RUNS))
            ]
            session.execute(sa.insert(LogEntry), log)
    for number in range(RUNS - 30, RUNS):
        run = found.app.reports.of(Run(**runs[number]))
        counts = dict.fromkeys(("planned", "applied", "unchanged", "skipped", "held", "failed"), 5)
        kinds = {str(kind): counts for kind in Kind}
        facts = {"run": run.run.run_id, "job": run.run.job, "shop": SHOP, "dry_run": False, "notes": []}
        run.write_json(facts | {"started_at": days[number], "missing_in_medusa": 5} | kinds)
        for kind in Kind:
            run.write_json(facts | {"kind": kind, "reasons": {}, "examples": [], **counts}, f"{kind}-summary.json")
        run.point_latest()
    found.plan()
    found.job(found.account())
