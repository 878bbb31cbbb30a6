"""No broken feed may hide a product, empty a shelf or leave its owner without a sentence."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from awin_medusa_pipeline.sync.domain.feed.errors import Fault
from awin_medusa_pipeline_tests.support.feeds import KEY
from awin_medusa_pipeline_tests.tools.broken_feeds import BROKEN, HARMLESS, Broken, Trials, trials


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    with trials(tmp_path_factory.mktemp("broken")) as world:
        yield world


WAYS = [
    pytest.param(broken, as_file, id=f"{broken.name}{', as a file' if as_file else ''}")
    for broken in [*BROKEN, *HARMLESS]
    for as_file in ([False, True] if broken.file else [False])
]


@pytest.mark.parametrize(("broken", "as_file"), WAYS)
def test_a_broken_feed_destroys_nothing_and_is_told(world: Trials, broken: Broken, as_file: bool) -> None:
    met = world.meet(broken, as_file=as_file)
    assert met.sent.keys() <= {"import", "stock"}
    if broken.code is None:
        assert (met.told, met.sent) == ([], {})
    else:
        assert broken.code in met.codes
    assert KEY not in "".join(met.told)


def test_there_are_enough_of_them_with_codes_of_their_own() -> None:
    assert len({broken.name for broken in BROKEN}) == len(BROKEN) >= 40
    assert len({broken.code for broken in BROKEN} - {None}) >= 40


def test_every_fault_has_a_broken_feed() -> None:
    assert {*Fault} <= {broken.code for broken in BROKEN}


@pytest.mark.parametrize(
    ("name", "settings", "effect"),
    [
        ("last year's feed", {"GUARD_HIDE_PERCENT": "100"}, "hide"),
        ("nearly everything is sold out", {"GUARD_ZERO_PERCENT": "100"}, "empty"),
        (
            "prices up by the tax of two countries",
            {"GUARD_PRICE_PERCENT": "100", "GUARD_PRICE_MEDIAN_PERCENT": "1000"},
            "price",
        ),
        (
            "prices in pence",
            {"GUARD_PRICE_PERCENT": "100", "GUARD_PRICE_MEDIAN_PERCENT": "100000", "GUARD_PRICE_JUMP": "100 100000"},
            "price",
        ),
    ],
)
def test_without_its_guard_it_would_have_been_done(
    world: Trials, name: str, settings: dict[str, str], effect: str
) -> None:
    (broken,) = [broken for broken in BROKEN if broken.name == name]
    assert effect in world.meet(replace(broken, settings=settings)).sent
