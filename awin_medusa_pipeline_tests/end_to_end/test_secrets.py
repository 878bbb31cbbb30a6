"""Whole runs, good and bad ones, with every secret there is: none is in anything that is kept or shown."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.secrets import new_key
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.etsy import shop as standin
from awin_medusa_pipeline.sandbox.servers import SLACK_PATH
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.support.etsy_products import account_config
from awin_medusa_pipeline_tests.support.feeds import ADDRESS, KEY, Answer, row, text_of, web_server
from awin_medusa_pipeline_tests.support.goods import Goods
from awin_medusa_pipeline_tests.support.pipeline import Finished, Pipeline, pipeline_on
from awin_medusa_pipeline_tests.support.secrets_kept import Parrot, before_secrets

AWIN_TOKEN = "awin-token-marked-0123456789"


@pytest.fixture
def pipeline(sandbox: Sandbox, shop: Shop, tmp_path: Path) -> Iterator[Pipeline]:
    with web_server() as web:
        web.answers[ADDRESS] = Answer(text_of(row("A"), row("B")).encode())
        settings = {
            "AWIN_FEED_URL": web.url + ADDRESS,
            "AWIN_API_TOKEN": AWIN_TOKEN,
            "AWIN_MEDUSA_SECRET_KEY": new_key(),
        }
        with pipeline_on(sandbox, tmp_path / "home", **settings) as pipeline:
            yield pipeline


def connect(etsy: EtsyState, pair: TokenPair) -> None:
    shop_id, name = standin.SHOP_ID, standin.SHOP_NAME
    etsy.accounts.connect(shop_id=shop_id, shop_name=name, currency="GBP", pair=pair, config=account_config())


def request(pipeline: Pipeline, product: str) -> Finished:
    return pipeline.end_of("etsy_request_job", ops={"request_etsy_products": {"config": {"products": [product]}}})


def confirmed(etsy: EtsyState) -> str:
    return etsy.jobs.confirm(etsy.jobs.all()[0].transaction_id, "ann").transaction_id


def sync(pipeline: Pipeline, transaction_id: str) -> Finished:
    return pipeline.end_of("etsy_sync_job", ops={"claim_etsy_job": {"config": {"transaction_id": transaction_id}}})


def test_no_secret_is_kept_or_shown(
    pipeline: Pipeline, sandbox: Sandbox, shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    goods, pair = Goods(sandbox), sandbox.etsy.connect()
    tokens = TokenPair(pair.access_token, pair.refresh_token, datetime.now(UTC) + timedelta(hours=1))
    settings = Settings()
    assert settings.awin_medusa_secret_key
    assert settings.etsy_shared_secret
    secrets = [
        *(shop.admin_key, shop.publishable_key, KEY, AWIN_TOKEN, SLACK_PATH, pair.access_token, pair.refresh_token),
        *(settings.awin_medusa_secret_key.get_secret_value(), settings.etsy_shared_secret.get_secret_value()),
    ]
    with App(settings) as app, Parrot() as parrot:
        etsy = app.etsy
        connect(etsy, tokens)
        good = [pipeline.run(), request(pipeline, goods.add("lamp")), sync(pipeline, confirmed(etsy))]
        good.append(request(pipeline, cup := goods.add("cup")))
        asked = confirmed(etsy)
        repeated: dict[str, Callable[[], Finished]] = {
            f"MEDUSA_BACKEND_URL={parrot.address}": lambda: pipeline.end_of("detect_discrepancies_job"),
            f"AWIN_FEED_URL={parrot.address}{ADDRESS}": lambda: pipeline.end_of("detect_discrepancies_job"),
            f"ETSY_API_URL={parrot.address}": lambda: sync(pipeline, asked),
            f"ETSY_API_URL={parrot.address}/": lambda: request(pipeline, cup),
            f"SLACK_WEBHOOK_URL={parrot.address}{SLACK_PATH}": lambda: pipeline.end_of(),
        }
        bad = []
        for setting, run in repeated.items():
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv(*setting.split("=", 1))
                bad.append(run())
    assert [run.error for run in good] == [None] * 4
    assert [bool(run.error) for run in bad] == [True, True, True, True, False]
    runs = good + bad
    said = [place for run in runs for place in pipeline.everything_said(run.run_id)]
    output = capfd.readouterr()
    said += [("output", output.out + output.err), ("Slack", json.dumps(sandbox.slack_messages()))]
    assert len(said) > 200
    assert {where: found for where, text in said if (found := before_secrets(text, secrets))} == {}
