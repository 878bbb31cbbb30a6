"""Calls the commands in this process."""

from typer.testing import CliRunner, Result

from awin_medusa_pipeline.cli.main import app


def run(*arguments: str) -> Result:
    """Run `awin-medusa` with these arguments; its output and exit code."""
    return CliRunner().invoke(app, arguments)
