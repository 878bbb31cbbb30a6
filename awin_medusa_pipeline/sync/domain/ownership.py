"""Compares the fields that a person may edit too, and decides per field from its owner and the last written value.

Levels and status are not among them: the feed always owns these.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.medusa.shapes import OFFER_KEY
from awin_medusa_pipeline.sync.domain.contracts import ContentMismatch, PriceMismatch
from awin_medusa_pipeline.sync.domain.discrepancies import ours, writable_in_feed
from awin_medusa_pipeline.sync.domain.operations import Decision, Written, text_of
from awin_medusa_pipeline.sync.domain.price_steps import beyond
from awin_medusa_pipeline.sync.domain.products import category_paths, pictures
from awin_medusa_pipeline.sync.domain.rules import ADOPTED, CONTENT, LISTS, PRICE, PRICE_JUMP, Owner, Owners, PriceJump
from awin_medusa_pipeline.sync.domain.text import DAMAGE, handle, is_damaged, longer_handle, titles

_VERBATIM = 64
"""Values up to 64 characters are stored verbatim, so that a person can read them, longer ones as SHA-256."""

Json = Mapping[str, Any]


def price_mismatches(
    matched: pl.LazyFrame, written: pl.LazyFrame, owners: Owners, jump: PriceJump = PRICE_JUMP
) -> pl.LazyFrame:
    """PriceMismatch rows: another amount, or none, in the feed's currency. `written`: WrittenValue rows.

    A variant without a price in the feed's currency is refused: what it costs there is a person's decision, never a
    conversion's. One that lost every price gets back what this program once gave it. The first price of an adopted
    variant is asked about, and so is every single jump; price_steps.py measures many small ones.
    """
    price, shop = pl.col("price").cast(pl.Float64), pl.col("shop_price").cast(pl.Float64)
    parts = pl.col("value").str.split_exact(" ", 1).struct
    lost = pl.col("last_price").is_not_null() & (pl.col("shop_currencies") == "")
    last = written.filter(pl.col("field") == PRICE).select(
        variant_id="key", last_price=parts.field("field_0").cast(MONEY), currency=parts.field("field_1")
    )
    return (
        ours(matched)
        .filter(pl.col("price").ne_missing(pl.col("shop_price")))
        .join(last, on=["variant_id", "currency"], how="left")
        .join(
            written.filter(pl.col("field") == ADOPTED).select(variant_id="key", adopted=True),
            on="variant_id",
            how="left",
        )
        .with_columns(
            by_hand=_hidden_by_hand(),
            earlier_price=pl.lit(None, MONEY),
            earlier_on=pl.lit(None, pl.Date),
            moved_percent=pl.lit(None, pl.Float64),
            change_percent=pl.when(shop > 0).then(((price - shop) / shop * 100).round(2)),
            owner=_owner(owners[PRICE]),
            edited_by_hand=pl.col("last_price").is_not_null() & pl.col("last_price").ne_missing(pl.col("shop_price")),
        )
        .with_columns(decision=_decision(pl.col("shop_price").is_null(), pl.col("last_price").is_null()))
        .with_columns(
            decision=pl.when(pl.col("shop_price").is_null() & (pl.col("decision") != Decision.KEEP) & ~lost)
            .then(pl.lit(Decision.REFUSE.value))
            .otherwise("decision")
        )
        .with_columns(question=_price_question(jump))
        .with_columns(
            decision=pl.when(pl.col("question").is_not_null()).then(pl.lit(Decision.ASK.value)).otherwise("decision")
        )
        .sort("product_id", "variant_id")
        .select(PriceMismatch.column_names())
    )


def _price_question(jump: PriceJump) -> pl.Expr:
    """Code of the question, of rows that would be updated or asked about."""
    price, last = pl.col("price").cast(pl.Float64), pl.col("last_price").cast(pl.Float64)
    # A price that was lost is judged against what it was.
    was_lost = pl.col("shop_price").is_null() & (last > 0)
    change = pl.when(was_lost).then((price - last) / last * 100).otherwise("change_percent")
    updating = pl.col("decision") == Decision.UPDATE
    return (
        pl.when(updating & pl.col("adopted") & pl.col("last_price").is_null())
        .then(pl.lit("first_price"))
        .when(updating & beyond(change, jump))
        .then(pl.lit("price_jump"))
        .when(pl.col("decision") == Decision.ASK)
        .then(pl.lit("asked"))
    )


def content_mismatches(
    offers: pl.LazyFrame,
    catalog: pl.LazyFrame,
    matched: pl.LazyFrame,
    missing: pl.LazyFrame,
    written: pl.LazyFrame,
    owners: Owners,
) -> pl.DataFrame:
    """Build ContentMismatch rows. A blank cell of the feed changes nothing: it is a gap, not a wish."""
    keys = writable_in_feed(matched, missing)
    some = _differing(offers, catalog, keys)
    if some.is_empty():
        return ContentMismatch.create_empty()
    differs = pl.col("product_id").hash().is_in(some.implode())
    differing = (
        _contents(offers, keys.filter(differs).collect())
        .join(_shown(catalog.filter(differs).unique("product_id")), on="product_id")
        .collect()
    )
    rows = pl.concat(
        differing.filter(_differs(field)).select(
            "product_id",
            "handle",
            "external_id",
            "offer_key",
            "merchant_id",
            "by_hand",
            pl.lit(field).alias("field"),
            title="shop_title",
            value=field,
            shop_value=f"shop_{field}",
            category="path" if field == "category" else pl.lit(None, pl.String),
            owner=_owner(owners[field]),
        )
        for field in CONTENT
    )
    marks = {name: pl.col(name).map_elements(fingerprint, return_dtype=pl.String) for name in ("value", "shop_value")}
    return (
        _with_last(rows, written)
        # Uploaded images have other addresses than the feed's; unchanged on both sides, they count as equal.
        .filter(~(pl.col("source").eq_missing(marks["value"]) & pl.col("last_value").eq_missing(marks["shop_value"])))
        .with_columns(
            key=pl.format("{}:{}", "product_id", "field"),
            edited_by_hand=pl.col("last_value").is_not_null()
            & pl.col("last_value").ne_missing(marks["shop_value"].fill_null("")),
            decision=_decision(
                (pl.col("shop_value").fill_null("") == "") | _to_mend(marks["shop_value"]),
                pl.col("last_value").is_null() | _to_mend(marks["shop_value"]),
            ),
        )
        .sort("product_id", "field")
        .select(ContentMismatch.column_names())
    )


def _shown(catalog: pl.LazyFrame) -> pl.LazyFrame:
    """What the shop shows of each product, in the form of _contents; a row for each variant."""
    return catalog.select(
        "product_id",
        "handle",
        "external_id",
        by_hand=_hidden_by_hand(),
        shop_title="title",
        shop_description="description",
        shop_images=_lines("images"),
        shop_category=_lines("categories"),
        # Where the categories are not known, none counts as different.
        known=pl.col("categories").is_not_null(),
    )


def _differing(offers: pl.LazyFrame, catalog: pl.LazyFrame, keys: pl.LazyFrame) -> pl.Series:
    """Hashes of product_id where any field differs, or rarely does not.

    By hashes of keys and texts: nearly all are equal, and all texts at once would fill memory.
    """
    fed = _contents(offers, keys.select(pl.all().hash()).collect()).select(
        "product_id",
        pl.col("longer").hash(),
        *(pl.when(pl.col(f) != "").then(pl.col(f).hash()).alias(f) for f in CONTENT),
    )
    hashes = (pl.col(name).hash() for name in ("product_id", *(f"shop_{field}" for field in CONTENT)))
    # A row for each variant, all alike: to make them one takes longer than to compare them all.
    both = fed.join(_shown(catalog).select("known", *hashes), on="product_id")
    return both.filter(pl.any_horizontal(map(_differs, CONTENT))).select("product_id").collect().to_series().unique()


def _contents(offers: pl.LazyFrame, keys: pl.DataFrame) -> pl.LazyFrame:
    """Build the feed's content for each product of the shop: product_id, offer_key, merchant_id, CONTENT, path.

    As an import does: text and category of the product's first offer by key, the common part of their names, and all
    their images. `keys`: (product_id, offer_key) of all offers with a product, or hashes of both; then the product_id
    that comes back is its hash.
    """
    is_hash = keys.schema["offer_key"] == pl.UInt64
    keyed = offers.with_columns(key=pl.col("offer_key").hash() if is_hash else "offer_key")
    keys = keys.select("product_id", key="offer_key")
    grouped = keys["product_id"].is_duplicated()
    rows = (
        keyed.select("key", "offer_key", "name", *_IMAGES)
        .join(keys.filter(grouped).lazy(), on="key", build_side="force_right")
        .select("product_id", "key", "offer_key", "name", images=_pictures())
        .collect()
        .sort("offer_key")
        .drop("offer_key")
    )
    named = titles(rows.select("product_id", "name").filter(~is_damaged(pl.col("name"))), "product_id")
    of_groups = _common_pictures(rows).join(named.rename({"title": "common_title"}), on="product_id", how="left")
    handles = offers.select(pl.col("category").unique()).collect().with_columns(path=category_paths(pl.col("category")))
    handles = handles.with_columns(handle=handle(pl.col("path")), longer=longer_handle(pl.col("path")))
    firsts = pl.concat([keys.filter(~grouped), of_groups], how="diagonal").lazy()
    return (
        keyed.select("key", "offer_key", "merchant_id", "name", "description", "category", *_IMAGES)
        .join(firsts, on="key", build_side="force_right")
        .join(handles.lazy(), on="category", how="left")
        .select(
            "product_id",
            "offer_key",
            "merchant_id",
            "description",
            "path",
            title=_undamaged(pl.coalesce("common_title", "name")),
            images=pl.coalesce("common_images", _pictures()),
            category="handle",
            longer="longer",
        )
    )


def _common_pictures(rows: pl.DataFrame) -> pl.DataFrame:
    """(product_id, key, common_images) of products, from (product_id, key, images) of their offers in their order.

    The key is that of the first; the images are those of all.
    """
    groups = rows.group_by("product_id").agg(
        pl.col("key").first(), common_images=pl.col("images").first(), alike=pl.col("images").n_unique() == 1
    )
    each = rows.filter(pl.col("images") != "").join(groups.filter(~pl.col("alike")), on="product_id", how="semi")
    unlike = (
        each.select("product_id", url=pl.col("images").str.split("\n").list.slice(1))
        .explode("url")
        .unique(["product_id", "url"], keep="first", maintain_order=True)
        .group_by("product_id", maintain_order=True)
        .agg(pl.col("url"))
        .select("product_id", unlike=_thumbnail_first(pl.col("url")))
    )
    return groups.join(unlike, on="product_id", how="left").select(
        "product_id", "key", common_images=pl.coalesce("unlike", "common_images")
    )


def _hidden_by_hand() -> pl.Expr:
    return (pl.col("status") != "published") & pl.col("hidden_by_run").is_null()


def _undamaged(text: pl.Expr) -> pl.Expr:
    """Null where bytes were lost on the way."""
    return pl.when(~is_damaged(text)).then(text)


def _to_mend(shown: pl.Expr) -> pl.Expr:
    """Whether the shop shows a damaged text, or, untouched since, what an import made of one; `shown`: its mark."""
    made_of_one = (pl.col("source") == DAMAGE) & (pl.col("last_value") == shown)
    return is_damaged(pl.col("shop_value")).fill_null(False) | made_of_one.fill_null(False)


_IMAGES = ("image_url", "more_image_urls")
_MORE = pl.col("more_image_urls")
_ONE_EACH = (
    pl.col("image_url").is_not_null()
    & (_MORE.list.n_unique() == _MORE.list.len())
    & ~_MORE.list.contains(pl.col("image_url"))
    & ~_MORE.list.contains(pl.lit(None, pl.String), nulls_equal=True)
)
_JOINED = pl.concat_str(
    *("image_url", "image_url", pl.when(_MORE.list.len() > 0).then(_MORE.list.join("\n"))),
    separator="\n",
    ignore_nulls=True,
)


def _pictures() -> pl.Expr:
    """The thumbnail and the images of an offer, one a line, as an import sets them: the first image is both."""
    return pl.struct(_IMAGES).map_batches(_picture_lines, return_dtype=pl.String, is_elementwise=True)


def _picture_lines(images: pl.Series) -> pl.Series:
    # Lists are slow: to make one of distinct images of each row takes six times as long as to see that they are.
    offers = images.struct.unnest().with_columns(plain=_ONE_EACH, lines=_JOINED)
    odd = (~offers["plain"]).arg_true()
    if odd.is_empty():
        return offers["lines"]
    urls = pl.concat_list(_IMAGES).list.drop_nulls().list.unique(maintain_order=True)
    return offers["lines"].scatter(odd, offers[odd].select(_thumbnail_first(urls)).to_series())


def _thumbnail_first(urls: pl.Expr) -> pl.Expr:
    return pl.concat_list(urls.list.head(1), urls).list.join("\n")


def _lines(column: str) -> pl.Expr:
    return pl.when(pl.col(column).list.len() > 0).then(pl.col(column).list.join("\n"))


def _differs(field: str) -> pl.Expr:
    """Whether the feed has a value and the shop another one; works on texts and on their hashes."""
    value = pl.col(field)
    shop = pl.col(f"shop_{field}")
    known = pl.col("known") & shop.ne_missing(pl.col("longer")) if field == "category" else pl.lit(True)
    return known & (value.cast(pl.String) != "") & value.ne_missing(shop)


def _with_last(rows: pl.DataFrame, written: pl.LazyFrame) -> pl.DataFrame:
    """With `last_value` and `source` of what was written: by the product's id, else by the key of its import."""
    kept = written.filter(pl.col("field").is_in(CONTENT)).collect()
    by_id = rows.join(kept, left_on=["product_id", "field"], right_on=["key", "field"], how="left", suffix="_last")
    both = by_id.join(kept, left_on=["external_id", "field"], right_on=["key", "field"], how="left", suffix="_import")
    return both.with_columns(
        last_value=pl.coalesce("value_last", "value_import"),
        source=pl.when(pl.col("value_last").is_not_null()).then("source").otherwise("source_import"),
    )


