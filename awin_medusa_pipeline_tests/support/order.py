"""Orders the test files: the slowest first, so that all workers are done at about the same time.

Measured on a machine of two cores; a file that is in neither list is quick, and comes after these. To measure anew:
`pytest --durations=80`.
"""

BEFORE_THE_SHOP = (
    "sync/domain/test_plans.py",
    "etsy/engine/test_jobs.py",
    "etsy/store/test_jobs.py",
    "tools/test_broken_feeds.py",
    "etsy/store/test_accounts.py",
    "sync/engine/test_apply.py",
)
"""Long ones that need no Medusa, to begin with: meanwhile its packages are installed and its servers start."""
ON_THE_SHOP = (
    "end_to_end/test_workers.py",
    "end_to_end/test_console.py",
    "end_to_end/test_bad_shop.py",
    "cli/test_main.py",
    "end_to_end/test_chaos.py",
    "defs/test_daemon.py",
    "end_to_end/test_held.py",
    "end_to_end/test_shops.py",
    "end_to_end/test_ownership.py",
    "end_to_end/test_bad_feed.py",
    "end_to_end/test_feeds.py",
    "end_to_end/test_prefilled_shop.py",
    "end_to_end/test_etsy.py",
    "defs/test_etsy_daemon.py",
    "end_to_end/test_dagster_ui.py",
    "end_to_end/test_console_start.py",
    "sync/engine/test_writers.py",
    "end_to_end/test_undo.py",
    "end_to_end/test_next_day.py",
    "end_to_end/test_fresh_shop.py",
    "sync/engine/test_field_writers.py",
    "sandbox/test_manager.py",
    "end_to_end/test_secrets.py",
    "end_to_end/test_slack.py",
    "cli/test_etsy.py",
    "end_to_end/test_why.py",
    "sandbox/test_prefill.py",
    "cli/test_wheel.py",
)


def rank(file: str, *, shop: bool) -> int:
    """Say where a file comes, by its path in the tests; `shop`: whether a test of it needs Medusa."""
    listed = (*BEFORE_THE_SHOP, *ON_THE_SHOP)
    if file in listed:
        return listed.index(file)
    return len(listed) + (not shop)
