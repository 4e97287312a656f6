"""What the machine says about connections: certificates to trust, proxies, and sentences about what is wrong there."""

from __future__ import annotations

import importlib.util
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

# As requests, curl and OpenSSL read them; the first that is set counts.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_SYSTEM_SETTINGS = "the system's proxy settings"
# Verification results of OpenSSL, see x509_vfy.h.
_OTHER_HOST, _OUT_OF_DATE = (62, 64), (9, 10)


@dataclass(frozen=True, slots=True)
class CaBundle:
    """A file or folder with the certificates to trust, and the environment variable that names it."""

    path: str
    variable: str

    def problem(self) -> str | None:
        """Return what is wrong with it, None if nothing is."""
        place = Path(self.path)
        where = f"the CA bundle {self.path}, which {self.variable} names,"
        remedy = f"fix or unset {self.variable}"
        try:
            if place.is_dir():
                return None
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=self.path)
        except FileNotFoundError:
            return f"{where} was not found; {remedy}"
        except ssl.SSLError:
            return f"{where} has no certificates in PEM format; {remedy}"
        except OSError as error:
            return f"{where} is not readable ({error.strerror}); {remedy}"
        return None


def find_ca_bundle(environ: Mapping[str, str]) -> CaBundle | None:
    """Return the certificates that the environment says to trust, None if it does not say.

    >>> find_ca_bundle({"SSL_CERT_FILE": "/etc/ca.pem"})
    CaBundle(path='/etc/ca.pem', variable='SSL_CERT_FILE')
    """
    found = (CaBundle(environ[variable], variable) for variable in _CA_VARIABLES if environ.get(variable))
    return next(found, None)


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy between this machine and the API, and the environment variable that names it."""

    url: str
    variable: str

    @property
    def host(self) -> str:
        """Its host and port, without user name and password."""
        return self._parts.netloc.rpartition("@")[2]

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    def problem(self) -> str | None:
        """Return what is wrong with its address, None if nothing is."""
        try:
            is_url = bool(self._parts.hostname) and self._parts.port != 0
        except ValueError:
            is_url = False
        if not is_url or self._parts.scheme.lower() not in _PROXY_SCHEMES:
            # A password may stand anywhere in a malformed address.
            shown = self.url.rpartition("@")[2].rpartition("/")[2]
            got = f", got {shown!r}" if re.fullmatch(r"[\w.-]+:\d+", shown) else ""
            return f"the proxy that {self.variable} names is not a valid URL{got}; write it as http://HOST:PORT"
        if self._parts.scheme.lower().startswith("socks") and importlib.util.find_spec("socks") is None:
            return (
                f"the proxy {self.host}, which {self.variable} names, is a SOCKS proxy, and the package PySocks is not "
                "installed; install it with: pip install PySocks"
            )
        return None

    def failure(self, target: str, *, status: int | None = None, cause: str) -> str:
        """Return why there is no connection to a host through it, and what to do.

        >>> Proxy("http://ada:pw@proxy.example:3128", "HTTPS_PROXY").failure("cdp.customer.io", status=407, cause="")
        'the proxy proxy.example:3128 requires a user name and a password (407); write them into HTTPS_PROXY as \
http://USER:PASSWORD@proxy.example:3128'
        """
        proxy = f"the proxy {self.host}"
        match status:
            case None:
                return f"{proxy} {cause}; check {self.variable}"
            case 407:
                return (
                    f"{proxy} requires a user name and a password (407); write them into {self.variable} as "
                    f"http://USER:PASSWORD@{self.host}"
                )
            case 403:
                return (
                    f"{proxy} does not allow connections to {target} (403); let its administrator allow them, or add "
                    f"{target} to NO_PROXY if a direct connection is possible"
                )
            case _:
                return f"{proxy} answered {status}; check {self.variable}, or ask its administrator"


def name_proxy(url: str | None, environ: Mapping[str, str]) -> Proxy | None:
    """Return a proxy with the environment variable that names it.

    >>> name_proxy("http://10.0.0.1:3128", {"HTTPS_PROXY": "http://10.0.0.1:3128"}).variable
    'HTTPS_PROXY'
    """
    if not url:
        return None
    named = (variable for variable in _PROXY_VARIABLES if environ.get(variable) == url)
    address = url.strip()
    # Without a scheme, requests takes a user name before the colon for one.
    return Proxy(address if "://" in address else f"http://{address}", next(named, _SYSTEM_SETTINGS))


def certificate_failure(error: ssl.SSLError, bundle: CaBundle | None) -> str:
    """Return why a secure connection failed, in OpenSSL's words, and what to do.

    >>> error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    >>> error.reason = "WRONG_VERSION_NUMBER"
    >>> certificate_failure(error, None)
    'wrong version number'
    """
    # Some of these errors have no reason, and some have it and it is None.
    reason = (getattr(error, "reason", None) or type(error).__name__).lower().replace("_", " ")
    if not isinstance(error, ssl.SSLCertVerificationError):
        return reason
    code, detail = getattr(error, "verify_code", None), (getattr(error, "verify_message", None) or "").rstrip(".")
    text = f"{reason} ({detail})" if detail else reason
    if code in _OTHER_HOST:
        return f"{text}; the certificate is for another host: check the endpoint, and any proxy in between"
    if code in _OUT_OF_DATE:
        return f"{text}; check the clock of this machine, and let the owner of the certificate renew it"
    if bundle is not None:
        add = f"add the certificate of that CA to {bundle.path}, which {bundle.variable} names"
    else:
        add = "set REQUESTS_CA_BUNDLE or SSL_CERT_FILE to a PEM file with the certificate of that CA"
    return f"{text}; the certificate is signed by an unknown CA, as where a proxy inspects TLS: {add}"
