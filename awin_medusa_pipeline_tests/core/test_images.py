"""Re-hosting images: what is fetched, what is refused, and that a product never fails for it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from awin_medusa_pipeline.core import images
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.images import ImageError, ImageFetcher, ImageHost
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer


class UploadedMedusa(MedusaClient):
    """Keeps what is uploaded."""

    def __init__(self) -> None:
        super().__init__("http://shop", admin_key="sk_1")
        self.files: list[tuple[str, bytes, str]] = []

    def upload(self, name: str, content: bytes, kind: str) -> str:
        if content == b"refused":
            raise PermanentError("POST http://shop/admin/uploads", "HTTP 400", "Look.")
        self.files.append((name, content, kind))
        return f"http://shop/static/{name}"


asked: Counter[str] = Counter()


def answer(path: str) -> tuple[int, str, bytes]:
    asked[path] += 1
    if path == "/busy.jpg" and asked[path] < 3:
        return 503, "text/html", b""
    return {
        "/a.jpg": (200, "image/jpeg", b"a"),
        "/ä.png": (200, "image/png; charset=binary", b"b"),
        "/same.jpg": (200, "IMAGE/JPEG", b"a"),
        "/busy.jpg": (200, "image/jpeg", b"c"),
        "/refused.jpg": (200, "image/jpeg", b"refused"),
        "/page.jpg": (200, "text/html", b"<html>"),
        "/drawing.svg": (200, "image/svg+xml", b"<svg onload='x()'/>"),
        "/large.jpg": (200, "image/jpeg", b"x" * 2_000),
        "/down.jpg": (500, "text/html", b""),
    }.get(path, (404, "text/html", b""))


@pytest.fixture
def web() -> Iterator[str]:
    asked.clear()
    with AnsweringServer(answer) as address:
        yield address


@pytest.fixture
def medusa() -> Iterator[UploadedMedusa]:
    with UploadedMedusa() as client:
        yield client


@pytest.fixture
def host(medusa: UploadedMedusa) -> Iterator[ImageHost]:
    with ImageHost(medusa, Backoff(attempts=3, sleep=lambda seconds: None), largest=1_000) as opened:
        yield opened


@pytest.mark.parametrize(("path", "extension"), [("/a.jpg", "jpg"), ("/busy.jpg", "jpg"), ("/same.jpg", "jpg")])
def test_an_image_that_is_kept(path: str, extension: str, web: str, host: ImageHost, medusa: UploadedMedusa) -> None:
    [address] = host([web + path])
    [(name, _, _)] = medusa.files
    assert address == f"http://shop/static/{name}"
    assert name.isascii()
    assert name.endswith(f".{extension}")


BROKEN = ("/gone.jpg", "/page.jpg", "/drawing.svg", "/large.jpg", "/down.jpg", "/refused.jpg")


@pytest.mark.parametrize("path", BROKEN)
def test_a_broken_image_costs_only_itself(
    path: str,
    web: str,
    host: ImageHost,
    medusa: UploadedMedusa,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert len(host([web + path, f"{web}/a.jpg"])) == 1
    assert [content for _, content, _ in medusa.files] == [b"a"]
    assert "The product is imported without this image." in caplog.text


@pytest.mark.parametrize(
    "address", ["no address", "/relative.jpg", "ftp://x/a.jpg", "http://[bad", "http://127.0.0.1:1/a.jpg", ""]
)
def test_an_address_that_is_none(address: str, host: ImageHost) -> None:
    assert host([address]) == []


def test_order_is_kept_and_each_is_fetched_once_a_run(web: str, host: ImageHost, medusa: UploadedMedusa) -> None:
    first = host([f"{web}/a.jpg", f"{web}/gone.jpg", f"{web}/busy.jpg", f"{web}/a.jpg"])
    assert len(first) == 3
    assert first[0] == first[2] != first[1]
    assert host([f"{web}/busy.jpg", f"{web}/a.jpg"]) == [first[1], first[0]]
    assert (asked["/a.jpg"], asked["/gone.jpg"], len(medusa.files)) == (1, 1, 2)


REFUSED = [
    ("/drawing.svg", "image/svg+xml. Taken are image/jpeg."),
    ("/large.jpg", "it has more than 1,000 bytes. Use a smaller image."),
    ("/gone.jpg", "HTTP 404. Give the product another image."),
    ("/down.jpg", "HTTP 500. It may be there tomorrow."),
]


@pytest.mark.parametrize(("path", "said"), REFUSED, ids=["kind", "size", "gone", "down"])
def test_why_an_image_is_not_to_be_had(path: str, said: str, web: str) -> None:
    backoff = Backoff(attempts=2, sleep=lambda seconds: None)
    with (
        ImageFetcher(("image/jpeg",), largest=1_000, backoff=backoff) as fetch,
        pytest.raises(ImageError) as caught,
    ):
        fetch(web + path)
    assert str(caught.value) == f"Fetching the image {web}{path}: {said}"
    assert caught.value.status is None


def test_an_image_that_never_ends(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LONGEST", -1.0)
    with ImageFetcher() as fetch, pytest.raises(ImageError, match="it was not there after"):
        fetch(f"{web}/a.jpg")


def test_an_image_as_it_was_fetched(web: str) -> None:
    with ImageFetcher() as fetch:
        picture = fetch(f"{web}/a.jpg")
    assert (picture.content, picture.kind) == (b"a", "image/jpeg")
    assert picture.sha256.startswith("ca978112ca1bbdca")
    assert picture.name == f"{picture.sha256[:24]}.jpg"
