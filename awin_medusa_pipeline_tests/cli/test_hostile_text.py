"""Text of others on the terminal: no command lets a control character, a direction or markup of it through."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli import init
from awin_medusa_pipeline.cli.main import app
from awin_medusa_pipeline.cli.terminal import JobSteps, complain, say
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.legible import HIDDEN
from awin_medusa_pipeline.etsy.domain.sales import SaleState
from awin_medusa_pipeline.etsy.store.models import EtsyAccount, EtsyJob, EtsySale, EtsySalesCursor
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.operations import Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline.sync.store.models import HeldPlan
from awin_medusa_pipeline_tests.support import filled_home
from awin_medusa_pipeline_tests.support.factories import missing, offer, offers
from awin_medusa_pipeline_tests.support.filled_home import RUN, Filled

ATTACK = (
    "\x1b[2J\x1b[31m\x1b]0;title\x07\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\\x9b31m\x9d0;t\x9c\x90q\x9c"
    "\r\x08\x7f\x00\u202eevil\u202c\u2066x\u2069\u200b\ufeff\u200f\u2028[bold][link=http://evil.example]a[/link] :car:"
)
KEY = f"awin:7001:{ATTACK.replace(chr(0), '')}{'k' * 10_240}"
SGR = re.compile(r"\x1b\[[0-9;]*m")
RUN_IT = "import sys; from awin_medusa_pipeline.cli.main import app; app(sys.argv[1:])"
COMMANDS = {
    "plans list": ("plans", "list"),
    "plans show": ("plans", "show", "{plan}"),
    "plans show a hostile one": ("plans", "show", "{hostile}"),
    "report": ("report",),
    "why": ("why", KEY),
    "why by its beginning": ("why", "awin:7001"),
    "why a product": ("why", "prod_01JABC"),
    "etsy jobs": ("etsy", "jobs"),
    "etsy show": ("etsy", "show", "{job}"),
    "etsy sales": ("etsy", "sales"),
    "etsy accounts": ("etsy", "accounts"),
    "etsy settings": ("etsy", "settings"),
    "doctor": ("doctor", "--all"),
    # What a person pastes is a text of others, too.
    "plans show nothing": ("plans", "show", f"deadbeef{KEY}"),
    "no such command": (KEY,),
    "no such command of a group": ("plans", KEY),
    "no such option": (f"--{KEY}",),
    "a wrong value": ("sync", "--pilot", KEY),
    "no such kind": ("sync", "--only", KEY),
    "why nothing": ("why", f"nothing{KEY}"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A home in which whoever could write a text has attacked the terminal."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in filled_home.settings_of(folder).items():
            patch.setenv(name, value)
        for name in ("REASON", "WHY_FAILED", "LISTING", "PRODUCT", "VARIANT"):
            patch.setattr(filled_home, name, f"{getattr(filled_home, name)} {ATTACK}")
        patch.setattr(filled_home, "OFFER", KEY)
        filled = filled_home.fill(folder)
        with App(Settings()) as opened:
            _spoil(opened)
            _rows(opened)
    return filled


def _spoil(app: App) -> None:
    """Change what filled_home wrote in words of its own."""
    with app.database.writing() as session:
        session.execute(sa.update(EtsyAccount).values(shop_name=ATTACK, reconnect_reason=ATTACK))
        session.execute(sa.update(EtsyJob).values(requested_by=ATTACK))
        session.add(EtsySalesCursor(account_id=1, begins_at=_now(), seen_until=_now(), imported_at=_now()))
        session.add(
            EtsySale(
                account_id=1, transaction_id=1, receipt_id=1, title=ATTACK, variant=ATTACK, pieces=1, sold_at=_now(),
                state=SaleState.UNLINKED, product_id=ATTACK, variant_id=ATTACK, taken=0, levels=[], reason=ATTACK,
                partly_refunded=False, told=True, changed_at=_now(),
            )
        )  # fmt: skip


def _rows(app: App) -> None:
    ledger = Ledger(app.database)
    operation = Operation(KEY, {"title": ATTACK, "price": ATTACK}, {"title": f"b{ATTACK}", "price": "1"}, KEY, ATTACK)
    ledger.record_not_sent(RUN, Kind.CONTENT, [NotSent(operation, ATTACK, Status.FAILED)])
    FeedHistory(app.database).record("feed.csv", RUN, FeedState.REFUSED, reason=ATTACK)
    row = offer(
        KEY.removeprefix("awin:7001:"), merchant="7001", name=ATTACK, sku=ATTACK, feed=ATTACK, merchant_name=ATTACK
    )
    app.tables.keep("awin_feed", RUN, offers(row))
    HeldPlans(app.database).keep(
        filled_home.NOBODY, Kind.IMPORT, RUN, missing(offer(ATTACK, name=ATTACK, brand=ATTACK)), [ATTACK], hours=24
    )


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def home(made: Filled, monkeypatch: pytest.MonkeyPatch) -> Filled:
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def arguments_of(command: str, made: Filled) -> list[str]:
    with App(Settings()) as opened, opened.database.reading() as session:
        hashes = session.scalars(sa.select(HeldPlan.hash).where(HeldPlan.kind == "import")).all()
    return [
        word.format(plan=made.plan, job=made.job, hostile=hashes[0]) if "{" in word else word
        for word in COMMANDS[command]
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_lets_a_control_character_through(home: Filled, command: str) -> None:
    result = CliRunner().invoke(app, arguments_of(command, home))
    shown = result.stdout + result.stderr
    assert shown.strip()
    assert hidden_in(shown) == []
    assert "Traceback" not in shown
    assert max(map(len, re.findall("k+", shown)), default=0) <= 1_000
    if result.exit_code == 0 and command not in ("etsy settings", "doctor"):
        assert r"\x1b[31m" in shown


@pytest.mark.parametrize("command", ["plans list", "why", "report", "etsy show", "a wrong value"])
def test_on_a_coloured_terminal_the_only_escapes_are_our_colours(home: Filled, command: str) -> None:
    env = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "120"}
    words = arguments_of(command, home)
    done = subprocess.run([sys.executable, "-c", RUN_IT, *words], capture_output=True, env=env)
    shown = (done.stdout + done.stderr).decode()
    assert "\x1b[" in shown
    assert hidden_in(SGR.sub("", shown)) == []


@pytest.mark.parametrize(
    "command", ["plans list", "plans show a hostile one", "why", "report", "etsy jobs", "etsy show", "etsy sales"]
)
def test_json_has_every_text_whole_and_none_of_it_raw(home: Filled, command: str) -> None:
    result = CliRunner().invoke(app, [*arguments_of(command, home), "--json"])
    assert result.exit_code == 0, result.stderr
    assert hidden_in(result.stdout) == []
    assert ATTACK[:60] in "\n".join(texts(json.loads(result.stdout)))


def texts(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield from (name, *texts(value))
    elif isinstance(document, list):
        for value in document:
            yield from texts(value)
    elif isinstance(document, str):
        yield document


def hidden_in(shown: str) -> list[str]:
    return HIDDEN.findall(shown.replace("\n", ""))


def test_steps_prompts_and_errors_are_legible(
    home: Filled, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with JobSteps(ATTACK) as steps:
        steps.running(ATTACK, ATTACK)
        steps.made(ATTACK, {ATTACK: 1, "dagster/row_count": 3})
    say((ATTACK, "bold"), ATTACK)
    complain(str(PermanentError(ATTACK, ATTACK, ATTACK)))

    def fail(*_: object) -> None:
        raise RuntimeError(ATTACK)

    monkeypatch.setattr(init, "env_example", fail)
    result = CliRunner().invoke(app, ["init"])
    told = capsys.readouterr()
    for shown in (told.out, told.err, result.stdout, result.stderr):
        assert hidden_in(shown) == []
        assert shown == "" or r"\x1b" in shown
