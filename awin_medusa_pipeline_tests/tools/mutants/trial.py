"""Runs the tests of a module against a mutant, in a copy of the project.

Each trial is a fork that has the libraries loaded already but none of the project: importing them takes longer than the
tests of most modules.
"""

import gc
import importlib
import importlib.util
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase

from awin_medusa_pipeline_tests.tools.mutants.operators import Mutant
from awin_medusa_pipeline_tests.tools.mutants.suites import PACKAGE, PROJECT, TESTS

LIBRARIES = (
    *("polars", "dataframely", "sqlalchemy.orm", "alembic.config", "httpx", "tenacity", "filelock"),
    *("rapidfuzz", "ftfy", "jsonschema", "slack_sdk", "psycopg2"),
)
OPTIONS = (
    "-x",
    "-q",
    "--tb=no",
    *(f"-pno:{name}" for name in ("cacheprovider", "anyio", "xdist", "unraisableexception")),
)
EXAMPLES = 15
"""Of each law, from a fixed seed."""
MEMORY = 4 << 30


class Outcome(StrEnum):
    """What became of a mutant."""

    NOTICED = "noticed"
    SURVIVED = "survived"
    TIMEOUT = "timeout"


class Laboratory:
    """A copy of the project in which one module at a time is a mutant."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (PACKAGE, TESTS):
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "pyproject.toml", folder)
        for name in LIBRARIES:
            importlib.import_module(name)
        gc.freeze()

    def seconds(self, tests: Sequence[str]) -> float | None:
        """Take the time of tests on the project as it is; None: they fail, and could notice nothing."""
        started = time.monotonic()
        passed = self._run(tests, 600, bytecode=True) is Outcome.SURVIVED
        return time.monotonic() - started if passed else None

    def meet(self, mutant: Mutant, tests: Sequence[str], timeout: float) -> Outcome:
        """Run tests on a mutant."""
        place = self.folder / PACKAGE / mutant.path
        original = place.read_text()
        # Bytecode is told apart by second and size, which a mutant may share with the original.
        Path(importlib.util.cache_from_source(str(place))).unlink(missing_ok=True)
        place.write_text(mutant.source)
        try:
            return self._run(tests, timeout, bytecode=False)
        finally:
            place.write_text(original)

    def _run(self, tests: Sequence[str], timeout: float, *, bytecode: bool) -> Outcome:
        child = os.fork()
        if not child:
            _test_and_exit(self.folder, tests, bytecode=bytecode)
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return Outcome.NOTICED if status else Outcome.SURVIVED
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return Outcome.TIMEOUT


def _test_and_exit(folder: Path, tests: Sequence[str], *, bytecode: bool) -> None:
    """Become a process of its own that tests the copy; the exit code is pytest's."""
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        sys.dont_write_bytecode = not bytecode
        for name in [name for name in sys.modules if name.partition(".")[0] in (PACKAGE, TESTS)]:
            del sys.modules[name]
        sys.path.insert(0, str(folder))
        os.chdir(folder)
        os.environ.pop("CI", None)
        code = int(pytest.main([*OPTIONS, *tests], plugins=[_Laws()]))
    finally:
        os._exit(code)


class _Laws:
    """Runs tables of cases first, and of each law few examples that are the same for every mutant."""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        os._exit(exitstatus)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=_is_law)
        for item in filter(_is_law, items):
            test = item.obj  # type: ignore[attr-defined]
            known = getattr(test, "_hypothesis_internal_use_settings", None) or hypothesis.settings()
            test._hypothesis_internal_use_settings = hypothesis.settings(
                known,
                max_examples=min(known.max_examples, EXAMPLES),
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=[*HealthCheck],
            )


def _is_law(item: pytest.Item) -> bool:
    return hypothesis.is_hypothesis_test(getattr(item, "obj", None))
