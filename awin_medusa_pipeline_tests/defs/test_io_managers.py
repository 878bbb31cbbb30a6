"""Tables between assets: both kinds of frame, any address, and never half a table."""

from decimal import Decimal

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.core.tables import TableMissingError, Tables
from awin_medusa_pipeline.defs.io_managers import ParquetIOManager
from awin_medusa_pipeline.defs.shown import Links

LINKS = Links(shop="http://shop.example", console="http://console.example", etsy=("etsy.com",))
FRAME = pl.DataFrame(
    {"key": ["a", "b"], "price": [Decimal("1.1000"), None], "images": [["x", "y"], []]},
    schema_overrides={"price": MONEY},
)


@pytest.fixture
def home(any_home: str) -> str:
    return any_home


def materialize(home: str, *assets: dg.AssetsDefinition, **options: object) -> dg.ExecuteInProcessResult:
    return dg.materialize([*assets], resources={"io_manager": ParquetIOManager(Tables(home, {}), LINKS)}, **options)


@dg.asset
def eager() -> pl.DataFrame:
    return FRAME


@dg.asset
def lazy() -> pl.LazyFrame:
    return FRAME.lazy()


@dg.asset
def with_metadata() -> dg.MaterializeResult:
    return dg.MaterializeResult(value=FRAME, metadata={"rejected": 3})


@pytest.mark.parametrize("upstream", [eager, lazy, with_metadata])
def test_there_and_back(home: str, upstream: dg.AssetsDefinition) -> None:
    name = upstream.key.to_user_string()
    seen: list[pl.DataFrame | pl.LazyFrame] = []

    @dg.asset(ins={"frame": dg.AssetIn(upstream.key)})
    def as_frame(frame: pl.DataFrame) -> None:
        seen.append(frame)

    @dg.asset(ins={"frame": dg.AssetIn(upstream.key)})
    def as_lazy_frame(frame: pl.LazyFrame) -> None:
        seen.append(frame)

    @dg.asset(ins={"frame": dg.AssetIn(upstream.key)})
    def not_annotated(frame) -> None:
        seen.append(frame)

    result = materialize(home, upstream, as_frame, as_lazy_frame, not_annotated)
    kinds = sorted("lazy" if isinstance(frame, pl.LazyFrame) else "eager" for frame in seen)
    assert kinds == ["eager", "eager", "lazy"]
    for frame in seen:
        assert_frame_equal(frame.lazy().collect(), FRAME)
    assert_frame_equal(Tables(home, {}).read(name).collect(), FRAME)
    metadata = result.asset_materializations_for_node(name)[0].metadata
    assert metadata["dagster/row_count"].value == 2
    assert str(metadata["path"].value).endswith(f"/tables/{name}.parquet")
    assert metadata["bytes"].value > 0
    assert ("rejected" in metadata) == (upstream is with_metadata)


def test_an_asset_without_a_value_writes_nothing(home: str) -> None:
    @dg.asset
    def effect() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"applied": 1})

    assert materialize(home, effect).success
    with pytest.raises(TableMissingError, match="no file"):
        Tables(home, {}).read("effect")


def test_a_failing_query_keeps_the_table_before(home: str) -> None:
    def explode(_: pl.DataFrame) -> pl.DataFrame:
        raise RuntimeError("half-way")

    @dg.asset(key="lazy")
    def broken() -> pl.LazyFrame:
        return FRAME.lazy().map_batches(explode)

    materialize(home, lazy)
    assert not materialize(home, broken, raise_on_error=False).success
    assert_frame_equal(Tables(home, {}).read("lazy").collect(), FRAME)
    tables = Tables(home, {}).path("lazy").parent
    assert [path.name for path in tables.iterdir()] == ["lazy.parquet"]


def test_a_missing_table_names_the_asset_to_make(home: str) -> None:
    @dg.asset
    def downstream(lazy: pl.LazyFrame) -> None: ...

    with pytest.raises(dg.Failure, match="Materialise lazy first"):
        materialize(home, lazy, downstream, selection=[downstream])


def test_something_else_than_a_frame(home: str) -> None:
    @dg.asset
    def numbers():
        return [1, 2]

    with pytest.raises(TypeError, match="numbers returned a list; return a polars DataFrame"):
        materialize(home, numbers)
