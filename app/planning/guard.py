"""The guard: nothing implicit takes more than its share of a listener's targets, nor the last one."""


def allows(removing: int, present: int, max_share: float) -> bool:
    """Whether ``removing`` of the ``present`` targets of one listener or rule may go without an operator's word.

    ``max_share`` is from 0 to 1. The last target never goes without a word, whatever the share.
    """
    return removing == 0 or (removing < present and removing <= max_share * present)
