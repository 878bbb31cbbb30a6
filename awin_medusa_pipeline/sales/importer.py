"""Imports the sales on Etsy into Medusa: every order once, and put back once where it was cancelled or refunded.

How nothing is lost, although Etsy's reads are some time behind and orders change while they are read:

- Orders are read by the time of their last change, each import from a day before the newest change that the one before
  has seen: what Etsy showed late, or a run that died had read and not booked, is read again.
- Once a day the orders of the last two months are read again by the time they were made, since a cancellation or refund
  may leave the time of the last change as it is (open-api #513, #604), and what is off Medusa but in no list is asked
  for by its number.
- The same order may come as often as it likes: a sale is known by its transaction id, and booked once (booking.py).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from awin_medusa_pipeline.core.errors import Action, PermanentError, PipelineError
from awin_medusa_pipeline.core.messages import Hint, Line, Message
from awin_medusa_pipeline.core.store.leases import Leases, ShopBusyError
from awin_medusa_pipeline.etsy.client.answers import Receipt
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.oauth import SALES_SCOPE
from awin_medusa_pipeline.etsy.domain.messages import error_line, shorten, time_text
from awin_medusa_pipeline.etsy.domain.sales import (
    BY_HAND,
    OPEN_STATES,
    Sale,
    SaleState,
    Standing,
    choose_variant,
    pieces_moved,
)
from awin_medusa_pipeline.etsy.domain.tokens import MissingScopeError
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.sales import EtsySale, EtsySalesCursor, changes_of
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.products import SHOP_PRODUCT_FIELDS, shop_product
from awin_medusa_pipeline.medusa.shapes import Json
from awin_medusa_pipeline.sales.booking import Booking, SoldVariant
from awin_medusa_pipeline.sync.store.ledger import SALES_JOB, Ledger

OVERLAP = timedelta(days=1)
"""More than Etsy's reads are ever behind; a shop of a hundred orders a day still reads one page."""
LOOK_BACK = timedelta(days=60)
"""How long an order can be cancelled or refunded and have its pieces put back."""
LOOK_BACK_EVERY = timedelta(hours=20)
MOST_ASKED = 200
"""Orders that are asked for by their numbers in one import."""


class SalesScopeError(PermanentError):
    """The owner's consent does not cover the orders."""

    def __init__(self, shop: str) -> None:
        super().__init__(
            f"Importing the sales of the Etsy shop {shop}",
            f"the consent does not cover its orders ({SALES_SCOPE})",
            "Connect the shop once more.",
            action=Action.CONNECT_ETSY_SALES,
        )


@dataclass(frozen=True)
class SalesShop:
    """The Medusa shop whose levels are changed, and the run that does it."""

    address: str
    connect: Callable[[], MedusaClient]
    """Makes a client that may write."""
    run_id: str
    sleep: Callable[[float], None] = time.sleep


@dataclass
class SalesResult:
    """What an import came to for one account."""

    shop: str
    taken: int = 0
    """Sales that are taken off Medusa now."""
    put_back: int = 0
    by_hand: int = 0
    """Sales of the last two months that a person has to book."""
    unlinked: int = 0
    """Sales of the last two months whose listing belongs to no product here."""
    to_tell: list[str] = field(default_factory=list)
    """A sentence for each sale that a person has to look at, and was not told of."""
    imported_at: datetime | None = None
    """When the last import that came to its end began."""
    fault: PipelineError | None = None
    """Why this one did not come to its end; what it booked before stays booked."""

    @property
    def is_busy(self) -> bool:
        """Whether it waits for another run that changes the shop."""
        return isinstance(self.fault, ShopBusyError)

    @property
    def lines(self) -> list[Line]:
        """What was done, how far it is, and what a person has to do."""
        until = f"imported as of {time_text(self.imported_at)}" if self.imported_at else "not imported yet"
        lines: list[Line] = [f"Sales of {self.shop}: {until}; {self.taken:,} taken off, {self.put_back:,} put back"]
        if self.fault:
            lines.append(f"They could not be imported now. {self.fault}")
        lines += shorten("", self.to_tell)
        if self.unlinked:
            lines.append(f"Sales of listings that belong to no product here: {self.unlinked:,} in two months")
        if self.by_hand:
            lines.append(Hint(f"Sales that you have to book by hand: {self.by_hand:,}", Action.LIST_ETSY_SALES))
        return lines


