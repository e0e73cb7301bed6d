"""Edits of the account: its quota, its type, its credentials."""

from app.simulator.edits.forms import Edit
from app.simulator.parameters import patched
from app.simulator.reading import Item
from app.simulator.world import World
from app.simulator.world_file.networks import ACCOUNT_TYPES


def _set_quota(world: World, item: Item) -> None:
    """Of one load balancer, or of the account when none is named."""
    quota = item.integer("quota", 0, 1_000_000)
    load_balancer = (
        item.known("load_balancer_id", world.load_balancers, "load balancer")
        if item.text_or_none("load_balancer_id")
        else None
    )
    item.end()
    if load_balancer:
        load_balancer.target_quota = quota
    else:
        world.parameters = patched(world.parameters, {"target_quota": quota})


def _add_credential(world: World, item: Item) -> None:
    secret_id, secret_key = item.text("secret_id"), item.text("secret_key")
    item.end()
    world.credentials[secret_id] = secret_key


def _revoke_credential(world: World, item: Item) -> None:
    item.known("secret_id", world.credentials, "credential")
    item.end()
    del world.credentials[item.text("secret_id")]


def _set_account_type(world: World, item: Item) -> None:
    account_type = item.choice("account_type", ACCOUNT_TYPES)
    item.end()
    world.account_type = account_type


EDITS: dict[str, Edit] = {
    "set-quota": _set_quota,
    "set-account-type": _set_account_type,
    "add-credential": _add_credential,
    "revoke-credential": _revoke_credential,
}
