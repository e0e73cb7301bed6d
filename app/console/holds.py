"""Commands about what the removal guard holds back."""

from urllib.parse import quote

import click

from app.console.bindings import COLUMNS
from app.console.command import Asking, asking, limited


@click.group()
def holds() -> None:
    """What the removal guard holds back, and your word on it."""


@holds.command("list")
@asking
@limited()
def list_(broker: Asking, limit: int) -> None:
    """Bindings that the guard holds."""
    broker.list("/v1/holds", {}, COLUMNS, limit)


@holds.command()
@asking
@click.argument("binding_id")
@click.confirmation_option(prompt="Take the target off?")
def approve(broker: Asking, binding_id: str) -> None:
    """Let the removal go ahead."""
    broker.show("POST", f"/v1/holds/{quote(binding_id, safe='')}/approve")


@holds.command()
@asking
@click.argument("binding_id")
def dismiss(broker: Asking, binding_id: str) -> None:
    """Keep the target."""
    broker.show("POST", f"/v1/holds/{quote(binding_id, safe='')}/dismiss")