def import_sales(etsy: EtsyState, shop: SalesShop) -> list[SalesResult]:
    """Import the sales of all connected accounts; a fault of one does not stop the others.

    Of an account that is disconnected, and of all where ETSY_IMPORT_SALES is off, it forgets how far it was: what is
    sold from then on is for a person to book. Tells the shop owner of sales that need a person, once each.
    """
    accounts = etsy.accounts.all()
    imported = [account for account in accounts if account.is_active and etsy.rules.import_sales]
    for account in accounts:
        if account not in imported:
            etsy.sold.stop(account.id)
    return [_AccountImport(etsy, shop, account).run() for account in imported]


@dataclass
class _AccountImport:
    etsy: EtsyState
    shop: SalesShop
    account: EtsyAccount

    def __post_init__(self) -> None:
        self.sold = self.etsy.sold
        self.result = SalesResult(self.account.shop_name)

    def run(self) -> SalesResult:
        try:
            self._import()
        except PipelineError as fault:
            self.result.fault = fault
            if isinstance(fault, SalesScopeError):
                self._tell_scope(fault)
        cursor = self.sold.cursor(self.account.id)
        self.result.imported_at = cursor.imported_at if cursor else None
        since = self.etsy.now() - LOOK_BACK
        self.result.by_hand = self.sold.count_since(self.account.id, since, *BY_HAND)
        self.result.unlinked = self.sold.count_since(self.account.id, since, SaleState.UNLINKED)
        self._tell()
        return self.result

    def _import(self) -> None:
        if not self.account.covers(SALES_SCOPE):
            raise SalesScopeError(self.account.shop_name)
        began_at = self.etsy.now()
        cursor = self.sold.begin(self.account.id)
        looks_back = cursor.looked_back_at is None or began_at - cursor.looked_back_at >= LOOK_BACK_EVERY
        with self.etsy.client(self.account) as client:
            client = client.urgently()  # what is not known to be sold is offered once more
            try:
                receipts = self._read(client, cursor, looks_back=looks_back)
            except MissingScopeError:
                raise SalesScopeError(self.account.shop_name) from None
        self._notice_undone()
        self._book([one for one in receipts if one.created_at >= _second(cursor.begins_at)])
        newest = max((one.updated_at for one in receipts), default=cursor.seen_until)
        until = max(newest, cursor.seen_until)
        self.sold.finish(self.account.id, began_at=began_at, seen_until=until, looked_back=looks_back)

    def _read(self, client: EtsyClient, cursor: EtsySalesCursor, *, looks_back: bool) -> list[Receipt]:
        """Read what changed, each order once, oldest first."""
        since = cursor.seen_until - OVERLAP
        found = [one for canceled in (False, True) for one in client.receipts(since, canceled=canceled)]
        if looks_back:
            first = max(cursor.begins_at - OVERLAP, self.etsy.now() - LOOK_BACK)
            for canceled in (False, True):
                found += client.receipts(first, created=True, canceled=canceled)
            listed = {one.receipt_id for one in found}
            rows = self.sold.taken_since(self.account.id, first)
            lost = [id_ for id_ in dict.fromkeys(row.receipt_id for row in rows) if id_ not in listed]
            found += [one for id_ in lost[:MOST_ASKED] if (one := client.receipt(id_))]
        return each_once(found)

    def _notice_undone(self) -> None:
        """Find what a person has taken back with `undo`: it stays so, and is not counted as taken any more."""
        since = self.etsy.now() - LOOK_BACK
        rows = self.sold.with_levels(self.account.id, since)
        entries = {f"etsy:{row.transaction_id}": max(one.entry for one in changes_of(row)) for row in rows}
        undone = Ledger(self.etsy.database).applied_after(entries)
        for row in rows:
            changes = changes_of(row)
            took = sum(one.before - one.after for one in changes) > 0
            is_undone = f"etsy:{row.transaction_id}" in undone
            state = SaleState.UNDONE if is_undone else SaleState.TAKEN if took else SaleState.RETURNED
            if state is not row.state:
                taken = pieces_moved(changes) if took is not is_undone else 0
                self.sold.update(row, state=state, taken=taken)

    def _book(self, receipts: Sequence[Receipt]) -> None:
        """Book what is not booked; takes the shop only where there is something to change in it."""
        open_rows = self.sold.open(self.account.id)
        if not open_rows and not any(True for _ in self._changes(receipts)):
            return
        run = self.shop.run_id
        with ExitStack() as stack:
            lease = stack.enter_context(Leases(self.etsy.database).hold(self.shop.address, run_id=run, job=SALES_JOB))
            medusa = stack.enter_context(self.shop.connect())
            medusa.ask_before_writing(lease.check)
            booking = Booking(
                medusa,
                medusa.stock_location_id(self.etsy.rules.stock_location),
                self.sold,
                Ledger(self.etsy.database),
                self.shop.address,
                run,
                lease=lease,
                sleep=self.shop.sleep,
                now=self.etsy.now,
            )
            try:
                # Again: another run may have left or booked some before this one had the shop.
                for row in self.sold.open(self.account.id):
                    booking.settle(row)
                    self._count(row)
                changes = list(self._changes(receipts))
                variants = self._variants(medusa, [sale for _, sale, known in changes if known is None])
                for receipt, sale, known in changes:
                    self._book_one(booking, receipt, sale, known, variants.get(sale.transaction_id))
            finally:
                booking.ledger.finish_run(run)

    def _changes(self, receipts: Iterable[Receipt]) -> Iterator[tuple[Receipt, Sale, EtsySale | None]]:
        """Yield what is to be booked: a sale that is not known, or one that is to be put back or told of."""
        receipts = list(receipts)
        ids = [sale.transaction_id for receipt in receipts for sale in receipt.sales]
        known = self.sold.known(self.account.id, ids)
        for receipt in receipts:
            for sale in receipt.sales:
                row = known.get(sale.transaction_id)
                if _is_to_book(receipt.standing, row):
                    yield receipt, sale, row

    def _book_one(
        self, booking: Booking, receipt: Receipt, sale: Sale, row: EtsySale | None, variant: "SoldVariant | str | None"
    ) -> None:
        if row is None and receipt.standing is Standing.OFF:
            self._record_cancelled(sale, variant)
            return
        if row is None:
            row = self._take(booking, sale, variant)
        if receipt.standing is Standing.OFF and row.state not in OPEN_STATES:
            if row.state is SaleState.TAKEN:
                booking.put_back(row)
            elif row.taken == 0:
                self.sold.update(row, state=SaleState.RETURNED, levels=[], reason=None)
        elif receipt.standing is Standing.PARTLY_REFUNDED:
            reason = "its order was refunded in part: raise the level yourself if pieces come back"
            said = f"{row.reason}; {reason}" if row.reason else reason
            self.sold.update(row, partly_refunded=True, reason=said)
        self._count(row)

    def _take(self, booking: Booking, sale: Sale, variant: "SoldVariant | str | None") -> EtsySale:
        """Book a sale that is not known. `variant`: the one that was sold, or why it cannot be told; None: no link."""
        if isinstance(variant, SoldVariant):
            if variant.each:
                return booking.take(self.account.id, sale, variant)
            names = {"product_id": variant.product_id, "variant_id": variant.variant_id}
            return self.sold.record(self.account.id, sale, SaleState.UNCOUNTED, **names)
        state = SaleState.UNKNOWN if variant else SaleState.UNLINKED
        return self.sold.record(self.account.id, sale, state, reason=variant)

    def _record_cancelled(self, sale: Sale, variant: "SoldVariant | str | None") -> None:
        """Record that a sale was over before it was booked: what Etsy lacks of it is no riddle then."""
        names = {}
        if isinstance(variant, SoldVariant):
            names = {"product_id": variant.product_id, "variant_id": variant.variant_id}
        self.sold.record(self.account.id, sale, SaleState.RETURNED, **names)

    def _count(self, row: EtsySale) -> None:
        self.result.taken += row.state is SaleState.TAKEN
        self.result.put_back += row.state is SaleState.RETURNED

    def _variants(self, medusa: MedusaClient, sales: Sequence[Sale]) -> Mapping[int, "SoldVariant | str"]:
        """Find the variant of each sale whose listing has a product, by transaction id; or why it cannot be told."""
        listings = {sale.listing_id for sale in sales if sale.listing_id}
        products = self.etsy.links.of_listings(self.account.id, listings)
        found = {
            one["id"]: one for one in medusa.where("products", "id", sorted(products.values()), SHOP_PRODUCT_FIELDS)
        }
        return {
            sale.transaction_id: _variant_of(sale, products[sale.listing_id], found)
            for sale in sales
            if sale.listing_id in products
        }

    def _tell_scope(self, fault: SalesScopeError) -> None:
        """Tell the shop owner once that the consent is too small, not each hour."""
        title = f"Etsy shop {self.account.shop_name}: its sales are not imported"
        key = f"etsy-sales-scope-{self.account.id}-{self.account.connected_at.isoformat()}"
        self.etsy.notify(key, Message(":warning:", title, [error_line(fault)]))

    def _tell(self) -> None:
        """Tell the shop owner of what needs a person. Marked as told only then: better twice than never."""
        rows = self.sold.not_told(self.account.id)
        if not rows:
            return
        self.result.to_tell = [sale_text(row) for row in rows]
        number = f"{len(rows):,} sale{'' if len(rows) == 1 else 's'}"
        lines: list[Line] = [
            *shorten("", self.result.to_tell),
            Hint("All sales of late", Action.LIST_ETSY_SALES),
        ]
        message = Message(":warning:", f"Etsy shop {self.account.shop_name}: {number} to look at", lines)
        self.etsy.notify(f"etsy-sales-{self.account.id}-{self.shop.run_id}", message)
        self.sold.mark_told(rows)


