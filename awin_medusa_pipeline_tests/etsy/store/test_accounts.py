"""Connected Etsy shops: what stands in the store is encrypted, and of all who renew a pair of tokens, one does."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr, ValidationError

from awin_medusa_pipeline.core.errors import TransientError
from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.core.store.secrets import Cipher, SecretKeyError, new_key
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig, PriceRule
from awin_medusa_pipeline.etsy.domain.tokens import NotConnectedError, TokenPair
from awin_medusa_pipeline.etsy.store.accounts import CLAIMED_FOR, EtsyAccount, EtsyAccountError, EtsyAccounts
from awin_medusa_pipeline_tests.support.sentences import raises_sentence

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
KEY = new_key()


def cipher(*keys: str) -> Cipher:
    return Cipher(SecretStr(" ".join(keys or (KEY,))))


def pair(number: int = 0, *, ends: datetime = NOW + timedelta(hours=1)) -> TokenPair:
    return TokenPair(f"1.access-{number}", f"1.refresh-{number}", ends)


def connect(accounts: EtsyAccounts, number: int = 0, *, shop_id: int = 11, **values: datetime) -> EtsyAccount:
    return accounts.connect(
        shop_id=shop_id,
        shop_name=f"Shop{shop_id}",
        currency="eur",
        pair=pair(number, **values),
        config=EtsyAccountConfig(taxonomy_id=1, price=PriceRule(multiplier=Decimal("1.15"))),
    )


def at(time_: datetime, database: Database, *keys: str) -> EtsyAccounts:
    return EtsyAccounts(database, cipher(*keys), now=lambda: time_)


def never(_: str) -> TokenPair:
    raise AssertionError("nothing is to be renewed")


def test_what_is_kept_of_an_account(database: Database) -> None:
    account = connect(at(NOW, database))
    kept = at(NOW, database).get(account.id)
    assert (kept.shop_id, kept.shop_name, kept.currency) == (11, "Shop11", "EUR")
    assert kept.is_active
    assert kept.api_config == EtsyAccountConfig(taxonomy_id=1, price=PriceRule(multiplier=Decimal("1.15")))
    assert at(NOW, database).tokens(account.id, never).access_token() == "1.access-0"


def test_no_token_stands_in_the_store_as_it_is(database: Database) -> None:
    connect(at(NOW, database))
    with database.reading() as session:
        rows = session.execute(sa.text("select * from etsy_account")).all()
    assert "access-0" not in repr(rows)
    assert "refresh-0" not in repr(rows)


def test_connecting_a_shop_again_keeps_its_id(database: Database) -> None:
    accounts = at(NOW, database)
    first = connect(accounts)
    accounts.disconnect(first.id)
    with raises_sentence(NotConnectedError, r"disconnected.*awin-medusa etsy connect"):
        accounts.tokens(first.id, never).access_token()
    assert connect(accounts, 5).id == first.id
    assert accounts.tokens(first.id, never).access_token() == "1.access-5"


FINDING = [
    ((), None, r"none is connected.*etsy connect"),
    ((11,), None, 11),
    ((11, 12), None, r"2 are connected \(Shop11, Shop12\)\. Name one"),
    ((11, 12), "shop12", 12),
    ((11, 12), "12", 12),
    ((11, 12), "Shop13", "connected is Shop11, Shop12"),
]


@pytest.mark.parametrize(("shops", "named", "expected"), FINDING)
def test_finding_an_account(tmp_path: Path, shops: tuple[int, ...], named: str | None, expected: int | str) -> None:
    with open_database(f"sqlite:///{tmp_path / 'state.db'}") as database:
        accounts = at(NOW, database)
        for shop_id in shops:
            connect(accounts, shop_id=shop_id)
        if isinstance(expected, int):
            assert accounts.find(named).shop_id == expected
        else:
            with raises_sentence(EtsyAccountError, expected):
                accounts.find(named)


BAD_KEYS = [
    (None, r"it is not set.*awin-medusa etsy key"),
    ("  ,", r"it is not set.*awin-medusa etsy key"),
    ("hunter2", r"not a Fernet key.*awin-medusa etsy key"),
    (f"{KEY} hunter2", r"not a Fernet key.*awin-medusa etsy key"),
]


@pytest.mark.parametrize(("keys", "sentence"), BAD_KEYS, ids=["none", "blank", "wrong", "one of them wrong"])
def test_a_key_that_cannot_be_used(keys: str | None, sentence: str) -> None:
    with raises_sentence(SecretKeyError, sentence) as caught:
        Cipher(SecretStr(keys) if keys else None).encrypt("text")
    assert "hunter2" not in str(caught.value)


def test_rotating_the_key(database: Database) -> None:
    new = new_key()
    account = connect(at(NOW, database))
    with pytest.raises(SecretKeyError, match=r"tokens of the Etsy shop Shop11.*no key .* fits.*behind the new one"):
        at(NOW, database, new).tokens(account.id, never).access_token()
    with pytest.raises(SecretKeyError):
        at(NOW, database, new).rotate_key()
    assert at(NOW, database, new, KEY).rotate_key() == 1
    assert at(NOW, database, new).tokens(account.id, never).access_token() == "1.access-0"
    with pytest.raises(SecretKeyError):
        at(NOW, database).tokens(account.id, never).access_token()


def test_a_config_that_says_nothing_etsy_knows() -> None:
    for wrong in ({"who_made": "robots"}, {"when_made": "yesterday"}, {"taxonomy_id": 0}, {"lowest_price": 60_000}):
        with pytest.raises(ValidationError):
            EtsyAccountConfig.model_validate(wrong)


def test_a_token_that_ends_soon_is_renewed_and_stored_before_it_is_used(database: Database) -> None:
    account = connect(at(NOW, database), ends=NOW + timedelta(seconds=30))
    asked: list[str] = []

    def renew(refresh_token: str) -> TokenPair:
        asked.append(refresh_token)
        return pair(1)

    assert at(NOW, database).tokens(account.id, renew).access_token() == "1.access-1"
    assert at(NOW, database).tokens(account.id, never).access_token() == "1.access-1"
    assert asked == ["1.refresh-0"]


def test_a_token_that_etsy_refused_is_renewed_once_for_all(database: Database) -> None:
    account = connect(at(NOW, database))
    tokens = at(NOW, database).tokens(account.id, lambda _: pair(1))
    assert tokens.refreshed("1.access-0") == "1.access-1"
    assert at(NOW, database).tokens(account.id, never).refreshed("1.access-0") == "1.access-1"


def test_a_revoked_token_asks_for_a_person_ever_after(database: Database) -> None:
    account = connect(at(NOW, database))

    def revoked(_: str) -> TokenPair:
        raise NotConnectedError("Renewing the Etsy tokens", "HTTP 400 invalid_grant: refresh_token is revoked")

    for renew in (revoked, never):
        with raises_sentence(NotConnectedError, r"is revoked\. Connect the shop again: awin-medusa etsy connect"):
            at(NOW, database).tokens(account.id, renew).refreshed("1.access-0")
    connect(at(NOW, database), 3)
    assert at(NOW, database).tokens(account.id, never).access_token() == "1.access-3"


def test_a_renewal_that_failed_leaves_the_next_one_free(database: Database) -> None:
    account = connect(at(NOW, database))

    def away(_: str) -> TokenPair:
        raise TransientError("Renewing the Etsy tokens", "HTTP 500", "Wait.")

    with pytest.raises(TransientError):
        at(NOW, database).tokens(account.id, away).refreshed("1.access-0")
    assert at(NOW, database).tokens(account.id, lambda _: pair(1)).refreshed("1.access-0") == "1.access-1"


class Waiting:
    """A clock that moves by the sleeping of who asks it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_a_claim_of_a_killed_process_runs_out(database: Database) -> None:
    account = connect(at(NOW, database))
    with database.writing() as session:
        killed = {"renewing_by": "killed", "renewing_until": NOW + CLAIMED_FOR}
        session.execute(sa.update(EtsyAccount).values(killed))
    clock = Waiting()
    tokens = EtsyAccounts(database, cipher(), now=clock).tokens(account.id, lambda _: pair(1), sleep=clock.sleep)
    assert tokens.refreshed("1.access-0") == "1.access-1"
    assert clock.now >= NOW + CLAIMED_FOR


