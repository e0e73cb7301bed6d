"""The two ways in which the simulator says no.

Exception
+-- CloudError    the answer to a signed call: a code and a message, as the cloud words them
ValueError
+-- WorldError    a world file, an edit by hand, a fault order or a parameter that cannot be
"""


class CloudError(Exception):
    """An error answer of the cloud; it reaches the caller as `Error.Code` and `Error.Message` under HTTP 200."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class WorldError(ValueError):
    """A description that cannot be true; the message names the place in the file, or the field of the request."""
