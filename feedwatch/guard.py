"""Which addresses may be dialled: public ones, and those the operator vouches for. Pure; resolves nothing."""

from __future__ import annotations

import ipaddress

from feedwatch.errors import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# `is_global` alone lets several of these through (RFC 6890 and the IANA special-purpose registries).
_REFUSED = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/127", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "64:ff9b:1::/48",
        "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
#: Link-local addresses and the metadata services of clouds: never meant by a name, whoever vouches for it.
_NEVER = tuple(
    ipaddress.ip_network(block)
    for block in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def is_public(address: Address) -> bool:
    """Whether anyone on the internet could have this address; IPv4 inside IPv6 is judged as IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not any(address in block for block in _REFUSED if block.version == address.version)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class Guard:
    """Knows which hosts may be at addresses that are not public: those the configuration names, no others.

    Hosts are lower case, with or without port. None of their names may lead to a link-local or metadata
    address; only one of `allow_hosts` may be such an address, written out.
    """

    def __init__(self, allow_hosts: frozenset[str], private_hosts: frozenset[str] = frozenset()) -> None:
        self._allowed = allow_hosts
        self._private = private_hosts
        #: Addresses that an allowed host was found at: the socket sees addresses only.
        self._vouched: set[tuple[str, int]] = set()

    def check(self, host: str, address: str, port: int) -> None:
        """Raises Refused unless the address is public or the host (a name, or a literal) is allowed."""
        plain = _plain(address)
        literal = host == plain and _among(self._allowed, host, port)
        if self.allows(host, port) and (literal or not _never(ipaddress.ip_address(plain))):
            self._vouched.add((plain, port))
        elif not is_public(ipaddress.ip_address(plain)):
            raise _refused(host, address)

    def check_dialled(self, address: str, port: int) -> None:
        """The last look, at what is really dialled. Raises Refused."""
        if (_plain(address), port) not in self._vouched and not is_public(ipaddress.ip_address(_plain(address))):
            raise _refused(address, address)

    def allows(self, host: str, port: int) -> bool:
        """Whether the configuration vouches for this host."""
        return _among(self._allowed | self._private, host, port)


def _among(hosts: frozenset[str], host: str, port: int) -> bool:
    host = host.lower().strip("[]").rstrip(".")
    return not hosts.isdisjoint({host, f"{host}:{port}", f"[{host}]:{port}", f"[{host}]"})


def _never(address: Address) -> bool:
    inner = _embedded(address) if isinstance(address, ipaddress.IPv6Address) else None
    return any((inner or address) in block for block in _NEVER if block.version == (inner or address).version)


def _plain(address: str) -> str:
    """`address` without its zone, in one spelling."""
    return str(ipaddress.ip_address(address.partition("%")[0]))


def _refused(host: str, address: str) -> Refused:
    what = f"{host} is at {address}, which is not a public address; "
    if _never(ipaddress.ip_address(_plain(address))):
        return Refused(what + "it is link-local or a cloud's metadata service, and no alert or name may lead there")
    return Refused(what + f'if that is meant, write [network] allow_hosts = ["{host}"]')
