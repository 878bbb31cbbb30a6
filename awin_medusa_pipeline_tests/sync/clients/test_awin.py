"""The feed client against a real HTTP server on loopback that commits AWIN's faults."""

import gzip
import io
import logging
import threading
import traceback
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from awin_medusa_pipeline.core import internet
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.sync.clients import awin
from awin_medusa_pipeline.sync.clients.awin import DownloadedFeed, download
from awin_medusa_pipeline.sync.clients.awin_address import label_of, secrets_in
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError
from awin_medusa_pipeline.sync.domain.feed.feed import check_feed

KEY = "0123456789abcdef0123456789abcdef"
PATH = f"/datafeed/download/apikey/{KEY}/language/en/fid/9,12/columns/aw_deep_link/format/csv/compression/gzip/"
CSV = b"merchant_id,merchant_product_id,product_name,search_price,currency\n" + b"".join(
    b"7,SKU%d,Lamp %d,12.50,GBP\n" % (n, n) for n in range(2_000)
)
FEED = gzip.compress(CSV, mtime=0)


@dataclass
class Answer:
    """One answer of the server; `cut` closes the connection after that many bytes of the body."""

    body: bytes = FEED
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass
class Server:
    address: str
    answers: list[Answer]
    requests: list[tuple[str, dict[str, str]]]
    waits: list[float] = field(default_factory=list)

    def download(self, folder: Path, **options: object) -> DownloadedFeed:
        backoff = Backoff(attempts=3, first_wait=1, sleep=self.waits.append)
        return download(self.address + PATH, folder, backoff=backoff, **options)


@pytest.fixture
def server() -> Iterator[Server]:
    answers: list[Answer] = []
    requests: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append((self.path, dict(self.headers.items())))
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(answer.status)
            if answer.status != 304:
                self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.status != 304:
                self.wfile.write(answer.body[: answer.cut])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield Server(f"http://127.0.0.1:{http.server_port}", answers, requests)
    http.shutdown()
    thread.join()
    http.server_close()


def _zip(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, CSV)
    return packed.getvalue()


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([Answer()], id="gzip"),
        pytest.param([Answer(CSV)], id="plain text although gzip was ordered"),
        pytest.param([Answer(b"\xef\xbb\xbf" + CSV)], id="byte order mark"),
        pytest.param([Answer(_zip("datafeed.csv"))], id="zip"),
        pytest.param([Answer(gzip.compress(CSV[:900]) + gzip.compress(CSV[900:]))], id="gzip of two members"),
        pytest.param([Answer(gzip.compress(FEED), headers={"Content-Encoding": "gzip"})], id="gzip in gzip encoding"),
        pytest.param([Answer(FEED, headers={"Content-Encoding": "gzip"})], id="gzip named as encoding"),
        pytest.param([Answer(headers={"Content-Type": "text/html"})], id="wrong content type"),
        pytest.param([Answer(b"", 302, {"Location": "/elsewhere/feed.csv.gz"}), Answer()], id="redirect"),
        pytest.param([Answer(b"", 500), Answer()], id="500 then ok"),
        pytest.param([Answer(b"", 503), Answer(b"", 502), Answer()], id="503, 502, ok"),
        pytest.param([Answer(b"Download throttled"), Answer()], id="throttled with status 200"),
        pytest.param([Answer(cut=100), Answer()], id="reset within the body"),
        pytest.param([Answer(FEED[:-200]), Answer()], id="truncated gzip with the right length"),
    ],
)
def test_a_feed_arrives(server: Server, tmp_path: Path, answers: list[Answer]) -> None:
    server.answers.extend(answers)
    seen: list[tuple[int, int | None, float]] = []
    feed = server.download(tmp_path, progress=lambda *at: seen.append(at))
    last = answers[-1].body
    assert feed.path.read_bytes() == last
    assert (feed.bytes, feed.unchanged, feed.label) == (len(last), False, "127.0.0.1 fid 9,12")
    assert seen[-1][:2] == (len(last), len(last))
    assert len(server.requests) == len(answers)
    assert len(server.waits) == sum(answer.status != 302 for answer in answers) - 1
    assert [path.name for path in tmp_path.iterdir()] == [feed.path.name], "no half file is left"
    assert all(headers["Accept-Encoding"] == "identity" for _, headers in server.requests)
    assert feed.downloaded_at.utcoffset() is not None


