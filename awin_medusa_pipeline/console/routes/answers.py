"""Describes what the API takes and answers; the OpenAPI file is made from it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Problem(BaseModel):
    """RFC 9457: what is wrong, and what to do."""

    type: str = "about:blank"
    status: int
    title: str
    to_do: str
    code: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/problem+json": {"schema": Problem.model_json_schema()}}}
    for status, words in {
        400: "The request cannot be read.",
        401: "No credential.",
        403: "The credential does not allow it, or another page has sent the request.",
        404: "There is no such thing.",
        405: "The route does not take this method.",
        409: "It cannot be done in the state that it is in.",
        413: "The body is too large.",
        421: "The Host header names another host.",
        422: "The request does not fit, or what it asks for cannot be done.",
        503: "The shop, Etsy or the state store does not answer.",
    }.items()
}


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(from_attributes=True)


class SyncToEtsy(BaseModel):
    """Products to bring to Etsy."""

    model_config = ConfigDict(extra="forbid")

    product_ids: list[Id] = Field(min_length=1, max_length=5_000, description="Medusa id, handle or SKU of each.")
    etsy_account_id: Id = Field(description="Name or shop id of the connected Etsy shop.")
    sold_is_booked: bool = Field(
        False, description="The levels in Medusa count the pieces that went on Etsy: offer all of them."
    )


class Comment(BaseModel):
    """Why it was decided so."""

    model_config = ConfigDict(extra="forbid")

    comment: str | None = Field(None, max_length=2_000)


class Total(Answer):
    """Number of products."""

    total: int


class Requested(Answer):
    """A job that waits for its confirmation."""

    transaction_id: str
    summary: Total


class Success(Answer):
    """It was done."""

    success: bool = True


class Job(Answer):
    """An Etsy job."""

    transaction_id: str
    status: str
    account_id: int
    total_products: int
    synced_count: int
    failed_count: int
    attempt: int
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None


class JobProduct(Answer):
    """One product of a job, with its outcome."""

    product_id: str
    title: str
    proposal: str
    outcome: str
    error: str | None
    listing_id: int | None
    url: str | None


class JobDetail(Job):
    """A job with its products."""

    fees_usd: Decimal = Field(description="The most that Etsy may charge.")
    products: list[JobProduct]


class Page(Answer):
    """Which page of a list this is."""

    page: int
    more: bool


class Jobs(Page):
    """A page of jobs, newest first."""

    jobs: list[Job]


class Product(Answer):
    """A product of the shop, with its state on Etsy."""

    product_id: str
    title: str
    handle: str
    status: str
    skus: str
    variants: int
    image: str
    etsy: str = Field(description="none, pending, synced, failed or out_of_sync")
    listing_id: int | None
    url: str | None


class Products(Page):
    """A page of products."""

    total: int
    products: list[Product]


class Listing(Answer):
    """The listing of a product in one Etsy shop."""

    shop: str
    status: str
    listing_id: int | None
    url: str | None
    last_synced_at: datetime | None
    error: str | None


class Value(Answer):
    """One field of a product on both sides."""

    name: str
    variant: str
    feed: str
    shop: str
    wanted: str
    owner: str
    kept_by: str


class Operation(Answer):
    """One operation in the story of a product."""

    run_id: str
    kind: str
    key: str
    status: str
    before: Any
    after: Any
    reason: str | None
    at: datetime


class ProductDetail(Answer):
    """A product field by field, with its listings and its story."""

    product_id: str
    title: str
    handle: str
    status: str
    external_id: str
    images: list[str]
    fields: list[Value]
    listings: list[Listing]
    story: list[Operation]


class Counts(Answer):
    """Operations by outcome."""

    planned: int
    applied: int
    unchanged: int
    skipped: int
    held: int
    failed: int


class Run(Answer):
    """A run on the shop."""

    run_id: str
    job: str
    dry_run: bool
    started_at: datetime
    finished_at: datetime | None
    ended: str
    counts: Mapping[str, Counts]


class Runs(Page):
    """A page of runs, newest first."""

    runs: list[Run]


class RunDetail(Run):
    """A run with its summary."""

    summary: Mapping[str, Any] | None


class Plan(Answer):
    """A plan that waits for a person, or was decided."""

    hash: str
    kind: str
    rows: int
    proposed: bool
    state: str
    reasons: list[str]
    run_id: str
    created_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None


class Plans(Answer):
    """Every plan of the shop."""

    plans: list[Plan]


class PlanDetail(Plan):
    """A plan with a page of its rows, the largest changes first."""

    page: int
    more: bool
    table: list[Mapping[str, Any]]


class Asked(Answer):
    """A run that was asked for; Dagster starts it."""

    request_id: int
    job: str
    requested_at: datetime


class SyncRequest(BaseModel):
    """How to sync."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(True, description="Only plan; nothing is sent.")
    limit: int | None = Field(None, ge=1, le=1_000_000, description="Change at most so many things of each kind.")
    comment: str | None = Field(None, max_length=2_000)


class UndoRequest(BaseModel):
    """How to take a run back."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(True, description="Only show what would be taken back.")
    comment: str | None = Field(None, max_length=2_000)
