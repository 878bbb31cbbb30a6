"""Runs `awin-medusa init`: the first step with a shop of your own."""

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.documentation import env_example
from awin_medusa_pipeline.cli.environment import make_env_file
from awin_medusa_pipeline.cli.terminal import commands, say
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.settings import Settings, env_file, variables_of

NEEDED = ("awin_feed_url", "medusa_backend_url", "medusa_admin_api_key")


def init() -> None:
    """Make .env, the state store and Dagster's home where they are missing, and say what to fill in."""
    file = env_file()
    say(f"{'Made' if make_env_file(file, env_example()) else 'There already:'} {file}")
    with App(settings := Settings()) as app:
        say(f"State store: {app.database.name}")
        say(f"Dagster's home: {dagster_home(app)}")
    if blank := [variables_of(name)[0] for name in NEEDED if getattr(settings, name) is None]:
        say("\nNow fill in ", (", ".join(blank), "bold"), f" in {file}. Then:")
    else:
        say("\nNext:")
    commands(
        [
            ("awin-medusa doctor", "check everything, with a fix for each fault"),
            ("awin-medusa sync --dry-run", "see what a sync would change"),
            ("awin-medusa sync --pilot 10", "change at most 10 things of each kind"),
        ]
    )