def each_once(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Keep each order once, oldest first: as it was read last, but cancelled where it was read so at all."""
    found: dict[int, Receipt] = {}
    for one in receipts:
        if one.receipt_id not in found or found[one.receipt_id].standing is not Standing.OFF:
            found[one.receipt_id] = one
    return sorted(found.values(), key=lambda one: (one.created_at, one.receipt_id))


def sale_text(row: EtsySale) -> str:
    """A sale for a person, with what is to be looked at."""
    what = f"{row.title} ({row.variant})" if row.variant else row.title
    said = f"{row.pieces} x {what}, order {row.receipt_id} of {row.sold_at:%Y-%m-%d}"
    if not row.reason:
        return said
    to_do = ". Lower its level in Medusa yourself" if row.state is SaleState.UNKNOWN else ""
    return f"{said}: {row.reason}{to_do}."


def _is_to_book(standing: Standing, row: EtsySale | None) -> bool:
    if row is None:
        return standing is not Standing.OPEN
    if row.state in (SaleState.RETURNED, SaleState.UNDONE):
        return False
    if standing is Standing.OFF:
        return row.state is SaleState.TAKEN or row.taken == 0
    return standing is Standing.PARTLY_REFUNDED and not row.partly_refunded


def _variant_of(sale: Sale, product_id: str, products: Mapping[str, Json]) -> "SoldVariant | str":
    product = products.get(product_id)
    if product is None:
        return f"its product {product_id} is not in Medusa any more"
    variant = choose_variant(sale, shop_product(product, currency="").variants)
    if variant is None:
        return f"neither its SKU nor its options tell which variant of {product['title']} it is"
    raw = next(one for one in product["variants"] if one["id"] == variant.id)
    if raw.get("manage_inventory") is False:
        return SoldVariant(product_id, variant.id, {})
    links = raw.get("inventory_items") or []
    if not links:
        return f"Medusa has no inventory item for {variant.name}"
    each = {link["inventory_item_id"]: int(link.get("required_quantity") or 1) for link in links}
    return SoldVariant(product_id, variant.id, each)


def _second(moment: datetime) -> datetime:
    """Etsy's times are whole seconds."""
    return moment.replace(microsecond=0)
