"""Users, sessions, links and tokens: each works for whom it was made, and no longer than it should."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from pwdlib import PasswordHash

from awin_medusa_pipeline.console.store.access import (
    FAILURES_KEPT,
    LINK_KEPT,
    MOST_PER_ACCOUNT,
    MOST_PER_ADDRESS,
    SESSION_KEPT,
    Access,
    LoginError,
    Scope,
)
from awin_medusa_pipeline.console.store.models import ConsoleLink, ConsoleSession, ConsoleUser, EtsyConsent, FailedLogin
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline_tests.support.clock import Clock

PASSWORD = "correct horse battery"
HERE = "127.0.0.1"
recommended = PasswordHash.recommended
"""Before the tests of the console make it quick."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(database: Database, clock: Clock) -> Access:
    access = Access(database, now=clock)
    access.set_user("anna", PASSWORD)
    return access


def test_a_session_lasts_until_it_is_over_or_ended(access: Access, clock: Clock) -> None:
    first, second = access.log_in("anna", PASSWORD, HERE), access.log_in("anna", PASSWORD, HERE)
    visitor = access.visitor_of_cookie(first.cookie)
    assert visitor is not None
    assert (visitor.name, visitor.scope, visitor.is_program) == ("anna", Scope.DECIDE, False)
    other = access.visitor_of_cookie(second.cookie)
    assert other is not None
    assert not visitor.owns(other.csrf)
    access.log_out(first.cookie)
    assert access.visitor_of_cookie(first.cookie) is None
    clock.now += SESSION_KEPT + timedelta(seconds=1)
    assert access.visitor_of_cookie(second.cookie) is None


def test_a_password_is_kept_as_rfc_9106_recommends(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PasswordHash, "recommended", recommended)
    Access(database, now=clock).set_user("anna", PASSWORD)
    with database.reading() as session:
        kept = session.scalars(sa.select(ConsoleUser.password_hash)).one()
    # Its second choice, for where memory is dear: 64 MiB, three passes, four lanes.
    assert str(kept).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_new_password_ends_all_sessions(access: Access) -> None:
    opened = access.log_in("anna", PASSWORD, HERE)
    access.set_user("anna", "another good password")
    assert access.visitor_of_cookie(opened.cookie) is None
    with pytest.raises(LoginError):
        access.log_in("anna", PASSWORD, HERE)


@pytest.mark.parametrize("password", ["short", "", "x" * 201])
def test_a_weak_password_is_refused(access: Access, password: str) -> None:
    with pytest.raises(PermanentError, match="characters"):
        access.set_user("ben", password)


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x00b", "a\u202eb"])
def test_a_name_of_no_use_is_refused(access: Access, name: str) -> None:
    with pytest.raises(PermanentError, match="Choosing a name"):
        access.set_user(name, PASSWORD)


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("anna", "")])
def test_a_wrong_login_says_nothing_of_what_is_wrong(access: Access, name: str, password: str) -> None:
    with pytest.raises(LoginError, match="name and password do not fit"):
        access.log_in(name, password, HERE)


def test_a_user_who_comes_by_link_has_no_password(access: Access) -> None:
    access.set_user("demo", None)
    with pytest.raises(LoginError):
        access.log_in("demo", "", HERE)


def fail(access: Access, times: int, account: str = "anna", address: str = HERE) -> None:
    for _ in range(times):
        with pytest.raises(LoginError):
            access.log_in(account, "wrong", address)


def test_logins_are_throttled_by_account(access: Access, clock: Clock) -> None:
    fail(access, MOST_PER_ACCOUNT, address="10.0.0.1")
    with pytest.raises(LoginError, match="too many") as refused:
        access.log_in("anna", PASSWORD, "10.0.0.2")
    assert 0 < refused.value.wait <= FAILURES_KEPT.total_seconds() + 1
    clock.now += FAILURES_KEPT + timedelta(seconds=1)
    access.log_in("anna", PASSWORD, HERE)