def test_429_waits_as_long_as_it_is_told(server: Server, tmp_path: Path) -> None:
    server.answers.extend([Answer(b"", 429, {"Retry-After": "7"}), Answer()])
    server.download(tmp_path)
    assert 7 <= max(server.waits) < 8


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (Answer(b"<!DOCTYPE html><h1>Log in</h1>"), "login_page", "a login page"),
        (Answer(b'{"message":"Locale not found"}'), "json_error", "Locale not found"),
        (Answer(b"json is not supported. Please use CSV format"), "no_table", "json is"),
        (Answer(gzip.compress(b"<html></html>")), "web_page", "web page"),
        (Answer(b'<?xml version="1.0"?><merchant/>'), "xml", "format CSV"),
        (Answer(b""), "empty", "empty"),
        (Answer(gzip.compress(b"")), "empty", "empty"),
        (Answer(gzip.compress(CSV.split(b"\n")[0])), "header_only", "no products"),
        (Answer(CSV.replace(b"product_name", b"x")), "missing_columns", "product_name"),
        (Answer(FEED[:-9]), "truncated", "ends too early"),
        (Answer(FEED + FEED[:-9]), "truncated", "ends too early"),
        (Answer(FEED[:500] + b"#" + FEED[501:]), "damaged", "damaged"),
        (Answer(_zip("a.csv", "b.csv")), "zip_of_several", "2 files"),
        (Answer(_zip("a.csv")[:-30]), "truncated", "zip"),
        (Answer(b"no " + KEY.encode(), 401), "wrong_key", "AWIN_FEED_URL"),
        (Answer(b"", 403), "no_access", "HTTP 403"),
        (Answer(b"", 404), "not_found", "feed list"),
        (Answer(b"", 400), "refused", "HTTP 400"),
        (Answer(b"we broke something", 500), "server_error", "check the key"),
        (Answer(b"Download throttled", 500), "throttled", "Wait an hour"),
        (Answer(b"Download throttled"), "throttled", "Wait an hour"),
        (Answer(b"", 429), "throttled", "Wait an hour"),
        (Answer(cut=50), "connection_broke", "connection"),
        (Answer(b"", 302, {"Location": PATH}), "redirect_loop", "in a circle"),
    ],
)
def test_what_is_no_feed_is_refused_by_name(
    server: Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    code: str,
    says: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers.append(answer)
    with pytest.raises(FeedError, match=says) as caught:
        server.download(tmp_path)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in shown
    assert KEY not in caplog.text


def test_a_good_file_stays_when_the_next_download_fails(server: Server, tmp_path: Path) -> None:
    server.answers.append(Answer())
    feed = server.download(tmp_path)
    server.answers[:] = [Answer(b"<html>")]
    with pytest.raises(FeedError):
        server.download(tmp_path, previous=feed.version)
    assert feed.path.read_bytes() == FEED


def test_an_unchanged_feed_is_known_as_unchanged(server: Server, tmp_path: Path) -> None:
    server.answers.append(Answer(headers={"ETag": '"1"', "Last-Modified": "Mon, 02 Nov 2026 08:00:00 GMT"}))
    first = server.download(tmp_path)
    assert server.download(tmp_path, previous=first.version).unchanged, "the same bytes"
    server.answers[:] = [Answer(status=304)]
    second = server.download(tmp_path, previous=first.version)
    assert (second.unchanged, second.path, second.sha256) == (True, first.path, first.sha256)
    _, headers = server.requests[-1]
    assert headers["If-None-Match"] == '"1"'
    assert headers["If-Modified-Since"] == "Mon, 02 Nov 2026 08:00:00 GMT"

    first.path.unlink()
    server.answers[:] = [Answer()]
    assert server.download(tmp_path, previous=first.version).path.exists(), "no condition without the file"
    assert "If-None-Match" not in server.requests[-1][1]


@pytest.mark.parametrize("mark", ['"\xe9"', '"\u0141"', "x" * 501, "a\nX-Key: 1", "a\x00"])
def test_a_mark_that_no_request_can_hold_is_not_sent_back(server: Server, tmp_path: Path, mark: str) -> None:
    """Seen: an ETag with one byte that is no ASCII failed the download of each later night."""
    server.answers.append(Answer())
    first = server.download(tmp_path)
    again = server.download(tmp_path, previous=replace(first.version, etag=mark, last_modified=mark))
    assert not {"If-None-Match", "If-Modified-Since", "X-Key"} & {*server.requests[-1][1]}
    assert again.unchanged


def test_another_file_of_the_same_size_is_not_taken_for_the_last_version(server: Server, tmp_path: Path) -> None:
    """Machines share what is known of the last feed, and each has the files of the feeds that it has downloaded."""
    server.answers.append(Answer(headers={"ETag": '"1"'}))
    first = server.download(tmp_path)
    newest = replace(first.version, sha256="of what another machine has downloaded since", etag='"2"')
    feed = server.download(tmp_path, previous=newest)
    assert "If-None-Match" not in server.requests[-1][1]
    assert (feed.unchanged, feed.sha256) == (False, first.sha256)


def test_two_downloads_of_one_feed_at_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers.append(Answer())
    both_written = threading.Barrier(2, timeout=10)

    def check_together(path: Path, **options: Any) -> None:
        both_written.wait()
        check_feed(path, **options)

    monkeypatch.setattr(awin, "check_feed", check_together)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: server.download(tmp_path), range(2))
    assert one.path == other.path
    assert one.path.read_bytes() == FEED
    assert list(tmp_path.iterdir()) == [one.path]


