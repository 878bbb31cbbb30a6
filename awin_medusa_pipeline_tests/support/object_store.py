"""Provides object storage: moto's S3 in this process, a bucket per test, and every sort of home that one may have."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from fsspec import get_filesystem_class
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

_numbers = count()


@dataclass(frozen=True)
class Asked:
    """A request, and how many bytes of an object were answered."""

    method: str
    path: str
    bytes: int


class ObjectStore:
    """An S3 on the loopback address. It tells what was asked of it."""

    def __init__(self, address: str, asked: list[Asked]) -> None:
        self.address, self.asked = address, asked
        self._client = boto3.client("s3", **self.options)

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to use it, in AWS's own variables."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "not-to-be-seen",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def options(self) -> dict[str, str]:
        """The same for boto3."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "not-to-be-seen"}
        return {"endpoint_url": self.address, "region_name": "us-east-1", **keys}

    def bucket(self) -> str:
        """Make a new bucket; its address."""
        name = f"bucket-{next(_numbers)}"
        self._client.create_bucket(Bucket=name)
        return f"s3://{name}"

    def put(self, address: str, text: str) -> None:
        """Put an object, as another machine would."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        self._client.put_object(Bucket=bucket, Key=key, Body=text.encode())


@contextmanager
def running_object_store() -> Iterator[ObjectStore]:
    """Run the server during the block."""
    asked: list[Asked] = []
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        parts = list(moto(environ, start_response))
        asked.append(Asked(environ["REQUEST_METHOD"], environ["PATH_INFO"], sum(map(len, parts))))
        return parts

    get_filesystem_class("s3").clear_instance_cache()  # s3fs keeps the address that it was used with first
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ObjectStore(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        get_filesystem_class("s3").clear_instance_cache()


class _Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing of each request."""


@pytest.fixture(scope="session")
def object_storage() -> Iterator[ObjectStore]:
    """Start the server once."""
    with running_object_store() as store:
        yield store


@pytest.fixture
def object_store(object_storage: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Let this process use the server."""
    for name, value in object_storage.environment.items():
        monkeypatch.setenv(name, value)
    return object_storage


@pytest.fixture(params=["local", "memory", "s3"])
def any_home(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Choose a home that is empty: a folder, an address with renames, an object store."""
    if request.param == "s3":
        store: ObjectStore = request.getfixturevalue("object_store")
        return f"{store.bucket()}/shop"
    return str(tmp_path / "home") if request.param == "local" else f"memory://{tmp_path}/home"
