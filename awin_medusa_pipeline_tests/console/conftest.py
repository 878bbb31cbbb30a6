"""Gives the tests of the console an installation with its console served."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.etsy.client import client as etsy
from awin_medusa_pipeline.etsy.client import oauth
from awin_medusa_pipeline.medusa import client as medusa
from awin_medusa_pipeline_tests.support.console import Installation, installation


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop or an Etsy at which nobody answers is asked again at once."""
    for module in (medusa, etsy, oauth):
        monkeypatch.setattr(module, "Backoff", partial(Backoff, sleep=lambda seconds: None))


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password is made and read in a millisecond, not in 0.4 s; each of these tests logs somebody in."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),))
    monkeypatch.setattr(PasswordHash, "recommended", lambda: quick)


@pytest.fixture
def installed(tmp_path: Path, migrated_file: Path) -> Iterator[Installation]:
    with installation(tmp_path / "home", store=migrated_file) as found:
        yield found


@pytest.fixture
def filled(installed: Installation) -> Installation:
    """With tables, a run, a held plan and an Etsy job."""
    installed.tables()
    installed.run()
    installed.plan()
    installed.job(installed.account())
    return installed
