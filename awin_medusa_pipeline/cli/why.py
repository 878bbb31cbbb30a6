"""Runs `awin-medusa why`: prints the story of one product."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.arguments import AsJson
from awin_medusa_pipeline.cli.story_document import story_document
from awin_medusa_pipeline.cli.terminal import COLOURS, age, complain, print_json, say, short, show_table
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.engine.why import Product, RunStory, Sources, Story, find, tell_story
from awin_medusa_pipeline.sync.store.ledger import Ledger, LogEntry, reported

_MATCHED_BY = {"external_id": "our key", "sku": "SKU", "gtin": "GTIN", "handle": "handle"}


def why(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="SKU, handle, external id, AWIN id, GTIN, or a Medusa id; of an id the beginning is enough.",
        ),
    ],
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="How many runs to look back.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show the story of one product: its feed rows, its match, every operation and its reason, and its state now."""
    with open_app() as app:
        ledger = Ledger(app.database)
        recent = ledger.recent_runs(app.shop_address, runs)
        products = find(app.tables, ledger, recent, key.strip())
        if len(products) > 1:
            _choose(key.strip(), products)
            raise typer.Exit(1)
        connect = partial(app.medusa, backoff=Backoff(attempts=2))
        sources = Sources(app.database, app.tables, app.shop_address, connect, app.places)
        story = tell_story(sources, products[0], recent)
    if as_json:
        print_json(story_document(story))
    else:
        _show(story)


def _choose(key: str, products: Sequence[Product]) -> None:
    complain(f"{len(products)} products are known as {key}. Ask for one of them:")
    for product in products:
        name = next(iter(product.every("product_key", "product_id", "offer_key")))
        complain(f"  awin-medusa why {name}  {_title(product)}")


def _title(product: Product) -> str:
    return next(iter(product.every("name")), "")


def _show(story: Story) -> None:
    product = story.product
    keys = product.every("product_key" if product.whole else "offer_key") or product.every("offer_key")
    say((_title(product) or ", ".join(keys), "bold"))
    names = [*keys, *(f"SKU {sku}" for sku in product.every("sku"))]
    names += [f"handle {handle}" for handle in product.every("handle")] + product.every("product_id")
    say((", ".join(dict.fromkeys(names)), "dim"))
    if story.untold:
        say((f"\n{story.untold:,} earlier runs did something to it; their logs are in the reports.", "dim"))
    for run in story.runs:
        _lines(_heading(run), list(_of_run(run)) or [("", Text("did nothing to it", style="dim"))])
    _lines(Text("Now", style="bold"), [("shop", line) for line in _now(story.now)])


def _heading(story: RunStory) -> Text:
    run = story.run
    dry = ", dry run" if run.dry_run else ""
    when = f"{run.started_at:%Y-%m-%d %H:%M} UTC"
    return Text.assemble((when, "bold"), f"  {run.job} {run.run_id[:8]}{dry} ", (f"({age(run.started_at)})", "dim"))


def _lines(heading: Text, lines: Iterable[tuple[str, Text]]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 2), pad_edge=True)
    table.add_column(style="dim", no_wrap=True, min_width=len("set stock"))
    table.add_column()
    for label, text in lines:
        table.add_row(label, text)
    say("\n", heading)
    show_table(table)


def _of_run(story: RunStory) -> Iterator[tuple[str, Text]]:
    for feed in story.feeds:
        if feed.reason:
            yield "feed", Text.assemble((feed.state, "yellow"), f": {feed.reason}")
    for offer in story.offers:
        yield "feed", _offer(offer)
    for row in story.rejected:
        where = f", line {row['line']} of {row['feed']}: {row['detail']} [{row['reason']}]"
        yield "feed", Text.assemble(("rejected", "red"), where)
    if story.kept and not (story.offers or story.rejected):
        yield "feed", Text("not in the feed")
    for match in story.matched:
        reason = _MATCHED_BY.get(match["match_reason"], match["match_reason"])
        yield "match", Text(f"{match['offer_key']} is variant {match['variant_id']}, by {reason}")
    if story.offers and not story.matched:
        yield "match", Text("none: the shop did not have it")
    for row in story.only_in_shop:
        if row.get("reason") == "sold_out":
            yield "match", Text("sold out in the feed, and not counted by Medusa")
            continue
        missed = f", accepted feeds in a row without it: {row['feeds_missed']}" if row["feeds_missed"] else ""
        alike = ", but it looks like an offer of the feed" if row["loose_match"] else ""
        yield "match", Text(f"only in the shop{missed}{alike}")
    for entry in story.operations:
        yield KINDS[Kind(entry.kind)].words, _operation(entry)


def _offer(row: Mapping[str, Any]) -> Text:
    stock = {True: "in stock", False: "sold out", None: "stock unknown"}[row["in_stock"]]
    quantity = "" if row["quantity"] is None else f" ({row['quantity']:,})"
    price = f"{row['price'].normalize():f} {row['currency'].upper()}"
    return Text(f"{price}, {stock}{quantity}; {row['sku']}, line {row['line']} of {row['feed']}")


def _operation(entry: LogEntry) -> Text:
    status, reason = reported(entry)
    change = _change(entry.before or {}, entry.after or {})
    return Text.assemble(
        (status, COLOURS.get(status, "")), (f" {change}" if change else "", "dim"), f": {reason}" if reason else ""
    )


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """A change as text: `level 10 → 0, status published → draft`; a new value stands alone, groups are left out."""
    parts = []
    for name, value in after.items():
        if isinstance(value, dict):
            continue
        was = f"{short(before[name])} → " if name in before and before[name] != value else ""
        if was or name not in before:
            parts.append(f"{name} {was}{short(value)}")
    return ", ".join(parts)


def _now(rows: Sequence[Mapping[str, Any]] | str) -> Iterator[Text]:
    if isinstance(rows, str):
        yield Text.assemble(("not known", "red"), f": {rows}")
        return
    if not rows:
        yield Text("it is not there")
    for row in rows:
        prices = ", ".join(f"{price['amount'].normalize():f} {price['currency'].upper()}" for price in row["prices"])
        level = "no level" if row["level"] is None else f"level {row['level']:,}"
        reserved = f" ({row['reserved']:,} reserved)" if row["reserved"] else ""
        elsewhere = f", {row['elsewhere']:,} at {row['elsewhere_at']}" if row["elsewhere"] else ""
        hidden = f", hidden by run {row['hidden_by_run'][:8]}" if row["hidden_by_run"] else ""
        half = f", half-made: {row['half_made']}" if row["half_made"] else ""
        sku = row["sku"] or row["variant_id"] or "no variant"
        yield Text(
            f"{sku}: {row['status']}{hidden}{half}, {prices or 'no price'}, {level}{reserved}{elsewhere}; "
            f"“{row['title']}”"
        )