def _owner(owners: Mapping[str, Owner]) -> pl.Expr:
    named = {merchant: owner.value for merchant, owner in owners.items() if merchant != "*"}
    return pl.col("merchant_id").replace_strict(named, default=owners["*"].value, return_dtype=pl.String)


def _decision(empty: pl.Expr, never_written: pl.Expr) -> pl.Expr:
    """Decide by `owner`. Products that a person hid are left alone, as everywhere else."""
    owner, update = pl.col("owner"), pl.lit(Decision.UPDATE.value)
    return (
        pl.when(pl.col("by_hand"))
        .then(pl.lit(Decision.KEEP.value))
        .when(owner == Owner.FEED)
        .then(update)
        .when(owner == Owner.ASK)
        .then(pl.lit(Decision.ASK.value))
        .when((owner == Owner.FIRST_WRITE) & empty & never_written)
        .then(update)
        .otherwise(pl.lit(Decision.KEEP.value))
    )


def hand_edits(mismatches: Mapping[str, pl.LazyFrame]) -> list[str]:
    """A sentence for each kind in which the feed overwrites values that a person entered."""
    overwritten = pl.col("edited_by_hand") & (pl.col("decision") == Decision.UPDATE)
    numbers = {kind: frame.select(overwritten.sum()).collect().item() for kind, frame in mismatches.items()}
    return [
        f"{number:,} {'value was' if number == 1 else 'values were'} edited by hand in fields that the feed owns "
        f"(SYNC_OWNER_...): see {kind}-mismatches.csv"
        for kind, number in numbers.items()
        if number
    ]