def test_a_slow_renewal_never_overwrites_a_later_one(database: Database) -> None:
    account = connect(at(NOW, database))
    late = at(NOW + CLAIMED_FOR + timedelta(seconds=1), database)

    def slow(_: str) -> TokenPair:
        assert late.tokens(account.id, lambda _: pair(2)).refreshed("1.access-0") == "1.access-2"
        return pair(1)

    assert at(NOW, database).tokens(account.id, slow).refreshed("1.access-0") == "1.access-2"
    assert late.tokens(account.id, never).access_token() == "1.access-2"


def test_a_slow_refusal_never_disconnects_who_renewed_meanwhile(database: Database) -> None:
    account = connect(at(NOW, database))
    late = at(NOW + CLAIMED_FOR + timedelta(seconds=1), database)

    def slow(_: str) -> TokenPair:
        late.tokens(account.id, lambda _: pair(2)).refreshed("1.access-0")
        raise NotConnectedError("Renewing the Etsy tokens", "HTTP 400 invalid_grant")

    assert at(NOW, database).tokens(account.id, slow).refreshed("1.access-0") == "1.access-2"
    assert late.tokens(account.id, never).access_token() == "1.access-2"


def test_threads_that_renew_at_once(database: Database, another: Callable[[], Database]) -> None:
    account = connect(at(NOW, database))
    numbers, together = count(1), threading.Barrier(6)

    def renew(_: str) -> TokenPair:
        time.sleep(0.3)
        return pair(next(numbers))

    def one(_: int) -> str:
        with another() as mine:
            tokens = at(NOW, mine).tokens(account.id, renew)
            together.wait(timeout=30)
            return tokens.refreshed("1.access-0")

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(one, range(6))) == {"1.access-1"}
    assert next(numbers) == 2


RENEWER = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pydantic import SecretStr
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccounts
from awin_medusa_pipeline.core.store.secrets import Cipher

def renew(token):
    with Path(sys.argv[3]).open("a") as calls:
        calls.write(token + "\\n")
    time.sleep(0.3)
    return TokenPair("1.new", "1.next", datetime.now(UTC) + timedelta(hours=1))

tokens = EtsyAccounts(open_database(sys.argv[1]), Cipher(SecretStr(sys.argv[2]))).tokens(1, renew)
print("ready", flush=True)
sys.stdin.readline()
print(tokens.access_token())
"""


def test_processes_that_renew_at_once(database: Database, store_url: str, tmp_path: Path) -> None:
    assert connect(at(NOW, database), ends=NOW - timedelta(hours=1)).id == 1
    calls = tmp_path / "calls"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RENEWER, store_url, KEY, str(calls)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in processes] == ["1.new\n"] * 2
    assert calls.read_text() == "1.refresh-0\n"
