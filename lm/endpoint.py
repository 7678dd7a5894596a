"""Where a language model is reached and with which key, checked before anything is sent."""

import ipaddress
import os
import re
from urllib.parse import urlsplit

from records.errors import UserError

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}\.?")
"""A host's name, in lower case."""

_VISIBLE = re.compile(r"[!-~]+")
"""ASCII without spaces, which is all that URLs and HTTP headers take."""


def checked_url(url: str, section: str) -> tuple[str, bool]:
    """`url` without a slash at its end, and whether it is of this machine.

    Raises:
        UserError: it is no plain http or https URL, naming `section`.base_url. What may hold a password is
            not repeated.
    """
    where = f"{section}.base_url"
    if any(mark in url for mark in "@?#"):
        raise UserError(f"{where}: take out user, query and fragment; a key goes by {section}.api_key_env")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        address = _address(host)
    except ValueError:
        host, port, address = "", None, None
    is_host = address is not None or _NAME.fullmatch(host)
    if not is_host or port == 0 or not _VISIBLE.fullmatch(url) or parts.scheme not in ("http", "https"):
        raise UserError(f"{where} {url!r}: not a URL; write it like http://127.0.0.1:8000/v1")
    if address is None:
        is_local = host == "localhost" or host.endswith(".localhost")
    else:
        is_local = address.is_loopback or address.is_unspecified
    return url.rstrip("/"), is_local


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that `host` is, None for a name. What ends in a number is no name: 127.1 is neither."""
    if ":" in host or host.rpartition(".")[2].isdigit():
        return ipaddress.ip_address(host)
    return None


def key_from(variable: str, section: str) -> str:
    """The key in an environment variable, empty where no variable is named.

    Raises:
        UserError: it is not set or holds no key, naming `section`.api_key_env. The variable's name is not
            repeated: it may be the key itself, put there by mistake.
    """
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(
            f"{section}.api_key_env: no environment variable of that name is set; it takes the NAME of the "
            "variable that holds the key"
        )
    if not _VISIBLE.fullmatch(key):
        raise UserError(f"{section}.api_key_env: the variable holds no key but text with spaces or not ASCII")
    return key
