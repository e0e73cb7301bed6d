"""Commands about contexts, and shell completion."""

from collections.abc import Callable
from typing import Final

import click
from click.shell_completion import get_completion_class

from app.console.contexts import Context, Contexts, context_path, read_contexts, server_of, write_contexts
from app.console.output import Output, columns, show_items

PROGRAM: Final = "clb-broker"
VARIABLE: Final = "_CLB_BROKER_COMPLETE"
SHELLS: Final = ("bash", "zsh", "fish")
COLUMNS = columns(in_use="in_use", name="name", server="server", token="token")  # noqa: S106 (a title)


@click.group()
def context() -> None:
    """Which brokers there are to ask, and which one is asked."""


@context.command("set")
@click.argument("name")
@click.option("--server", required=True, help="the broker's URL")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, resolve_path=True), help="read at each use")
@click.option("--ask-token", is_flag=True, help="ask for the token, and keep it in the file of contexts")
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, resolve_path=True), help="whom to trust")
def set_(name: str, server: str, *, token_file: str | None, ask_token: bool, ca_file: str | None) -> None:
    """Add a context, or change it; the first one is the one in use."""
    if token_file and ask_token:
        raise click.UsageError("--token-file and --ask-token exclude each other")
    token = click.prompt("Token", hide_input=True) if ask_token else None
    made = Context(server_of(server), token, token_file, ca_file)
    _change(lambda contexts: contexts.having(name, made))


@context.command()
@click.argument("name")
def use(name: str) -> None:
    """Ask this broker from now on."""
    _change(lambda contexts: contexts.using(name))


@context.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget a context."""
    _change(lambda contexts: contexts.without(name))


@context.command("list")
def list_() -> None:
    """All contexts; never a token."""
    contexts = read_contexts(context_path())
    rows = [
        {
            "in_use": "*" if name == contexts.current else "",
            "name": name,
            "server": each.server,
            "token": "kept" if each.token else each.token_file,
        }
        for name, each in sorted(contexts.by_name.items())
    ]
    show_items(rows, COLUMNS, Output.TABLE)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands: eval "$(clb-broker completion bash)"."""
    made = get_completion_class(shell)
    if made is None:
        raise click.ClickException(f"click completes nothing for {shell}")
    click.echo(made(context.find_root().command, {}, PROGRAM, VARIABLE).source())


def _change(change: Callable[[Contexts], Contexts]) -> None:
    path = context_path()
    write_contexts(path, change(read_contexts(path)))
