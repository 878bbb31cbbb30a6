"""Defines the tables of the Etsy part: what would change on Etsy, and which listings exist."""

import dataframely as dy

from awin_medusa_pipeline.core.contracts import Table, text


class EtsyPlanRow(Table):
    """One change that would be made on Etsy, or one thing that a person should know about a product."""

    shop = text("Etsy shop")
    product_id = text("Medusa product")
    title = text("Its title in Medusa")
    to_do = text("create, update, deactivate, nothing or refuse; and publish, where Etsy charges a fee")
    kind = text(
        "change: a field that differs; problem: why Etsy would refuse it; note: worth knowing; none: nothing to do",
        regex="^(change|problem|note|none)$",
    )
    field = text("Field of the listing, of a variant with its options", nullable=True)
    before = text("As Etsy was last given it, or shows it now; null: never given", nullable=True)
    after = text("As it would be; null: it is removed", nullable=True)
    sentence = text("The problem or the note", nullable=True)
    transaction_id = text("The open job that has the product", nullable=True)


class EtsyListing(Table):
    """One product of the shop with its listing on Etsy."""

    shop = text("Etsy shop", primary_key=True)
    product_id = text("Medusa product", primary_key=True)
    title = text("Its title on Etsy", nullable=True)
    status = text(
        "pending: an open job has it; synced; failed; out_of_sync: it has changed since",
        regex="^(pending|synced|failed|out_of_sync)$",
    )
    listing_id = dy.Int64(nullable=True, metadata={"doc": "Null: there is none yet"})
    url = text("Where it is on Etsy", nullable=True)
    state = text("As Etsy last showed it: draft, active, inactive, sold_out, expired, ...", nullable=True)
    last_synced_at = dy.Datetime(time_zone="UTC", nullable=True, metadata={"doc": "When it was last as it should be"})
    error = text("Why it failed, and what to do", nullable=True)
    transaction_id = text("The open job that has the product", nullable=True)
