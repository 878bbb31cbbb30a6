"""Starts, stops, resets and reports on the whole sandbox.

Everything runs on this machine, with its files under `<home>/sandbox`. The ports are consecutive: Medusa, PostgreSQL,
feed and Slack, Etsy, and the port where the program waits for Etsy's consent.
"""

import base64
import hashlib
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx

from awin_medusa_pipeline.core.http import certificates
from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.sandbox import medusa, seed, servers
from awin_medusa_pipeline.sandbox.errors import SandboxError
from awin_medusa_pipeline.sandbox.etsy import handle as etsy_handle
from awin_medusa_pipeline.sandbox.etsy import server as etsy_server
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sandbox.etsy.settings import StandInSettings as EtsySettings
from awin_medusa_pipeline.sandbox.medusa import Medusa, Software, exclusive
from awin_medusa_pipeline.sandbox.postgres import Postgres
from awin_medusa_pipeline.sandbox.processes import Progress, Service, silent
from awin_medusa_pipeline.sandbox.seed import Shop
from awin_medusa_pipeline.settings import PROJECT_ROOT

# Below 32768, where Linux starts to use ports for outgoing connections, and away from 9000, Medusa's default.
DEFAULT_PORT = 19000
PORTS = 5
LIVE = "medusa"
SNAPSHOT = "snapshot_"
CLEAN = "clean"
SECRETS = "secrets.json"
CREDENTIALS = "credentials.json"


@dataclass(frozen=True)
class ServiceStatus:
    """State of one process of the sandbox."""

    name: str
    state: str
    """running, stopped, or not answering."""
    pid: int | None
    address: str
    log: Path

    @classmethod
    def ask(cls, service: Service, answers: Callable[[], bool]) -> "ServiceStatus":
        """Check one process now."""
        pid = service.pid
        state = "stopped" if pid is None else "running" if answers() else "not answering"
        return cls(service.name, state, pid, f"{HOST}:{service.port}", service.log)


CONSOLE_CALLBACK = "http://localhost:3000/admin/etsy/callback"
"""Of a console that was started with its usual port."""


@dataclass(frozen=True)
class SandboxStatus:
    """What is installed, seeded and running."""

    folder: Path
    installed: bool
    seeded: bool
    services: tuple[ServiceStatus, ...]

    @property
    def running(self) -> bool:
        """Whether every part runs and answers."""
        return self.installed and self.seeded and all(service.state == "running" for service in self.services)


