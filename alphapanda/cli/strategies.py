"""`alphapanda strategies`: what is found by name, with its parameters."""

from __future__ import annotations

from alphapanda import config
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json, print_table
from alphapanda.cli.show import strategy_facts, strategy_table
from alphapanda.engine.compiler.declared import Spec
from alphapanda.errors import UsageError
from alphapanda.runs import discovery


def strategies(json: Json = False) -> None:
    """List the strategies with their parameters."""
    folder = config.load().strategies_dir
    specs: dict[str, Spec] = {}
    failures: list[str] = []
    for name in discovery.available(folder):
        try:
            specs[name] = discovery.find(name, folder)
        except UsageError as error:
            failures.append(str(error))
    if json:
        print_json({name: strategy_facts(spec) for name, spec in specs.items()})
    else:
        print_table(strategy_table(specs))
    if failures:
        raise UsageError("\nalphapanda: ".join(failures))
