"""Fetch an issuer's key set: over HTTP, from where an operator said, and with as little faith in it as possible.

Who may register a cluster names the place, so a request may be sent to wherever that is: to private addresses too,
since that is where the issuers of clusters are. What guards against more than that: nothing but a GET, no redirect
followed, no cookie, proxy or credential of this process, no link-local address (that is where clouds keep their
machines' credentials), looked at after the name was resolved and on the connection itself; and nothing that comes back
is told to anybody, but for the status.
"""

import json
import socket
import time
from ipaddress import ip_address
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from app.identity.key_set import MOST_BYTES
from app.jwks_uri import LOOPBACK_NAMES

STEP_SECONDS: Final = 5.0
"""How long connecting, and each part of the answer, may take."""
WHOLE_SECONDS: Final = 10.0
PART_BYTES: Final = 8192


class NotFetched(Exception):
    """There is no key set to be had there now; the message says why, without anything of what came."""


def fetch_key_set(url: str, ca_file: str | None = None) -> Any:
    """The JSON document at ``url``. ``ca_file``: certificates to trust besides the usual ones. Raises `NotFetched`."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy, and no credential out of a .netrc
        adapter = _GuardedAdapter(max_retries=0)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        try:
            content = _content(session, url, ca_file)
        except requests.RequestException as error:
            raise NotFetched(f"no answer: {type(error).__name__}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NotFetched(f"no answer: {type(error).__name__}") from error
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NotFetched("the answer is not JSON") from error


def _content(session: requests.Session, url: str, ca_file: str | None) -> bytes:
    until = time.monotonic() + WHOLE_SECONDS
    headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
    with session.get(
        url, headers=headers, timeout=STEP_SECONDS, allow_redirects=False, stream=True, verify=ca_file or True
    ) as answer:
        if answer.status_code != requests.codes.ok:
            raise NotFetched(f"the answer has the status {answer.status_code}")
        content = b""
        for part in answer.iter_content(PART_BYTES):
            content += part
            if len(content) > MOST_BYTES:
                raise NotFetched(f"the answer is longer than {MOST_BYTES} bytes")
            if time.monotonic() > until:
                raise NotFetched(f"the answer took longer than {WHOLE_SECONDS:.0f} s")
    return content


def _guarded(link: socket.socket, host: str) -> socket.socket:
    """The connection, when it leads to where it may. What the name means is asked of the socket: a second look-up could
    give another address than the first."""
    peer = ip_address(str(link.getpeername()[0]).partition("%")[0])
    peer = getattr(peer, "ipv4_mapped", None) or peer
    astray = peer.is_link_local or peer.is_multicast or peer.is_unspecified
    if astray or (peer.is_loopback and host not in LOOPBACK_NAMES):
        link.close()
        raise NotFetched("the name leads to an address that keys are not read from")
    return link


class _GuardedConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _guarded(super()._new_conn(), self.host)


class _GuardedSecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _guarded(super()._new_conn(), self.host)


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedSecurePool(HTTPSConnectionPool):
    ConnectionCls = _GuardedSecureConnection


class _GuardedAdapter(HTTPAdapter):
    def init_poolmanager(self, *given: Any, **options: Any) -> None:
        super().init_poolmanager(*given, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedSecurePool}
