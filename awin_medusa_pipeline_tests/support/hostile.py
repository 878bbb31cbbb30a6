"""Gives texts that try to be more than text, and assets that show them in the Dagster UI, each in its own way."""

import dagster as dg

from awin_medusa_pipeline.defs.shown import Link, markdown_table, plain, table

PICTURE = "/graphql?query=mutation{launchRun}"
ATTACKS = [
    f"![]({PICTURE})",
    "[click](javascript:alert(1))",
    "[a]: http://evil.example",
    "<img src=x onerror=alert(1)>",
    "<http://evil.example>",
    "http://evil.example/graphql",
    "HTTPS://evil.example",
    "www.evil.example",
    "me@evil.example",
    "mailto:me@evil.example",
    "a | b | c",
    "end\\| of a cell",
    "line\n\n# heading",
    "| x |\n|---|\n| ![](/graphql) |",
    "`code` and ``` fences",
    "**bold** _it_ ~~gone~~",
    "# heading",
    "- list",
    "1. list",
    "> quote",
    "---",
    "&lt;b&gt; &#33;[](/graphql)",
    "\\![](/graphql)",
    "\u202eright to left",
    "$math$ :smile: [^1]",
]
PRODUCT = "http://shop.example/app/products/prod_1"


@dg.asset
def escaped() -> dg.MaterializeResult[None]:
    """As the project shows them."""
    tables = {
        f"markdown_{number}": markdown_table(("product", "after"), [(Link(attack, PRODUCT), attack)])
        for number, attack in enumerate(ATTACKS)
    }
    return dg.MaterializeResult(
        metadata={**tables, "table": table([{"text": attack} for attack in ATTACKS], ("text",))}
    )


@dg.asset_check(asset=escaped)
def described() -> dg.AssetCheckResult:
    """As a description, which is Markdown as well."""
    return dg.AssetCheckResult(passed=False, description=" ".join(map(plain, ATTACKS)))


@dg.asset
def unescaped() -> dg.MaterializeResult[None]:
    """As no text of others may be shown: what the attacks then do proves that the others would have worked."""
    return dg.MaterializeResult(metadata={"markdown": dg.MetadataValue.md(f"{ATTACKS[0]} www.evil.example")})


defs = dg.Definitions(assets=[escaped, unescaped], asset_checks=[described])
