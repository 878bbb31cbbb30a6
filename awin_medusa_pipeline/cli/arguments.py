"""Defines the arguments and options that several commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead, for programs.")]
Hash = Annotated[
    str,
    typer.Argument(
        metavar="HASH",
        help="The plan's hash, or the id of a dry run for all that it proposed; the beginning is enough.",
    ),
]
Job = Annotated[str, typer.Argument(metavar="TRANSACTION_ID", help="The job, or the beginning of its id.")]
Account = Annotated[
    str | None, typer.Option(metavar="SHOP", help="Name or id of the Etsy shop, where several are connected.")
]
