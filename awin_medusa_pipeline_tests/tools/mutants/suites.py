"""Says which modules get mutants, and which tests have to notice them."""

from pathlib import Path

PROJECT = Path(__file__).parents[3]
PACKAGE, TESTS = "awin_medusa_pipeline", "awin_medusa_pipeline_tests"
ROOMS = ("sync/domain", "etsy/domain")

FEED_CASES = "sync/domain/feed/test_cases.py"
FEED = ("sync/domain/feed/test_feed.py", "sync/domain/feed/test_rows.py", FEED_CASES)
PLANS = ("sync/domain/test_plans.py",)
SHOP_CASES = ("sync/domain/test_shop_cases.py",)
ALSO: dict[str, tuple[str, ...]] = {
    "sync/domain/adoption.py": SHOP_CASES,
    "sync/domain/discrepancies.py": (*SHOP_CASES, *PLANS),
    "sync/domain/field_plans.py": PLANS,
    "sync/domain/halves.py": SHOP_CASES,
    "sync/domain/kinds.py": ("sync/domain/test_preview.py",),
    "sync/domain/matching.py": SHOP_CASES,
    "sync/domain/ownership.py": SHOP_CASES,
    "sync/domain/feed_guards.py": ("sync/domain/test_guards.py", "sync/engine/test_intake.py"),
    "sync/domain/rules.py": ("sync/domain/test_guards.py", "sync/domain/test_ownership.py", *PLANS, "test_settings.py"),
    "sync/domain/traced.py": ("sync/engine/test_why.py",),
    "sync/domain/feed/cells.py": (FEED_CASES,),
    "sync/domain/feed/columns.py": FEED,
    "sync/domain/feed/errors.py": (FEED[0],),
    "sync/domain/feed/facts.py": (*FEED, "sync/domain/test_guards.py", "sync/store/test_feed_history.py"),
    "sync/domain/feed/jsonl.py": FEED,
    "sync/domain/feed/layout.py": FEED,
    "sync/domain/feed/offers.py": FEED,
    "sync/domain/feed/standing.py": (FEED_CASES, "sync/engine/test_intake.py"),
    "sync/domain/feed/stock.py": (FEED_CASES, FEED[0], "sync/domain/feed/test_cells.py"),
    "sync/domain/feed/unpack.py": FEED,
    "etsy/domain/memory.py": ("etsy/domain/test_plan.py", "etsy/domain/test_looks.py", "etsy/store/test_jobs.py"),
    "etsy/domain/tokens.py": ("etsy/store/test_accounts.py", "etsy/client/test_oauth.py"),
}
"""Tests of a module in other files than its own."""


def modules(project: Path = PROJECT) -> list[str]:
    """Every module of the domains, as a path inside the package."""
    package = project / PACKAGE
    return [
        path.relative_to(package).as_posix()
        for room in ROOMS
        for path in sorted((package / room).rglob("*.py"))
        if path.name != "__init__.py"
    ]


def suite_of(module: str, project: Path = PROJECT) -> list[str]:
    """The test files of a module, as paths inside the project: its own one first, then those of the table."""
    path = Path(module)
    own = path.with_name(f"test_{path.name}").as_posix()
    files = [*([own] if (project / TESTS / own).exists() else []), *ALSO.get(module, ())]
    return [f"{TESTS}/{file}" for file in files]
