"""Commands that are imported when they run: asking what there is loads none of them."""

from __future__ import annotations

import importlib
from typing import Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from alphapanda.cli.table import COMMANDS, GROUPS, Row


class LazyCommand(TyperCommand):
    """A command's name and line of help, which stand for it until it runs."""

    def __init__(self, words: str, row: Row) -> None:
        name = words.rpartition(" ")[2]
        super().__init__(name, help=row.line, short_help=row.line)
        self.module = row.module

    def load(self) -> Any:
        """Return the command itself: its file's function of the file's name."""
        module = importlib.import_module(self.module)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(self.name)(getattr(module, self.module.rpartition(".")[2]))
        return typer.main.get_command(alone)

    def make_context(self, *words: Any, **more: Any) -> Any:
        """Return the context in which the command itself runs."""
        return self.load().make_context(*words, **more)


def group(name: str) -> TyperGroup:
    """Return a word that another follows; its help is plain, as rich takes long to import."""
    return TyperGroup(
        name=name, help=GROUPS[name], short_help=GROUPS[name], no_args_is_help=True,
        rich_markup_mode=None,
    )  # fmt: skip


class DefaultGroup(TyperGroup):
    """A word that is a command by itself, and that others may follow."""

    default: LazyCommand

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Return the context of the command itself, unless another word follows it."""
        if args and (args[0] in self.commands or args[0] == "--help"):
            return super().make_context(info_name, args, parent, **extra)
        return self.default.make_context(info_name, args, parent, **extra)


def default_group(name: str, row: Row) -> DefaultGroup:
    """Return a command that others may follow."""
    made = DefaultGroup(
        name=name, help=row.line, short_help=row.line, no_args_is_help=False,
        rich_markup_mode=None,
        epilog=f"By itself: alphapanda {name} --broker zerodha [RUN] [--json]",
    )  # fmt: skip
    made.default = LazyCommand(name, row)
    return made


def all_commands() -> dict[str, Any]:
    """Return every command of the table by its first word, those of two words as groups."""
    found: dict[str, Any] = {}
    for words, row in COMMANDS.items():
        first, _, second = words.partition(" ")
        if words in GROUPS:
            found[first] = default_group(first, row)
        elif second:
            within = found.setdefault(first, group(first))
            within.add_command(LazyCommand(words, row))
        else:
            found[first] = LazyCommand(words, row)
    return found
