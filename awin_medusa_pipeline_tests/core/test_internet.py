"""Addresses that others chose lead to the internet alone, whatever they redirect to, resolve to, or look like."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

import pytest

from awin_medusa_pipeline.core import images, internet
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.images import ImageError, ImageFetcher
from awin_medusa_pipeline.core.internet import LONGEST_ADDRESS, GuardedBackend, host_and_port, is_public
from awin_medusa_pipeline_tests.support.feeds import Answer, web_server
from awin_medusa_pipeline_tests.support.image_web import JPEG, PNG

ONCE = Backoff(attempts=1)
PICTURE = Answer(JPEG + b"x" * 100, 200)

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:7f00:1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:c0a8:1::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "5f00::1",
]
PUBLIC = [
    "93.184.216.34",
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "64:ff9b::0808:0808",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_address_of_a_network_or_of_this_machine_is_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@contextmanager
def trickling(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers each connection as it likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                connection.recv(10_000)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def refusal(address: str, hosts: tuple[str, ...] = (), **options: object) -> str:
    with ImageFetcher(hosts=hosts, backoff=ONCE, **options) as fetch, pytest.raises(ImageError) as caught:
        fetch(address)
    return str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "localhost.", "LOCALHOST", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[fe80::1]", "10.0.0.1", "169.254.169.254"),
        *("[fd00:ec2::254]", "192.168.1.1", "127。0。0。1", "①②⑦.0.0.1"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_way_to_write_an_inner_address_leads_there(scheme: str, host: str) -> None:
    told = refusal(f"{scheme}://{host}/a.jpg")
    assert "not to the internet" in told or "no connection" in told or "no such request" in told
    if "no " not in told:
        assert "IMAGE_ALLOWED_HOSTS" in told


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ftp://example.com/a.jpg", "it is not a web address"),
        ("file:///etc/passwd", "it is not a web address"),
        ("gopher://127.0.0.1:70/x", "it is not a web address"),
        ("http://user:hunter2@example.com/a.jpg", "it holds a user name or a password"),
        (f"http://example.com/{'a' * LONGEST_ADDRESS}", "its address has more than 2,048 characters"),
        ("http://example.com:22/a.jpg", "port 22 is not one of web servers"),
        ("http://example.com:6379/a.jpg", "port 6379 is not one of web servers"),
        ("no address", ""),
        ("", ""),
        ("http://", ""),
        ("http://[::1", ""),
        ("http://a b/", ""),
        ("http://\ud800/", ""),
        (f"http://{'a' * 300}.example/a.jpg", ""),
    ],
)
def test_an_odd_address_is_an_error_of_the_image(address: str, told: str) -> None:
    shown = refusal(address)
    assert told in shown
    assert "hunter2" not in shown
    assert len(shown) < 700


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:{port}/inner.jpg", "http://localhost:{port}/inner.jpg", "http://0x7f.1:{port}/inner.jpg", "file:///etc/hostname",
     "ftp://127.0.0.1/a.jpg", "http://u:p@localhost:{port}/inner.jpg"],
)  # fmt: skip
def test_a_redirect_inwards_is_not_followed(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    with trickling(lambda connection: asked.append(b"x")) as inner, web_server() as outer:
        port = int(inner.rpartition(":")[2])
        monkeypatch.setattr(internet, "PORTS", {port})
        outer.answers["/a.jpg"] = Answer(b"", 302, headers={"Location": target.format(port=port)})
        told = refusal(f"{outer.url}/a.jpg", (outer.url.removeprefix("http://"),))
    assert "not to the internet" in told or "it is not a web address" in told or "it holds a user" in told
    assert asked == []


def test_a_name_that_leads_inwards_the_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked up and checked is what is connected to; 127.0.0.2 stands for the internet."""
    monkeypatch.setattr(internet, "is_public", lambda address: str(address) == "127.0.0.2")
    looked_up: list[str] = []
    answers = iter(["127.0.0.2", "127.0.0.1", "127.0.0.1"])

    def resolver(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return [next(answers)]

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 20\r\n\r\n" + PNG.ljust(20))

    with socket.create_server(("127.0.0.2", 0)) as outer, trickling_at(outer, serve):
        port = outer.getsockname()[1]
        with socket.create_server(("127.0.0.1", port)) as inner:
            inner.settimeout(0.2)
            monkeypatch.setattr(internet, "PORTS", {port})
            with ImageFetcher(backoff=ONCE, resolver=resolver) as fetch:
                assert fetch(f"http://rebind.example:{port}/a.png").kind == "image/png"
                with pytest.raises(ImageError, match=r"rebind\.example leads to 127\.0\.0\.1"):
                    fetch(f"http://rebind.example:{port}/a.png")
            with pytest.raises(TimeoutError):
                inner.accept()
    assert looked_up == ["rebind.example", "rebind.example"]


@contextmanager
def trickling_at(server: socket.socket, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(10_000)
                    answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    yield


def test_of_several_addresses_only_those_on_the_internet_are_asked() -> None:
    backend = GuardedBackend(resolver=lambda host, port: ["10.0.0.1", "93.184.216.34", "::1"])
    assert backend.addresses("mixed.example", 80, None) == ["93.184.216.34"]


def drip(head: bytes, tail: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(600):
            connection.sendall(tail)
            time.sleep(0.05)

    return answer


def slow_redirect(connection: socket.socket) -> None:
    time.sleep(0.4)
    connection.sendall(b"HTTP/1.1 302 Found\r\nlocation: /a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


SLOW = {
    "headers": drip(b"HTTP/1.1 200 OK\r\nx: ", b"y"),
    "many headers": drip(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "status": drip(b"", b"H"),
    "hints": drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "body": drip(b"HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\n\r\n" + JPEG, b"x"),
    "chunks": drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "nothing": lambda connection: time.sleep(30),
    "redirects": slow_redirect,
}


@pytest.mark.parametrize("how", SLOW)
def test_a_server_that_trickles_costs_no_more_than_the_whole_time(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LONGEST", 0.8)
    started = time.monotonic()
    with trickling(SLOW[how]) as host:
        told = refusal(f"http://{host}/a.jpg", (host,))
    assert time.monotonic() - started < 3
    assert "it was not there after" in told


def test_a_name_server_that_never_answers_costs_no_more_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LONGEST", 0.5)
    started = time.monotonic()

    def resolver(host: str, port: int) -> list[str]:
        time.sleep(20)
        return []

    assert "it was not there after" in refusal("http://slow.example/a.jpg", resolver=resolver)
    assert time.monotonic() - started < 3


def test_packed_content_is_not_unpacked() -> None:
    bomb = gzip.compress(JPEG + bytes(50_000_000))
    with web_server() as web:
        web.answers["/a.jpg"] = Answer(bomb, headers={"Content-Encoding": "gzip"})
        told = refusal(f"{web.url}/a.jpg", ("127.0.0.1",))
    assert "it is no picture that is known" in told


def test_more_redirects_than_a_browser_needs() -> None:
    with web_server() as web:
        for number in range(10):
            web.answers[f"/{number}"] = Answer(b"", 302, headers={"Location": f"/{number + 1}"})
        web.answers["/10"] = PICTURE
        assert "it redirects in a circle" in refusal(f"{web.url}/0", ("127.0.0.1",))


def test_no_proxy_goes_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server() as web:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, web.url)
        web.otherwise = PICTURE
        assert "not to the internet" in refusal("http://localhost/a.jpg")


@pytest.mark.parametrize(
    ("hosts", "taken"),
    [
        (("127.0.0.1",), True),
        (("127.0.0.1:{port}",), True),
        (("127.0.0.1:1",), False),
        (("localhost",), False),
        ((), False),
    ],
)
def test_the_owner_names_hosts_of_the_own_network(hosts: tuple[str, ...], taken: bool) -> None:
    with web_server() as web:
        web.answers["/a.jpg"] = PICTURE
        port = web.url.rpartition(":")[2]
        with ImageFetcher(hosts=[host.format(port=port) for host in hosts], backoff=ONCE) as fetch:
            if taken:
                assert fetch(f"{web.url}/a.jpg").kind == "image/jpeg"
            else:
                with pytest.raises(ImageError):
                    fetch(f"{web.url}/a.jpg")


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("http://medusa:9000", ["medusa:9000"]),
        ("https://shop.example/", ["shop.example:443"]),
        ("http://localhost:9000", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000", "::1:9000"]),
        ("", []),
        ("nonsense", []),
    ],
)
def test_the_shop_is_named_by_its_own_address(address: str, named: list[str]) -> None:
    assert host_and_port(address) == named
