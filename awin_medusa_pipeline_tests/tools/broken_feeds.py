"""Lists broken feeds, each with a name: what is served, its reason code, and what a whole sync would do.

`python -m awin_medusa_pipeline_tests.tools.broken_feeds` prints them as a table: name, code, sentence.

Each is tried with a real web server, the real download, parsing, comparing, guards and held plans, on a shop in memory
that is in line with three good feeds; end_to_end/test_bad_feed.py has the same faults in runs on a real Medusa.
"""

import gzip
import io
import json
import shutil
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.medusa.client import MedusaClient, Shop
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.clients import awin
from awin_medusa_pipeline.sync.clients.awin_address import label_of
from awin_medusa_pipeline.sync.domain.feed import unpack
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError
from awin_medusa_pipeline.sync.domain.feed.facts import FeedVersion
from awin_medusa_pipeline.sync.domain.operations import Bundle, Counts, Operation
from awin_medusa_pipeline.sync.engine.applier import Applier
from awin_medusa_pipeline.sync.engine.apply import ApplyResult, Engine
from awin_medusa_pipeline.sync.engine.held import Gate
from awin_medusa_pipeline.sync.engine.intake import remarks, take_feeds, tripped_guards
from awin_medusa_pipeline.sync.engine.rules import SyncRules
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.support.feeds import ADDRESS, KEY, Answer, Web, row, text_of, web_server
from awin_medusa_pipeline_tests.support.shop_model import LOCATION, ShopModel

Rows = Sequence[dict[str, str]]


def named(number: int, **cells: str) -> dict[str, str]:
    """Make a row whose image does not compress: the size of a packed feed then follows the number of its rows."""
    image = f"https://pictures.example/{sha256(str(number).encode()).hexdigest()}.png"
    return row(f"R{number}", merchant_image_url=image, in_stock="0" if number % 20 == 7 else "1") | cells


ROWS = [named(number) for number in range(60)]
GOOD = text_of(*ROWS)


def packed(text: str) -> bytes:
    """Pack a feed as AWIN does."""
    return gzip.compress(text.encode(), 1, mtime=0)


def fifth(change: Callable[[dict[str, str]], dict[str, str]]) -> bytes:
    """Change every fifth row of the good feed."""
    return packed(text_of(*(change(one) if at % 5 == 0 else one for at, one in enumerate(ROWS))))


def all_with(**cells: str) -> bytes:
    """Put these cells into every row of the good feed."""
    return packed(text_of(*(one | cells for one in ROWS)))


def lines(change: Callable[[str], str], every: int = 5) -> bytes:
    """Change every fifth line of the good feed as text."""
    header, *rest = GOOD.splitlines()
    return packed("\n".join([header, *(change(line) if at % every == 0 else line for at, line in enumerate(rest)), ""]))


