"""Images in Medusa's own storage: in order, each once, and a product never fails for one."""

from collections.abc import Iterator

import pytest

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.images import ImageHost
from awin_medusa_pipeline_tests.support.image_web import JPEG, ImageWeb, image_web


class UploadedMedusa(MedusaClient):
    """Keeps what is uploaded."""

    def __init__(self) -> None:
        super().__init__("http://shop", admin_key="sk_1")
        self.files: list[tuple[str, bytes, str]] = []

    def upload(self, name: str, content: bytes, kind: str) -> str:
        if content == JPEG + b"refused":
            raise PermanentError("POST http://shop/admin/uploads", "HTTP 400", "Look.")
        self.files.append((name, content, kind))
        return f"http://shop/static/{name}"


@pytest.fixture
def web() -> Iterator[ImageWeb]:
    with image_web() as web:
        yield web


@pytest.fixture
def medusa() -> Iterator[UploadedMedusa]:
    with UploadedMedusa() as client:
        yield client


@pytest.fixture
def host(medusa: UploadedMedusa) -> Iterator[ImageHost]:
    with ImageHost(
        medusa, Backoff(attempts=3, sleep=lambda seconds: None), hosts=("127.0.0.1",), largest=1_000
    ) as opened:
        yield opened


@pytest.mark.parametrize(
    ("path", "extension"),
    [
        *(("/a.jpg", "jpg"), ("/busy.jpg", "jpg"), ("/same.jpg", "jpg")),
        *(("/unsure.jpg", "jpg"), ("/called_webp.jpg", "jpg")),
    ],
)
def test_an_image_that_is_kept(
    path: str, extension: str, web: ImageWeb, host: ImageHost, medusa: UploadedMedusa
) -> None:
    [address] = host([web.address + path])
    [(name, _, _)] = medusa.files
    assert address == f"http://shop/static/{name}"
    assert name.isascii()
    assert name.endswith(f".{extension}")


BROKEN = (
    *("/gone.jpg", "/page.jpg", "/drawing.svg", "/large.jpg", "/down.jpg", "/refused.jpg"),
    *("/page_called_picture.jpg", "/drawing_called_picture.png"),
)


@pytest.mark.parametrize("path", BROKEN)
def test_a_broken_image_costs_only_itself(
    path: str,
    web: ImageWeb,
    host: ImageHost,
    medusa: UploadedMedusa,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert len(host([web.address + path, f"{web.address}/a.jpg"])) == 1
    assert [content for _, content, _ in medusa.files] == [JPEG + b"a"]
    assert "The product is imported without this image." in caplog.text


@pytest.mark.parametrize(
    "address", ["no address", "/relative.jpg", "ftp://x/a.jpg", "http://[bad", "http://127.0.0.1:1/a.jpg", ""]
)
def test_an_address_that_is_none(address: str, host: ImageHost) -> None:
    assert host([address]) == []


def test_order_is_kept_and_each_is_fetched_once_a_run(web: ImageWeb, host: ImageHost, medusa: UploadedMedusa) -> None:
    a, gone, busy = (f"{web.address}/{name}.jpg" for name in ("a", "gone", "busy"))
    first = host([a, gone, busy, a])
    assert len(first) == 3
    assert first[0] == first[2] != first[1]
    assert host([busy, a]) == [first[1], first[0]]
    assert (web.asked["/a.jpg"], web.asked["/gone.jpg"], len(medusa.files)) == (1, 1, 2)
