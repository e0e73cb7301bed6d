"""Credentials that are rotated while a worker runs: the files that hold them are read again when they change."""

import structlog

from app.domain.errors import SettingError
from app.environment import file_stamp, read_secret
from app.settings import AccountSettings

log = structlog.get_logger(__name__)

Pair = tuple[str, str]
"""Secret id and secret key."""


class Credential:
    """One account's credential as its files have it now.

    A file that is gone or empty for a moment changes nothing: the last credential that could be read is kept, and if it
    is not valid any more, the cloud says so.
    """

    def __init__(self, account_id: str, settings: AccountSettings) -> None:
        self._account_id = account_id
        self._files = settings.files
        self._pair: Pair = (settings.secret_id, settings.secret_key)
        self._seen = self._stamps()

    def current(self) -> Pair:
        """The credential; a look at two files, which are read only when they are others than before."""
        stamps = self._stamps()
        if stamps != self._seen:
            try:
                self._read_again()
            except SettingError as error:
                log.warning("credential not read again", account_id=self._account_id, error=str(error))
            else:
                self._seen = stamps
        return self._pair

    def _read_again(self) -> None:
        secret_id, secret_key = (
            read_secret(path, "credential") if path else kept
            for path, kept in zip(self._files, self._pair, strict=True)
        )
        if (secret_id, secret_key) != self._pair:
            self._pair = (secret_id, secret_key)
            log.info("credential rotated", account_id=self._account_id)

    def _stamps(self) -> tuple[object, ...]:
        return tuple(file_stamp(path) for path in self._files)
