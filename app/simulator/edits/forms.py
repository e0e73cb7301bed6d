"""The forms that many edits have in common: adding something, and setting some fields of it."""

from collections.abc import Callable, Mapping
from typing import Any

from app.simulator.reading import Item
from app.simulator.world import World

Edit = Callable[[World, Item], None]
Reader = Callable[[World, Item, str], Any]


def adding(key: str, name: str, place: str, read: Callable[[World, Item], Any]) -> Edit:
    """The edit that adds what stands under `key`, in the form of the world file.

    It goes to the world's mapping `place`, by its attribute `name`.
    """

    def add(world: World, item: Item) -> None:
        noun = read(world, item.item(key))
        item.end()
        getattr(world, place)[getattr(noun, name)] = noun

    return add


def setting(name: str, place: str, word: str, fields: Mapping[str, tuple[str, Reader]]) -> Edit:
    """The edit that sets at least one of some fields of what `name` names in the world's mapping `place`.

    `fields` gives for each its attribute and how it is read. A field that is absent or null is left alone.
    """

    def change(world: World, item: Item) -> None:
        noun = item.known(name, getattr(world, place), word)
        given = {attribute: read(world, item, key) for key, (attribute, read) in fields.items() if item.has(key)}
        item.end()
        if not given:
            raise item.wrong(name, f"nothing to set; there are {', '.join(fields)}")
        for attribute, value in given.items():
            setattr(noun, attribute, value)

    return change
