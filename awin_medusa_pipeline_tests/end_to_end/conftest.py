"""A pipeline on a fresh shop, for the tests that need nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline_tests.support.pipeline import Pipeline, pipeline_on


@pytest.fixture
def pipeline(sandbox: Sandbox, shop: Shop, tmp_path: Path) -> Iterator[Pipeline]:
    """The project on an empty shop, with nothing remembered."""
    with pipeline_on(sandbox, tmp_path / "home") as pipeline:
        yield pipeline