def value_of(field: str, text: str | None) -> str | list[str] | None:
    """A field's value from its text."""
    return (text.split("\n") if text else []) if field in LISTS else text


def fingerprint(text: str) -> str:
    """The text itself when it is short, else its SHA-256."""
    return text if len(text) <= _VERBATIM else hashlib.sha256(text.encode()).hexdigest()


def content_marks(row: Json, images: Sequence[str], fed: Sequence[str], *, category: str | None) -> dict[str, Any]:
    """Fingerprints, by field, of the content that an import gives a product; kept in its operation.

    `row`: the first offer of the product; `images`: as written; `fed`: as in the feed.
    """
    values = {
        "title": row["title"],
        "description": row["description"],
        "images": pictures(images),
        "category": category,
    }
    marks = {field: fingerprint(text) for field, value in values.items() if (text := text_of(value))}
    rehosted = images and list(images) != list(fed)
    sources = {"images": fingerprint("\n".join(pictures(fed)))} if rehosted else {}
    # Marked with the damage alone: the title is to be mended whatever the feed's becomes.
    sources |= {"title": DAMAGE} if DAMAGE in row["name"] else {}
    return {"content": marks} | ({"feed": sources} if sources else {})


def written_values(key: str, target_id: str | None, after: Json) -> Iterator[Written]:
    """Yield the owned fields among the values that an operation wrote.

    In `after`, `feed` holds fingerprints of the feed's values; for an import, `content` those of the written ones.
    """
    source = after.get("feed") or {}
    if after.get(OFFER_KEY):
        yield Written(str(target_id), ADOPTED, after[OFFER_KEY])
    if PRICE in after:
        yield Written(target_id or key, PRICE, f"{after[PRICE]} {after['currency']}")
    for field in CONTENT:
        if field in after:
            yield Written(str(target_id), field, fingerprint(text_of(after[field]) or ""), source.get(field))
    for field, mark in (after.get("content") or {}).items():
        yield Written(str(after["product_key"]), field, mark, source.get(field))