def test_a_feed_below_a_quarter_of_its_last_size_is_refused_unless_accepted(server: Server, tmp_path: Path) -> None:
    server.answers.append(Answer())
    usual = 4 * len(FEED) + 1
    with pytest.raises(FeedError, match=r"accept_smaller_feed.*\[shrunken\]"):
        server.download(tmp_path, usual_bytes=usual)
    assert server.download(tmp_path, usual_bytes=usual, accept_smaller=True).bytes == len(FEED)
    assert server.download(tmp_path, usual_bytes=4 * len(FEED)).bytes == len(FEED)


@pytest.mark.parametrize(
    ("path", "sent"), [("/publishers/1/awinfeeds/download/5-retail-en_GB.jsonl", True), ("/feed.csv.gz", False)]
)
def test_the_token_goes_to_enhanced_feeds_alone(server: Server, tmp_path: Path, path: str, sent: bool) -> None:
    server.answers.append(Answer())
    feed = download(server.address + path, tmp_path, token="secret-token")
    _, headers = server.requests[-1]
    assert headers.get("Authorization") == ("Bearer secret-token" if sent else None)
    assert "secret-token" not in repr(feed)


def test_nothing_listens(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"ConnectError.*\[no_connection\]"):
        download(f"http://127.0.0.1:9{PATH}", tmp_path, backoff=Backoff(attempts=2, sleep=lambda _: None))


@pytest.mark.parametrize("address", [str, lambda path: path.as_uri()])
def test_a_local_file_is_read_where_it_lies(tmp_path: Path, address: Callable[[Path], str]) -> None:
    path = tmp_path / "my feed.csv.gz"
    path.write_bytes(FEED)
    feed = download(address(path), tmp_path / "unused")
    assert (feed.path, feed.label, feed.unchanged) == (path, "my feed.csv.gz", False)
    assert download(address(path), tmp_path, previous=feed.version).unchanged
    assert not (tmp_path / "unused").exists()


def test_a_local_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"gone\.csv.*AWIN_FEED_URL.*\[no_file\]"):
        download(str(tmp_path / "gone.csv"), tmp_path)


@pytest.mark.parametrize(
    ("address", "label", "secrets"),
    [
        (f"https://productdata.awin.com{PATH}", "productdata.awin.com fid 9,12", [KEY]),
        (
            f"https://ui.awin.com/productdata-darwin-download/publisher/1001/{KEY[:12]}/1/feed/F3660.csv.gz",
            "ui.awin.com … F3660.csv.gz",
            [KEY[:12]],
        ),
        (
            "https://api.awin.com/publishers/1/awinfeeds/download/5-retail-en_GB.jsonl",
            "api.awin.com … 5-retail-en_GB.jsonl",
            [],
        ),
        (
            "https://user:p%40ss@feeds.example/daily.csv?sig=abcdef",
            "feeds.example … daily.csv",
            ["user", "p%40ss", "p@ss", "abcdef"],
        ),
        (f"https://feeds.example/{KEY}", "feeds.example …", [KEY]),
        (f"https://feeds.example/{KEY}.csv.gz", "feeds.example …", [KEY]),
        ("https://feeds.example/x.csv?format=csv&apikey=abc", "feeds.example … x.csv", ["abc"]),
        ("/data/today.csv.gz", "today.csv.gz", []),
        ("https://feeds.example", "feeds.example …", []),
    ],
)
def test_a_label_names_the_feed_and_never_the_key(address: str, label: str, secrets: list[str]) -> None:
    assert label_of(address) == label
    assert set(secrets) <= set(secrets_in(address))
    assert not any(secret in label for secret in secrets)


@pytest.mark.parametrize(
    ("first", "code"), [(True, "unsafe_redirect"), (False, "no_connection")], ids=["on the internet", "inside"]
)
def test_a_feed_on_the_internet_leads_nowhere_else(
    first: bool, code: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.1 stands for the internet, 127.0.0.2 for the own network; a feed from there may lead on."""
    monkeypatch.setattr(internet, "is_public", lambda address: first and str(address) == "127.0.0.1")
    inner = server.address.replace("127.0.0.1", "127.0.0.2")
    server.answers += [Answer(b"", 302, {"Location": f"{inner}/feed.csv"})]
    with pytest.raises(FeedError) as caught:
        server.download(tmp_path)
    assert caught.value.code == code
    assert ("into your own network" in str(caught.value)) is first


def test_through_a_proxy_a_feed_is_downloaded_as_before(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.address)
    server.answers += [Answer(CSV)]
    assert download("http://feeds.example/feed.csv", tmp_path, backoff=Backoff(attempts=1)).bytes == len(CSV)
    assert server.requests[0][0] == "http://feeds.example/feed.csv"
