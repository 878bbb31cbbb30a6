"""No client lets a secret out, even to a server that repeats in its answer whatever it was sent."""

import logging
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.slack import SlackClient
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.oauth import Consent, EtsyOAuth, exchange, refresh
from awin_medusa_pipeline.etsy.domain.tokens import OneToken
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.sync.clients.awin import download
from awin_medusa_pipeline_tests.support.secrets_kept import Parrot, before_secrets

AWIN_KEY = "a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5"
AWIN_TOKEN = "awin-token-0f1e2d3c4b5a69788796"
ADMIN_KEY = "sk_00112233445566778899aabbccddeeff"
PUBLISHABLE_KEY = "pk_ffeeddccbbaa99887766554433221100"
WEBHOOK = "T00MARKED/B00MARKED/hookmarked0123456789"
BOT_TOKEN = "xoxb-marked-0123456789"
SHARED_SECRET = "sharedmarked0123"
ACCESS_TOKEN = "4711.access-marked/0123456789+=="
REFRESH_TOKEN = "4711.refresh-marked/0123456789+=="
CODE = "code-marked-0123456789"
CONSENT = Consent(state="state-marked-0123456789", verifier="verifier-marked-0123456789-0123456789-0123456789")
SECRETS = (
    *(AWIN_KEY, AWIN_TOKEN, ADMIN_KEY, PUBLISHABLE_KEY, WEBHOOK, BOT_TOKEN, SHARED_SECRET, ACCESS_TOKEN),
    *(REFRESH_TOKEN, CODE, CONSENT.verifier),
)
ONCE = Backoff(attempts=1, sleep=lambda seconds: None)
STATUS = (200, 301, 400, 401, 403, 404, 409, 413, 429, 500, 502)


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    with Parrot() as parrot:
        yield parrot


Call = Callable[[str, Path], object]


def medusa(address: str, _: Path, *, admin: bool = True, method: str = "get") -> object:
    keys = {"admin_key": ADMIN_KEY} if admin else {"publishable_key": PUBLISHABLE_KEY}
    with MedusaClient(address, backoff=ONCE, **keys) as client:
        return getattr(client, method)("/admin/products") if admin else client.probe()


def etsy(address: str, _: Path, *, call: Callable[[EtsyClient], object]) -> object:
    tokens = OneToken(ACCESS_TOKEN)
    with EtsyClient(
        keystring="keystring", shared_secret=SHARED_SECRET, tokens=tokens, shop_id=1, api_url=address, backoff=ONCE
    ) as client:
        return call(client)


def oauth(address: str) -> EtsyOAuth:
    return EtsyOAuth("keystring", "http://localhost/oauth", api_url=address, backoff=ONCE)


CALLS: dict[str, Call] = {
    "feed": lambda address, folder: download(f"{address}/apikey/{AWIN_KEY}/fid/1/feed.csv", folder, backoff=ONCE),
    "feed by query": lambda address, folder: download(f"{address}/f.csv?apikey={AWIN_KEY}", folder, backoff=ONCE),
    "feed by token": lambda address, folder: download(f"{address}/feed.csv", folder, token=AWIN_TOKEN, backoff=ONCE),
    "medusa read": medusa,
    "medusa write": partial(medusa, method="post"),
    "medusa delete": partial(medusa, method="delete"),
    "medusa publishable": partial(medusa, admin=False),
    "slack webhook": lambda address, _: SlackClient(SecretStr(f"{address}/services/{WEBHOOK}")).send({"text": "x"}),
    "slack bot": lambda address, _: SlackClient(None, SecretStr(BOT_TOKEN), "#shop", f"{address}/").send({"text": "x"}),
    "etsy read": partial(etsy, call=lambda client: client.me()),
    "etsy write": partial(etsy, call=lambda client: client.deactivate(1)),
    "etsy upload": partial(etsy, call=lambda client: client.upload_image(1, b"image", "image.jpg", rank=1)),
    "etsy code": lambda address, _: exchange(oauth(address), CODE, CONSENT),
    "etsy renewal": lambda address, _: refresh(oauth(address), REFRESH_TOKEN),
}


@pytest.mark.parametrize("where", ["parrot", "nobody"])
@pytest.mark.parametrize("name", CALLS)
def test_no_secret_comes_back(
    parrot: Parrot,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    where: str,
) -> None:
    monkeypatch.setattr("slack_sdk.http_retry.builtin_handlers.time.sleep", lambda seconds: None)
    monkeypatch.setattr("slack_sdk.http_retry.handler.time.sleep", lambda seconds: None)
    caplog.set_level(logging.DEBUG)
    failed = 0
    said = []
    for status in STATUS if where == "parrot" else (0,):
        parrot.status = status
        address = parrot.address if status else "http://127.0.0.1:9"
        try:
            CALLS[name](address, tmp_path)
        except Exception as error:  # whatever it is, somebody will print it
            failed += 1
            said += traceback.format_exception(error)
            said += [repr(error), repr(vars(error))]
    assert failed >= (1 if where == "nobody" else len(STATUS) - 2), "a call that goes well proves nothing here"
    output = capfd.readouterr()
    text = "\n".join([*said, caplog.text, output.out, output.err, *_files(tmp_path)])
    assert before_secrets(text, SECRETS) == []


def _files(folder: Path) -> list[str]:
    return [f"{path} {path.read_bytes().decode('utf-8', 'replace')}" for path in folder.rglob("*") if path.is_file()]
