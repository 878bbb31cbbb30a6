"""Gives the tests of the console an installation with its console served."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from awin_medusa_pipeline_tests.support.console import Installation, installation


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
