"""Makes small faults in the domain modules and shows which of them the tests notice.

Run as `python -m awin_medusa_pipeline_tests.tools.mutants [--number 300] [--seed 1] [--only sync/domain/feed]`.
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from awin_medusa_pipeline_tests.tools.mutants.operators import Mutant, mutants
from awin_medusa_pipeline_tests.tools.mutants.suites import PACKAGE, PROJECT, modules, suite_of
from awin_medusa_pipeline_tests.tools.mutants.trial import Laboratory, Outcome

SLOWER = 5
"""A mutant may take this many times what the tests take without it, and LEAST seconds at least."""
LEAST = 20.0

console = Console(soft_wrap=True, highlight=False)


def chosen(number: int, seed: int, only: str = "") -> list[Mutant]:
    """Choose mutants at random, in the order of the modules."""
    every = [mutant for module in modules() for mutant in mutants(module, (PROJECT / PACKAGE / module).read_text())]
    sample = random.Random(seed).sample(every, min(number, len(every)))
    console.print(f"{len(sample)} of {len(every)} mutants, seed {seed}")
    return sorted(
        (mutant for mutant in sample if mutant.path.startswith(only)), key=lambda mutant: (mutant.path, mutant.line)
    )


def main() -> None:
    """Try the mutants and show what became of them."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--number", type=int, default=300, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--only", default="", help="of these, only those in modules that begin with this")
    options = parser.parse_args()
    found = chosen(options.number, options.seed, options.only)
    outcomes: dict[str, Counter[Outcome]] = {}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(Path(folder))
        for path, group in groupby(found, key=lambda mutant: mutant.path):
            outcomes[path] = meet(laboratory, path, list(group))
            console.print(f"{path}: {', '.join(f'{number} {outcome}' for outcome, number in outcomes[path].items())}")
    show(outcomes, time.monotonic() - started)


def meet(laboratory: Laboratory, path: str, found: list[Mutant]) -> Counter[Outcome]:
    """Try the mutants of a module, and print those that were not noticed."""
    tests = suite_of(path, laboratory.folder)
    seconds = laboratory.seconds(tests)
    if seconds is None:
        console.print(f"untried: {len(found)} of {path}, whose tests fail without any mutant: {' '.join(tests)}")
        return Counter()
    outcomes: Counter[Outcome] = Counter()
    for mutant in found:
        outcome = laboratory.meet(mutant, tests, max(LEAST, SLOWER * seconds))
        outcomes[outcome] += 1
        if outcome is not Outcome.NOTICED:
            console.print(f"{outcome}: {mutant}", markup=False)
    return outcomes


def show(outcomes: dict[str, Counter[Outcome]], seconds: float) -> None:
    """Print the counts of each module and of all."""
    table = Table("module", *Outcome)
    for module, counts in outcomes.items():
        table.add_row(module, *(str(counts[outcome]) for outcome in Outcome))
    whole: Counter[Outcome] = sum(outcomes.values(), Counter())
    table.add_section()
    table.add_row("all", *(str(whole[outcome]) for outcome in Outcome))
    console.print(table)
    console.print(f"{seconds / max(whole.total(), 1):.1f} s each")


if __name__ == "__main__":
    main()