class Sandbox:
    """The sandbox of one home folder; several may run side by side, each on its own ports.

    `port`: Medusa's port; None means the port of the last start, else DEFAULT_PORT. `software`: folder of Medusa's
    packages if several sandboxes share them.
    """

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        *,
        software: Path | None = None,
        etsy: Mapping[str, Any] = MappingProxyType({}),
        preload: Path | None = None,
    ) -> None:
        """`etsy`: settings of the stand-in for Etsy (StandInSettings) that differ.

        `preload`: a script that Medusa's process runs before Medusa.
        """
        self._preload = preload
        self._etsy_modes = etsy
        self.folder = home.expanduser().resolve() / "sandbox"
        self._lock = self.folder.with_name("sandbox.lock")
        self._asked_port = port
        self.software = software or self.folder / "software"
        """Folder of Medusa's packages."""

    @property
    def port(self) -> int:
        """Medusa's port, the first of PORTS."""
        return self._asked_port or self._last_port or DEFAULT_PORT

    @property
    def feed_file(self) -> Path:
        """The feed served by default; other files in its folder are served by name."""
        return self.folder / "feed" / servers.FEED_NAME

    @property
    def slack_file(self) -> Path:
        """Messages sent to Slack, one JSON per line; missing before the first."""
        return self.folder / "slack.ndjson"

    @property
    def etsy(self) -> EtsyHandle:
        """Handle to the stand-in for Etsy."""
        return EtsyHandle(f"http://{HOST}:{self.port + 3}")

    @property
    def shop(self) -> Shop:
        """Address and keys of the seeded shop. Raises SandboxError before the first `up`."""
        found = self._shop
        if found is None:
            raise SandboxError("Reading the sandbox's keys", "it was never set up", "Run: awin-medusa sandbox up.")
        return found

    def up(self, progress: Progress = silent) -> Shop:
        """Start the sandbox from any state; steps already done are skipped.

        Measured: 41 s from an empty folder, 4 s when stopped, 0.1 s when running.
        """
        with exclusive(self._lock, progress, "Starting the sandbox"):
            self._refuse_to_move()
            for service in self._services:
                # A port in use is reported now, not after a minute of installing.
                service.prepare()
            Software(self.software).install(progress)
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "port").write_text(str(self.port))
            self._postgres.start(progress)
            if self._clean_database not in self._postgres.databases() or self._shop is None:
                self._build(progress)
            elif LIVE not in self._postgres.databases():
                self._postgres.copy(self._clean_database, LIVE)
            self._medusa.start(seed.ADMIN_EMAIL, self._secrets["admin"], progress)
            self._start_servers(progress)
            return self.shop

    def build(self, progress: Progress = silent) -> None:
        """Install and seed it, and leave it stopped, for `take_over`."""
        with exclusive(self._lock, progress, "Building the sandbox"):
            Software(self.software).install(progress)
            if self._shop is None:
                # What an interrupted one left running, perhaps on other ports.
                for service in self._services[1::-1]:
                    service.stop_lost()
                    service.stop()
                try:
                    self._postgres.start(progress)
                    self._build(progress)
                finally:
                    for service in self._services[1::-1]:
                        service.stop()

    def take_over(self, template: "Sandbox") -> None:
        """Become a copy of a sandbox that `build` left, unless this one is built already. It does not run."""
        with exclusive(self._lock, silent, "Copying the sandbox"):
            if self._shop is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._postgres.take_over(template._postgres)
                # The keys of the shop come last: they are what tells that it is built.
                for name in (SECRETS, CREDENTIALS):
                    shutil.copy2(template.folder / name, self.folder / name)

    def down(self, *, purge: bool = False, progress: Progress = silent) -> bool:
        """End all processes and, with `purge`, remove all files; return whether any process was running."""
        with exclusive(self._lock, progress, "Stopping the sandbox"):
            for service in self._services:
                service.stop_lost()
            stopped = [service.stop() for service in reversed(self._services)]
            if purge:
                progress("Removing the sandbox", str(self.folder))
                self._postgres.purge()
                shutil.rmtree(self.folder, ignore_errors=True)
            return any(stopped)

    def status(self) -> SandboxStatus:
        """Check what is installed, seeded and running; each running process must answer."""
        asks = (self._database_answers, self._shop_answers, self._servers_answer, self.etsy.answers)
        services = tuple(ServiceStatus.ask(*pair) for pair in zip(self._services, asks, strict=True))
        return SandboxStatus(self.folder, Software(self.software).installed, self._shop is not None, services)

    def reset(self, snapshot: str = CLEAN) -> None:
        """Restore the shop to a snapshot, by default as seeded, and empty Slack and Etsy. Takes 0.3 s.

        Medusa keeps running and its keys stay valid.
        """
        name = SNAPSHOT + snapshot
        if snapshot == CLEAN:
            name = self._clean_database
        tried = f"Resetting the sandbox to {snapshot!r}"
        with exclusive(self._lock, silent, tried):
            self._need_running(tried)
            if name not in self._postgres.databases():
                raise SandboxError(tried, "there is no such snapshot", "Take one first.")
            self._postgres.copy(name, LIVE)
            self.slack_file.unlink(missing_ok=True)
            self.etsy.reset()

    def snapshot(self, name: str) -> None:
        """Save the shop for `reset(name)`; Medusa loses its database connections and reconnects."""
        tried = f"Taking the snapshot {name!r}"
        with exclusive(self._lock, silent, tried):
            self._need_running(tried)
            self._postgres.copy(LIVE, SNAPSHOT + name)

    def environment(self) -> dict[str, str]:
        """Return environment variables that point the program at the sandbox, keys included."""
        return {
            "AWIN_FEED_URL": self._servers_url + servers.FEED_PATH,
            "MEDUSA_BACKEND_URL": self.shop.base_url,
            "MEDUSA_ADMIN_API_KEY": self.shop.admin_key,
            "MEDUSA_PUBLISHABLE_KEY": self.shop.publishable_key,
            "SLACK_WEBHOOK_URL": self._servers_url + servers.SLACK_PATH,
            **etsy_handle.environment(self.etsy.url, self._etsy_settings),
            "IMAGE_ALLOWED_HOSTS": urlsplit(self._servers_url).netloc,
            "AWIN_MEDUSA_SECRET_KEY": self._fernet_key,
            "AWIN_MEDUSA_HOME": str(self.folder.parent),
        }

    @property
    def images_address(self) -> str:
        """Address under which every name ending in .png is an image while the sandbox runs."""
        return self._servers_url + servers.IMAGES_PATH

    def slack_messages(self) -> list[dict[str, Any]]:
        """Read the messages sent to Slack since the last reset."""
        lines = self.slack_file.read_text().splitlines() if self.slack_file.exists() else []
        return [json.loads(line) for line in lines]

    def fail_slack(self, times: int) -> None:
        """Make Slack refuse the next `times` messages."""
        httpx.put(f"{self._servers_url}/fail/{times}").raise_for_status()

    @property
    def _last_port(self) -> int | None:
        try:
            return int((self.folder / "port").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _refuse_to_move(self) -> None:
        running = any(service.pid is not None for service in self._services)
        if running and self._asked_port and self._last_port not in (None, self._asked_port):
            raise SandboxError(
                f"Starting the sandbox on port {self._asked_port}",
                f"it runs already, on port {self._last_port}",
                "First: awin-medusa sandbox down.",
            )

    def _need_running(self, tried: str) -> None:
        if any(service.pid is None for service in self._services):
            raise SandboxError(tried, "it does not run", "Run: awin-medusa sandbox up.")

    @property
    def _secrets(self) -> dict[str, str]:
        path = self.folder / SECRETS
        if not path.exists():
            # Hexadecimal, because `medusa user` reads a password that begins with "-" as an option.
            names = ("postgres", "jwt", "cookie", "admin")
            seed.save_private(path, {name: secrets.token_hex(24) for name in names})
        content: dict[str, str] = json.loads(path.read_text())
        return content

    @property
    def _fernet_key(self) -> str:
        """Encrypts the stand-in's tokens, which are worthless elsewhere."""
        return base64.urlsafe_b64encode(hashlib.sha256(self._secrets["jwt"].encode()).digest()).decode("ascii")

    @property
    def _services(self) -> tuple[Service, Service, Service, Service]:
        """All services in start order."""
        return (
            Service("postgres", self.folder, self.port + 1, signal.SIGINT),
            Service("medusa", self.folder, self.port),
            Service("servers", self.folder, self.port + 2),
            Service("etsy", self.folder, self.port + 3),
        )

    @property
    def _postgres(self) -> Postgres:
        return Postgres(self._services[0], self._secrets["postgres"])

    @property
    def _medusa(self) -> Medusa:
        url = self._postgres.url(LIVE)
        return Medusa(
            self._services[1],
            Software(self.software),
            database_url=url,
            secrets=self._secrets,
            preload=self._preload,
        )

    @cached_property
    def _made_for(self) -> str:
        parts = medusa.fingerprint(), Path(seed.__file__).read_text()
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    @property
    def _clean_database(self) -> str:
        return f"{CLEAN}_{self._made_for}"

    @property
    def _shop(self) -> Shop | None:
        return seed.load(self.folder / CREDENTIALS, f"http://{HOST}:{self.port}", self._made_for)

    def _build(self, progress: Progress) -> None:
        """Create database, tables, admin user and seed from scratch, so that an interrupted build leaves no trace."""
        self._services[1].stop()
        for database in self._postgres.databases():
            self._postgres.drop(database)
        self._postgres.create(LIVE)
        password = self._secrets["admin"]
        self._medusa.migrate(progress)
        self._medusa.create_admin(seed.ADMIN_EMAIL, password, progress)
        self._medusa.start(seed.ADMIN_EMAIL, password, progress)
        progress("Seeding the shop", "")
        shop = seed.seed(self._medusa.base_url, seed.ADMIN_EMAIL, password)
        seed.save(shop, self.folder / CREDENTIALS, self._made_for)
        self._postgres.copy(LIVE, self._clean_database)

    @property
    def _servers_url(self) -> str:
        return f"http://{HOST}:{self.port + 2}"

    @property
    def _etsy_settings(self) -> EtsySettings:
        redirect_uris = [f"http://localhost:{self.port + 4}/oauth/redirect", CONSOLE_CALLBACK]
        return EtsySettings(redirect_uris=redirect_uris, **self._etsy_modes)

    def _start_servers(self, progress: Progress) -> None:
        self.feed_file.parent.mkdir(exist_ok=True)
        _, _, feed_and_slack, etsy = self._services
        settings = json.dumps(asdict(self._etsy_settings))
        commands: dict[Service, list[str | Path]] = {
            feed_and_slack: [servers.__name__, str(feed_and_slack.port), self.feed_file.parent, self.slack_file],
            etsy: [etsy_server.__name__, str(etsy.port), "--folder", self.folder / "etsy", "--settings", settings],
        }
        for service, command in commands.items():
            if service.pid is None:
                service.start([sys.executable, "-m", *command], env=os.environ, cwd=PROJECT_ROOT)
        feed_and_slack.wait_until(self._servers_answer, progress, "Starting the feed server and the Slack sink")
        etsy.wait_until(self.etsy.answers, progress, "Starting the stand-in for Etsy")

    def _database_answers(self) -> bool:
        return self._postgres.answers()

    def _shop_answers(self) -> bool:
        return self._medusa.answers(seed.ADMIN_EMAIL, self._secrets["admin"])

    def _servers_answer(self) -> bool:
        try:
            return httpx.head(self._servers_url, timeout=5, verify=certificates()).status_code in (200, 404)
        except httpx.TransportError:
            return False
