"""The words of `alphapanda dlq`: list, show, replay."""

from __future__ import annotations

from typing import Annotated

import typer

from alphapanda.cli.flags import option

app = typer.Typer(
    no_args_is_help=True, help="Dead letters: messages that could not be used, with the reason."
)
Json = Annotated[bool, option("--json", text="Print one JSON object.")]
Limit = Annotated[int, option(metavar="N", text="At most, the newest. (default: 20)")]
Topic = Annotated[
    str, typer.Argument(metavar="TOPIC", help="The topic they were on, as paper.orders.filled.")
]
Offset = Annotated[
    int | None, option(metavar="N", text="Only this letter, by its offset in `dlq list`.")
]
Partition = Annotated[int, option(metavar="N", text="With --offset: of which. (default: 0)")]


@app.command("list")
def list_letters(
    topic: Annotated[
        str | None, typer.Argument(metavar="TOPIC", help="Of one topic. (default: of all)")
    ] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List dead letters: where each came from, when, and why."""
    from alphapanda.cli import bus  # noqa: PLC0415 (aiokafka takes a while to import)

    bus.list_letters(topic, limit=limit, json=json)


@app.command()
def show(
    topic: Topic,
    offset: Offset = None,
    partition: Partition = 0,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Show dead letters with their contents."""
    from alphapanda.cli import bus  # noqa: PLC0415

    bus.show_letters(topic, offset=offset, partition=partition, limit=limit, json=json)


@app.command()
def replay(
    topic: Topic,
    offset: Offset = None,
    partition: Partition = 0,
    limit: Annotated[
        int, option(metavar="N", text="At most, the oldest that were not sent. (default: 20)")
    ] = 20,
    json: Json = False,
) -> None:
    """Send dead letters to their topic again, each once; with --offset one, as often as asked.

    Those that can't be used now either stay where they are.
    """
    from alphapanda.cli import bus  # noqa: PLC0415

    bus.replay_letters(topic, offset=offset, partition=partition, limit=limit, json=json)
