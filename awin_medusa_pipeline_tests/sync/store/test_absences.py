"""How many feeds in a row lacked a product."""

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.store.absences import Absences

SHOP = "http://shop"


def test_feeds_in_a_row_are_counted(database: Database) -> None:
    absences = Absences(database)

    def count(content: str | None, *missing: str, most: int = 3) -> dict[str, int]:
        return absences.count(SHOP, missing, content, most=most)

    assert count("one", "a", "b") == {"a": 1, "b": 1}
    assert count("one", "a", "b") == {"a": 1, "b": 1}, "the same content is no further feed"
    assert absences.count("http://another", ["a"], "two", most=3) == {"a": 1}, "another shop's"
    assert count("two", "a", "c") == {"a": 2, "c": 1}
    assert count(None, "a", "b", "c") == {"a": 2, "b": 0, "c": 1}, "a held feed does not count"
    assert count("three", "a", "b", "c") == {"a": 3, "b": 1, "c": 2}, "b was back"
    assert count("four", "a", "b") == {"a": 3, "b": 2}, "no further than is asked for"
    assert count(None, "b") == {"b": 2}
    assert count("five", "a") == {"a": 1}, "back, even if only in a feed that is held"
    assert count("six", "a", most=1) == {"a": 1}
    assert count("seven", "a") == {"a": 1}, "nothing is remembered while nothing is waited for"