def test_logins_are_throttled_by_address(access: Access) -> None:
    for number in range(MOST_PER_ADDRESS):
        fail(access, 1, account=f"user{number}")
    with pytest.raises(LoginError, match="too many"):
        access.log_in("anna", PASSWORD, HERE)
    access.log_in("anna", PASSWORD, "10.0.0.2")


def test_hammering_does_not_prolong_the_wait(access: Access, clock: Clock) -> None:
    fail(access, MOST_PER_ACCOUNT)
    for _ in range(20):
        clock.now += timedelta(seconds=30)
        with pytest.raises(LoginError, match="too many"):
            access.log_in("anna", PASSWORD, HERE)
    clock.now += FAILURES_KEPT - timedelta(minutes=10) + timedelta(seconds=1)
    access.log_in("anna", PASSWORD, HERE)


def test_many_at_once_do_not_pass_the_limit(access: Access, another: Callable[[], Database]) -> None:
    judged: list[str] = []

    def guess(own: Access) -> None:
        for _ in range(5):
            try:
                own.log_in("anna", "wrong", HERE)
            except LoginError as error:
                judged.append(error.came_back)

    threads = [threading.Thread(target=guess, args=(Access(another()),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(judged) == 20
    assert judged.count("name and password do not fit") == MOST_PER_ACCOUNT


def test_a_link_makes_the_first_user_once(database: Database, clock: Clock) -> None:
    access = Access(database, now=clock)
    secret, other = access.make_link(None), access.make_link(None)
    with pytest.raises(PermanentError, match="password"):
        access.open_link(secret, HERE, name="anna")
    assert access.link(secret) is not None, "a mistake must not use the link up"
    opened = access.open_link(secret, HERE, name="anna", password=PASSWORD)
    assert access.visitor_of_cookie(opened.cookie) is not None
    for used in (secret, other):
        with pytest.raises(LoginError):
            access.open_link(used, HERE, name="eve", password=PASSWORD)
    assert [user.name for user in access.users()] == ["anna"]


def test_a_link_for_a_user_needs_no_password_and_runs_out(access: Access, clock: Clock) -> None:
    opened = access.open_link(access.make_link("anna"), HERE)
    assert opened.user == "anna"
    late = access.make_link("anna")
    clock.now += LINK_KEPT + timedelta(seconds=1)
    assert access.link(late) is None
    with pytest.raises(LoginError, match="used already"):
        access.open_link(late, HERE)


def test_a_token_works_until_it_is_revoked(access: Access) -> None:
    text = access.make_token("grafana", Scope.READ, "anna")
    visitor = access.visitor_of_token(text)
    assert visitor is not None
    assert (visitor.name, visitor.scope, visitor.is_program) == ("token grafana", Scope.READ, True)
    assert not visitor.owns("")
    (row,) = access.tokens()
    assert text not in (row.name, row.hash)
    assert row.last_used_at is not None
    assert access.revoke_token(row.id)
    assert not access.revoke_token(row.id)
    assert access.visitor_of_token(text) is None


def test_a_consent_is_answered_once(access: Access, clock: Clock) -> None:
    access.keep_consent("state-1", "verifier", "anna")
    assert access.take_consent("state-2") is None
    taken = access.take_consent("state-1")
    assert taken is not None
    assert taken.verifier == "verifier"
    assert access.take_consent("state-1") is None
    access.keep_consent("state-3", "verifier", "anna")
    clock.now += timedelta(minutes=16)
    assert access.take_consent("state-3") is None


def test_what_is_over_is_removed(access: Access, clock: Clock, database: Database) -> None:
    access.log_in("anna", PASSWORD, HERE)
    access.make_link("anna")
    access.keep_consent("state-1", "verifier", "anna")
    fail(access, 1)
    clock.now += SESSION_KEPT + timedelta(days=1)
    access.log_in("anna", PASSWORD, HERE)
    access.make_link("anna")
    access.keep_consent("state-2", "verifier", "anna")
    with database.reading() as session:
        kept = [session.query(model).count() for model in (ConsoleSession, ConsoleLink, EtsyConsent, FailedLogin)]
    assert kept == [1, 1, 1, 0]
