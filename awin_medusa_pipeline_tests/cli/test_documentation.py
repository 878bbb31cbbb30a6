"""What the documentation takes from the code is current: settings, commands, reason codes."""

import re
from pathlib import Path

import pytest

from awin_medusa_pipeline.cli import documentation
from awin_medusa_pipeline.cli.main import COMMANDS
from awin_medusa_pipeline.environment import env_example
from awin_medusa_pipeline.settings import PROJECT_ROOT, Settings, variables_of
from awin_medusa_pipeline.sync.domain import guards
from awin_medusa_pipeline.sync.domain.feed.errors import ROW_REASONS, Fault

TO_DO = "Run: python -m awin_medusa_pipeline.cli.documentation"


@pytest.mark.parametrize("path", documentation.pages(), ids=lambda path: path.name)
def test_files_are_current(path: Path):
    assert path.read_text() == documentation.pages()[path], TO_DO


def test_every_command_is_documented():
    page = documentation.command_pages()
    for name in (*COMMANDS, "plans approve", "etsy connect", "sandbox down"):
        assert f"# awin-medusa {name}\n" in page
    assert "--accept-smaller-feed" in page


@pytest.mark.parametrize("code", [*Fault, *ROW_REASONS, *guards.CODES])
def test_every_reason_code_is_documented(code: str):
    assert f"| `{code}` |" in documentation.reason_tables()


@pytest.mark.parametrize("text", [documentation.configuration_page(), env_example()])
def test_every_setting_is_told_and_no_folder_of_this_machine(text: str):
    told = set(re.findall(r"^(?:\| `|# |)([A-Z_]{4,})(?:` \||=)", text, re.MULTILINE))
    assert told == {variables_of(name)[0] for name in Settings.model_fields}
    assert str(PROJECT_ROOT) not in text


def test_defaults_shown_in_the_example_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / ".env"
    monkeypatch.setenv("AWIN_MEDUSA_ENV_FILE", str(file))
    file.write_text(env_example())
    assert Settings() == Settings.model_construct()
    file.write_text(re.sub(r"^# ([A-Z_]+=)", r"\1", env_example(), flags=re.MULTILINE))
    read = Settings()
    assert read == Settings.model_construct()
    assert {"sync_cron", "sync_price_column", "sync_rehost_images"} <= read.model_fields_set


def test_setting_without_a_description_is_not_possible():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
