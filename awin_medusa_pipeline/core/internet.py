"""Connects to the internet alone, for addresses that others chose: never into the own network or this machine.

The check stands at the socket, on the address that a name leads to at that moment, and the connection goes to that
address. So redirects, names that lead elsewhere the second time, and odd ways to write an address need no rule of
their own. TLS still checks the name.
"""

import queue
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore
import httpx

from awin_medusa_pipeline.core.deadline import BoundedStream, left
from awin_medusa_pipeline.core.http import certificates

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host, as text."""

PORTS = frozenset({80, 443, 8080, 8443})
"""Where web servers are. A picture needs no other, and what listens elsewhere is no web server."""
LONGEST_ADDRESS = 2_048
# IPv6 beyond 2000::/3 is not on the internet; within it, these are registries' own, documentation, and tunnels to IPv4.
_ON_THE_INTERNET = IPv6Network("2000::/3")
_NOT_FOR_HOSTS = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
# Networks without IPv4 reach it by these.
_NAT64 = IPv6Network("64:ff9b::/96")


class NotOnTheInternetError(Exception):
    """A host that leads elsewhere, or an address that is not to be asked; its text says why."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to a host on the internet, and not to a network, this machine or many hosts."""
    if isinstance(address, IPv6Address):
        if (inner := address.ipv4_mapped) is not None:
            return is_public(inner)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _ON_THE_INTERNET or any(address in network for network in _NOT_FOR_HOSTS):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the system finds them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections to hosts on the internet, and to `allowed` ones: a host, or a host with a port."""

    def __init__(self, allowed: Collection[str] = (), *, resolver: Resolver = resolve) -> None:
        self._allowed, self._resolve = frozenset(map(str.lower, allowed)), resolver
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that may be asked. Raises NotOnTheInternetError where there is none."""
        found = self.addresses(host, port, timeout)
        fault: Exception = httpcore.ConnectError("no address")
        for address in found:
            try:
                stream = self._plain.connect_tcp(address, port, left(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
            else:
                return BoundedStream(stream)
        raise fault

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Never."""
        raise NotOnTheInternetError("it is a socket of this machine")

    def addresses(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        """The addresses of a host that may be asked."""
        found = self._looked_up(host, port, timeout)
        if self.allows(host, port):
            return found
        public = [address for address in found if is_public(ip_address(address))]
        if not public:
            raise NotOnTheInternetError(f"{host} leads to {found[0] if found else 'nothing'}, not to the internet")
        return public

    def allows(self, host: str, port: int) -> bool:
        """Whether the owner has named this host."""
        name = host.lower().rstrip(".")
        return bool({name, f"{name}:{port}", f"[{name}]:{port}"} & self._allowed)

    def _looked_up(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        """Resolve in another thread, since nothing else bounds the time of it."""
        answers: queue.Queue[Sequence[str] | Exception] = queue.Queue()

        def look() -> None:
            try:
                answers.put(self._resolve(host, port))
            except Exception as error:
                answers.put(error)

        threading.Thread(target=look, name="resolve", daemon=True).start()
        try:
            found = answers.get(timeout=left(timeout))
        except queue.Empty:
            raise httpcore.ConnectTimeout(f"{host} was not found in time") from None
        if not isinstance(found, Exception):
            return found
        try:
            raise found
        except Exception as error:  # raised here, so that the cause stays: httpcore drops what stands behind "from"
            raise httpcore.ConnectError(str(error)) from error


class FirstDecides(GuardedBackend):
    """Lets the first host, whom the owner has named, be anywhere; one on the internet leads nowhere else."""

    _inside: bool | None = None

    def addresses(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        """The addresses of a host that may be asked."""
        if self._inside is None:
            found = self._looked_up(host, port, timeout)
            self._inside = not any(is_public(ip_address(address)) for address in found)
            return found
        return self._looked_up(host, port, timeout) if self._inside else super().addresses(host, port, timeout)


class GuardedTransport(httpx.HTTPTransport):
    """Sends requests of httpx through a guarded backend; no proxy is used, since it would look names up itself."""

    def __init__(self, backend: GuardedBackend) -> None:
        super().__init__(verify=certificates(), trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=certificates(), max_keepalive_connections=20, keepalive_expiry=5.0, network_backend=backend
        )


def check_url(url: httpx.URL, backend: GuardedBackend) -> None:
    """Raise NotOnTheInternetError for an address that no picture would have; called for each request, redirects too."""
    if url.scheme not in ("http", "https"):
        raise NotOnTheInternetError("it is not a web address")
    if url.userinfo:
        raise NotOnTheInternetError("it holds a user name or a password")
    if len(str(url)) > LONGEST_ADDRESS:
        raise NotOnTheInternetError(f"its address has more than {LONGEST_ADDRESS:,} characters")
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    if port not in PORTS and not backend.allows(url.host, port):
        raise NotOnTheInternetError(f"port {port} is not one of web servers")


LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")


def host_and_port(address: str) -> list[str]:
    """Host and port of an http(s) address, as `allowed` takes them; this machine under all of its names."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return []
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    if not url.host or port is None:
        return []
    return [f"{host}:{port}" for host in (LOOPBACK if url.host in LOOPBACK else (url.host,))]
