"""Keeps what was measured in docs/benchmarks, with the machine, the versions and the time."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from awin_medusa_pipeline_tests.support.places import PACKAGE, PROJECT
from awin_medusa_pipeline_tests.tools.bench.timing import Comparison

FOLDER = PROJECT / "docs" / "benchmarks"
PACKAGES = ("dagster", "polars", "httpx", "sqlalchemy", "pydantic")


@dataclass(frozen=True)
class Surroundings:
    """Where and when something was measured."""

    date: str
    cpus: int
    cpu: str
    memory_gb: float
    load: float
    """Of the last minute, when it began: others disturb."""
    versions: dict[str, str]

    @classmethod
    def now(cls) -> "Surroundings":
        """Look around."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        versions = {"python": platform.python_version(), "medusa": _medusa()}
        return cls(
            datetime.now(UTC).isoformat(timespec="minutes"),
            os.cpu_count() or 0,
            _cpu(),
            round(memory, 1),
            round(os.getloadavg()[0], 1),
            versions | {name: version(name) for name in PACKAGES},
        )


def _medusa() -> str:
    shop = json.loads((PACKAGE / "sandbox" / "shop" / "package.json").read_text())
    return str(shop["dependencies"]["@medusajs/medusa"])


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def keep(began: Surroundings, parts: Sequence[str], results: Sequence[Comparison], shown: str) -> str:
    """Write both files; returns their name."""
    FOLDER.mkdir(exist_ok=True)
    name = f"{began.date[:10]}-{'-'.join(parts)}"
    facts = {
        "measured": asdict(began),
        "command": f"python -m awin_medusa_pipeline_tests.tools.bench {' '.join(parts)}",
        "results": [{**asdict(result), "ratio": round(result.ratio, 3)} for result in results],
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n")
    versions = ", ".join(f"{package} {number}" for package, number in began.versions.items())
    text = (
        f"# {began.date}: {', '.join(parts)}\n\n"
        f"{began.cpus} CPUs ({began.cpu}), {began.memory_gb} GB, load {began.load} when it began. {versions}.\n\n"
        f"`{facts['command']}`\n\n```\n{shown.rstrip()}\n```\n"
    )
    (FOLDER / f"{name}.md").write_text(text)
    return f"Kept in docs/benchmarks/{name}.md and .json"