def zipped(*names: str, body: bytes | None = None) -> bytes:
    """Make a zip file of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, GOOD.encode() if body is None else body)
    return file.getvalue()


def with_flag(archive: bytes) -> bytes:
    """Make a zip file say that it is encrypted (APPNOTE 4.4.4: bit 0, in both of a member's headers)."""
    at = archive.index(b"PK\x01\x02") + 8
    return b"PK\x03\x04" + archive[4:6] + b"\x01\x00" + archive[8:at] + b"\x01\x00" + archive[at + 2 :]


def json_lines(rows: Rows) -> list[str]:
    """Write rows as AWIN's enhanced feeds do."""
    return [
        json.dumps(
            {
                "advertiser_id": one["merchant_id"],
                "id": one["merchant_product_id"],
                "title": one["product_name"],
                "price": f"{one['search_price']} {one['currency']}",
                "availability": "in_stock",
            }
        )
        for one in rows
    ]


@dataclass(frozen=True)
class Broken:
    """A broken feed. `code` None: nothing is wrong with it as far as the shop is concerned."""

    name: str
    code: str | None
    answer: Answer = field(default_factory=Answer)
    settings: Mapping[str, str] = field(default_factory=dict)
    file: bool = False
    """Also tried as a file: what is wrong lies in the bytes."""
    address: str = "{url}" + ADDRESS
    before: Callable[[pytest.MonkeyPatch, FeedHistory], None] = lambda patch, history: None
    """What else is wrong with the world."""


def content(name: str, code: str | None, body: bytes, **settings: str) -> Broken:
    """Describe a feed whose fault lies in its bytes, wherever they come from."""
    return Broken(name, code, Answer(body), settings, file=True)


def served(name: str, code: str | None, body: bytes, **settings: str) -> Broken:
    """Describe one whose fault shows beside an earlier feed of the same address."""
    return Broken(name, code, Answer(body), settings)


def answered(name: str, code: str, status: int, body: bytes = b"", **more: Any) -> Broken:
    """Describe a fault of the server."""
    return Broken(name, code, Answer(body, status, **more))


def _no_such_host(patch: pytest.MonkeyPatch, _: FeedHistory) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    patch.setattr(socket, "getaddrinfo", fail)


def _impatient(patch: pytest.MonkeyPatch, _: FeedHistory) -> None:
    patch.setattr(awin, "PATIENCE", 0.1)


def _small_limits(patch: pytest.MonkeyPatch, _: FeedHistory) -> None:
    patch.setattr(unpack, "FREE_GROWTH", 1 << 20)


def _same_for_weeks(_: pytest.MonkeyPatch, history: FeedHistory) -> None:
    label, version = label_of(f"http://127.0.0.1{ADDRESS}"), FeedVersion(sha256(packed(GOOD)).hexdigest(), 1)
    long_ago = datetime.now(UTC) - timedelta(days=40)
    history.record(label, "older", FeedState.ACCEPTED, version=version, recorded_at=long_ago)


LEAK = {"Location": f"http://localhost:9/{KEY}/feed.csv"}
PAGE = b"<!DOCTYPE html>\n<html><head><title>Down for maintenance</title></head><body>Back soon</body></html>"
LOGIN = b'<!DOCTYPE html>\n<html><title>Awin</title><form><input name="p" type="password"></form></html>'
SOAP = b'<?xml version="1.0"?>\n<error><code>12</code><message>Invalid feed id</message></error>'
JSON = "\n".join(json_lines(ROWS))
BOMB = GOOD.encode() + b"\n" * (8 << 20)
GIBBERISH = sha256(b"x").digest() * 40

SERVER = [
    answered("the key is refused", "wrong_key", 401, b"Invalid API key " + KEY.encode()),
    answered("no longer joined to the programme", "no_access", 403, b"Forbidden"),
    Broken(
        "the token of an enhanced feed is refused",
        "wrong_token",
        address="{url}/publishers/1/awinfeeds/download/5-retail-en_GB.jsonl",
    ),
    answered("the feed has another id now", "not_found", 404, b"Not found"),
    answered("the feed is gone for good", "not_found", 410),
    answered("a request that AWIN does not understand", "refused", 400, b"Bad column"),
    answered("error 500 for ever", "server_error", 500, b"we broke something " + KEY.encode()),
    answered("down for maintenance", "unavailable", 503),
    answered("error 429 for ever", "throttled", 429),
    answered("throttled, in words", "throttled", 200, b"Download throttled"),
    answered("a redirect in a circle", "redirect_loop", 302, headers={"Location": ADDRESS}),
    answered("a redirect that would give the key to another host", "unsafe_redirect", 302, headers=LEAK),
    Broken("nobody listens", "no_connection", address="http://127.0.0.1:9" + ADDRESS),
    Broken(
        "a host that does not exist", "unknown_host", address="http://nowhere.invalid" + ADDRESS, before=_no_such_host
    ),
    Broken("https where none is spoken", "no_secure_connection", address="https://127.0.0.1:{port}" + ADDRESS),
    Broken("the body drips for hours", "too_slow", Answer(packed(GOOD), piece=50), before=_impatient),
    Broken(
        "the connection ends in the middle", "connection_broke", Answer(packed(GOOD)[:900], length=len(packed(GOOD)))
    ),
    Broken("Content-Length too short", "truncated", Answer(packed(GOOD), length=900)),
    Broken("an address of another kind", "bad_address", address="http://[::1" + ADDRESS),
    Broken("no address", "no_address", address=" "),
    Broken("a file that is not there", "no_file", address="{folder}/gone.csv"),
    Broken("a folder in place of a file", "unreadable_file", address="{folder}/home"),
]
BYTES = [
    content("an empty file", "empty", b""),
    content("an empty gzip file", "empty", gzip.compress(b"")),
    content("blank lines", "no_table", b"\n \n\n"),
    content("gzip cut in half", "truncated", packed(GOOD)[: len(packed(GOOD)) // 2]),
    content("gzip with garbage behind it", "damaged", packed(GOOD) + b"garbage"),
    content("gzip with a wrong checksum", "damaged", packed(GOOD)[:-8] + b"\0\0\0\0" + packed(GOOD)[-4:]),
    content("gzip with flipped bits", "damaged", packed(GOOD)[:600] + b"#?#" + packed(GOOD)[603:]),
    Broken("a gzip bomb", "oversized", Answer(gzip.compress(BOMB)), file=True, before=_small_limits),
    Broken("a zip bomb", "oversized", Answer(zipped("f.csv", body=BOMB)), file=True, before=_small_limits),
    content("zip without a file", "zip_without_feed", zipped()),
    content("zip with two files", "zip_of_several", zipped("a.csv", "b.csv")),
    content("zip with a password", "zip_with_password", with_flag(zipped("a.csv"))),
    content("zip cut off", "truncated", zipped("a.csv")[:-40]),
    content("zip with flipped bits", "damaged", zipped("a.csv")[:300] + b"#?#" + zipped("a.csv")[303:]),
    content("zip with a picture", "no_text", zipped("a.csv", body=b"\x89PNG\r\n\x1a\n" + GIBBERISH)),
    content("packed with 7-Zip", "unknown_packing", b"7z\xbc\xaf\x27\x1c" + GIBBERISH),
    content("an Excel file", "spreadsheet", zipped("[Content_Types].xml", "xl/workbook.xml")),
    content("an old Excel file", "spreadsheet", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + GIBBERISH),
    content("a PDF", "no_text", b"%PDF-1.7\n" + GIBBERISH),
    content("random bytes", "no_text", b"\0\1\2" + GIBBERISH),
    content("UTF-16", "utf_16", GOOD.encode("utf-16")),
    content("UTF-16 without a byte order mark", "utf_16", GOOD.encode("utf-16-le")),
    content("a web page", "web_page", PAGE),
    content("a page to log in", "login_page", LOGIN),
    content("a page to log in, packed", "login_page", gzip.compress(LOGIN)),
    content("XML instead of CSV", "xml", b'<?xml version="1.0"?>\n<cafProductFeed><datafeed/></cafProductFeed>'),
    content("an error in XML", "xml_error", SOAP),
    content("an error in JSON", "json_error", b'{"error":"no_access","message":"Locale not found"}'),
    content("a sentence", "no_table", b"json is not supported. Please use CSV format"),
    content("a JSON array", "json_not_lines", f"[{','.join(json_lines(ROWS))}]".encode()),
    content("JSON over many lines", "json_not_lines", json.dumps(json.loads(json_lines(ROWS)[0]), indent=1).encode()),
    content("JSON Lines that end with an error", "incomplete", f'{JSON}\n{{"error":1,"message":"late"}}'.encode()),
    content("a header and nothing else", "header_only", packed(text_of())),
    content("a header with a byte order mark and nothing else", "header_only", b"\xef\xbb\xbf" + text_of().encode()),
    content("a line that does not end", "endless_line", gzip.compress(text_of().encode() + b"x" * (40 << 20), 1)),
    content("no column with the id", "missing_columns", packed(GOOD.replace("merchant_product_id", "sku", 1))),
    content("no column with the price", "missing_columns", packed(GOOD.replace("search_price", "preis", 1))),
    content("no column with the name", "missing_columns", packed(GOOD.replace("product_name", "titel", 1))),
    content("the export of another shop", "unknown_columns", packed("Handle,Title2,Vendor\nkettle,Kettle,Hedgerow\n")),
    content("a price column that is not there", "wrong_price_column", packed(GOOD), SYNC_PRICE_COLUMN="base_price"),
    content("the header is lost", "unknown_columns", packed(GOOD.split("\n", 1)[1])),
    content("every price is zero", "all_no_price", all_with(search_price="0.00")),
    content("every price is negative", "all_no_price", all_with(search_price="-5.00")),
    content("every price is a word", "all_no_price", all_with(search_price="on request")),
    content("every price may be a thousand", "all_unclear_price", all_with(search_price="1,299")),
    content("no currency anywhere", "all_no_currency", all_with(currency="")),
    content("a currency that does not exist", "all_no_currency", all_with(currency="XXZ")),
    content("price and column name two currencies", "all_currency_conflict", all_with(search_price="EUR 9.99")),
    content("no ids anywhere", "all_no_id", all_with(merchant_product_id="")),
    content("no names anywhere", "all_no_name", all_with(product_name=" ")),
    content("no merchant anywhere", "all_no_merchant", all_with(merchant_id="")),
    content("every row has a cell too few", "all_too_few_cells", lines(lambda line: line.rpartition(",")[0], 1)),
    content("every row has cells of another column", "all_shifted_columns", all_with(currency="10.00")),
    content("every row opens a quotation mark", "all_malformed_quote", packed(GOOD.replace("7001,", '7001,"x', 61))),
]
HELD = [
    served("less than a quarter of yesterday's size", "shrunken", packed(text_of(*ROWS[:10]))),
    served("half of the rows are missing", "short_feed", packed(text_of(*ROWS[:30]))),
    Broken("plain text cut in the middle", "short_feed", Answer(GOOD.encode(), length=len(GOOD) * 2 // 3)),
    served("last year's feed", "too_many_to_hide", packed(text_of(*ROWS[30:], *(named(n) for n in range(100, 130))))),
    served("another range altogether", "all_to_hide", packed(text_of(*(named(n) for n in range(200, 260))))),
    served(
        "all product ids are new",
        "uncertain",
        packed(text_of(*(one | {"merchant_product_id": f"N{at}"} for at, one in enumerate(ROWS)))),
    ),
    served("another advertiser's feed", "other_merchants", all_with(merchant_id="9999")),
    served("prices in pence", "price_jump", all_with(search_price="1000")),
    served("prices up by the tax of two countries", "prices_jump", all_with(search_price="16.00")),
    served("one column more", "changed_header", packed(GOOD.replace("\n", ",x\n"))),
    served("the stock column has another name", "changed_header", packed(GOOD.replace("in_stock", "lagerbestand", 1))),
    served("another delimiter", None, packed(GOOD.replace(",", ";"))),
    served("everything is sold out", "all_to_set_to_zero", all_with(in_stock="0")),
    served(
        "nearly everything is sold out",
        "too_many_to_set_to_zero",
        packed(text_of(*(one | {"in_stock": "0"} for one in ROWS[:55]), *ROWS[55:])),
    ),
    served("the stock column is blank", "no_stock", all_with(in_stock="")),
    served("a fifth of the ids is repeated", "many_duplicate", fifth(lambda one: one | {"merchant_product_id": "R1"})),
    served("a fifth of the prices is zero", "many_no_price", fifth(lambda one: one | {"search_price": "0"})),
    served(
        "a fifth of the prices is unclear", "many_unclear_price", fifth(lambda one: one | {"search_price": "1,299"})
    ),
    served("a fifth without currency", "many_no_currency", fifth(lambda one: one | {"currency": ""})),
    served("a fifth in two currencies", "many_currency_conflict", fifth(lambda one: one | {"search_price": "EUR 9"})),
    served("a fifth without id", "many_no_id", fifth(lambda one: one | {"merchant_product_id": ""})),
    served("a fifth without name", "many_no_name", fifth(lambda one: one | {"product_name": ""})),
    served("a fifth with shifted columns", "many_shifted_columns", fifth(lambda one: one | {"currency": "10.00"})),
    served("a fifth with a quotation mark left open", "many_malformed_quote", lines(lambda line: f'"{line}')),
    served("a fifth with a cell too many", "many_too_many_cells", lines(lambda line: f"{line},x")),
    served("a fifth with a cell too few", "many_too_few_cells", lines(lambda line: line.rpartition(",")[0])),
    served(
        "JSON Lines of which a fifth is broken",
        "many_malformed_json",
        "\n".join(line[: -1 if at % 5 == 1 else None] for at, line in enumerate(json_lines(ROWS))).encode(),
    ),
    served("text in Latin-1", "wrong_encoding", gzip.compress(GOOD.replace("Hedgerow", "Hédgerow").encode("latin-1"))),
    Broken("the same feed for weeks", "frozen", Answer(packed(GOOD)), before=_same_for_weeks),
]
HARMLESS = [
    content("zip with a name that leads elsewhere", None, zipped("../../../etc/feed.csv")),
    content("NUL bytes in cells", None, packed(GOOD.replace("Hedgerow", "Hedge\0row"))),
    content("Windows line ends and a byte order mark", None, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()),
]
BROKEN = [*SERVER, *BYTES, *HELD]


@dataclass(frozen=True)
class Met:
    """What became of a broken feed: what people were told, and what would have been sent to the shop."""

    told: list[str]
    sent: dict[str, list[str]]
    """Keys by what would be done to them: hide, empty, price, content; import and stock do no harm."""

    @property
    def codes(self) -> list[str]:
        """Reason codes, in the order told."""
        return [sentence[sentence.rindex("[") + 1 : sentence.rindex("]")] for sentence in self.told]


@dataclass(frozen=True)
class Trial(Applier):
    """An applier that keeps what it would send."""

    sent: list[Bundle] = field(default_factory=list)

    def _apply(self, writer: Any, plan: Any, stopped: str | None = None) -> ApplyResult:
        self.sent.extend(item for item in plan if isinstance(item, Bundle))
        return ApplyResult(Counts())


@dataclass(frozen=True)
class Trials:
    """A shop that is in line with the good feed, which was accepted three times."""

    folder: Path
    web: Web
    model: ShopModel
    environment: pytest.MonkeyPatch

    def meet(self, broken: Broken, *, as_file: bool = False) -> Met:
        """Take the feed in and plan a whole sync, in a world of its own."""
        with TemporaryDirectory(dir=self.folder) as name, pytest.MonkeyPatch.context() as patch:
            folder = Path(name)
            shutil.copytree(self.folder / "before", folder / "home")
            address = broken.address.format(url=self.web.url, port=self.web.url.rpartition(":")[2], folder=folder)
            if as_file:
                address = str(folder / "feed.csv.gz")
                Path(address).write_bytes(broken.answer.body)
            self.web.answers = {ADDRESS: broken.answer}
            self.web.otherwise = Answer(status=401)
            for setting, value in {"AWIN_FEED_URL": address, **broken.settings}.items():
                patch.setenv(setting, value)
            with open_database(f"sqlite:///{folder}/home/state.db") as database:
                history = FeedHistory(database)
                broken.before(patch, history)
                return self._met(folder, history, HeldPlans(database))

    def _met(self, folder: Path, history: FeedHistory, plans: HeldPlans) -> Met:
        settings = Settings()
        try:
            offers = taken(settings, history, "tonight", folder).collect().lazy()
        except FeedError as error:
            return Met([str(error)], {})
        tables = {
            name: frame.collect()
            for name, frame in self.model.detect(offers, settings.stock_rules, jump=settings.price_jump).items()
        }
        catalog, only, levels = self.model.catalog(), tables["medusa_only_products"], tables["stock_mismatches"]
        limits = settings.guard_limits
        trips = tripped_guards(history, "tonight", limits)
        engine, gate = Engine(Ledger(None), "tonight"), Gate(trips, plans, "http://shop", "tonight", 24)
        rules = SyncRules(limits=limits, hide=settings.hide_rules, price_jump=settings.price_jump)
        shop = Shop("sc", LOCATION, "sp")
        trial = Trial(MedusaClient("http://shop", admin_key="sk"), shop, engine, rules, gate=gate)
        trial.adopt(tables["adoption_candidates"])
        trial.import_missing(tables["missing_awin_products"])
        trial.hide(only, catalog)
        trial.restore(tables["returning_products"], catalog)
        trial.set_stock(levels, catalog)
        trial.set_prices(tables["price_mismatches"], tables["matched_products"].lazy())
        trial.update_content(tables["content_mismatches"], tables["matched_products"].lazy())
        told = list(dict.fromkeys(reason for plan in plans.of_run("tonight") for reason in plan.reasons))
        return Met(
            [*told, *(text for text in remarks(history, "tonight", limits) if text not in told)], by_effect(trial.sent)
        )


def by_effect(sent: Sequence[Bundle]) -> dict[str, list[str]]:
    """Sort the keys of what would be sent by what it does to the shop."""
    found: dict[str, list[str]] = {}
    for bundle in sent:
        for operation in bundle.operations:
            found.setdefault(_effect(operation), []).append(operation.key)
    return found


def _effect(operation: Operation) -> str:
    after, before = operation.after, operation.before or {}
    if "sku" in after:
        return "import"
    if "level" in after:
        return "empty" if after["level"] == 0 and before.get("level") else "stock"
    return "hide" if after.get("status") == "draft" else "price" if "price" in after else "content"


def taken(settings: Settings, history: FeedHistory, run_id: str, folder: Path) -> pl.LazyFrame:
    """Take the feeds of AWIN_FEED_URL in; their offers."""
    intake = take_feeds(
        App(settings).feed_source,
        history,
        run_id,
        downloads=folder / "downloads",
        parts=folder / f"parts-{run_id}",
        limits=settings.guard_limits,
        progress=lambda *_: None,
        accept_smaller=False,
    )
    return intake.tables.offers


@contextmanager
def trials(folder: Path) -> Iterator[Trials]:
    """Build a world in which broken feeds can be met."""
    with web_server() as web, pytest.MonkeyPatch.context() as environment:
        environment.setattr(awin, "Backoff", partial(Backoff, sleep=lambda seconds: None))
        environment.setenv("AWIN_FEED_URL", web.url + ADDRESS)
        web.answers[ADDRESS] = Answer(packed(GOOD))
        model = ShopModel()
        (folder / "before").mkdir(parents=True)
        with open_database(f"sqlite:///{folder}/before/state.db") as database:
            for run in ("one", "two", "three"):
                offers = taken(Settings(), FeedHistory(database), run, folder / run)
                assert not model.sync(offers, Settings().stock_rules)
        yield Trials(folder, web, model, environment)


def main() -> None:
    """Print every broken feed as a table in Markdown, and what all of them together destroyed."""
    sys.stdout.write("| broken feed | code | message |\n|---|---|---|\n")
    destroyed = 0
    with TemporaryDirectory() as folder, trials(Path(folder)) as world:
        for broken in BROKEN:
            met = world.meet(broken)
            destroyed += sum(len(keys) for effect, keys in met.sent.items() if effect not in ("import", "stock"))
            sentence = "; ".join(met.told) or "nothing: every product is found again, so nothing changes"
            shown = sentence.replace("|", "\\|")
            code = f"`{broken.code}`" if broken.code else ""
            sys.stdout.write(f"| {broken.name} | {code} | {shown} |\n")
    codes = len({broken.code for broken in BROKEN} - {None})
    sys.stdout.write(f"\n{len(BROKEN)} broken feeds, {codes} codes, {destroyed} destructive operations.\n")


if __name__ == "__main__":
    main()
