"""Addresses that an issuer must not have, in every notation."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from monotron.auth.oidc.ssrf import is_allowed_address

METADATA = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"]


def notations(address: str) -> dict[str, str]:
    """An IPv4 address, and the IPv6 addresses that represent it."""
    number = int(IPv4Address(address))

    def ipv6(base: str, shift: int = 0) -> str:
        return str(IPv6Address(int(IPv6Address(base)) | number << shift))

    inverted = int(IPv6Address("2001:0:8c52:7003::")) | (number ^ 0xFFFFFFFF)
    return {
        "plain": address,
        "mapped": ipv6("::ffff:0:0"),
        "translated": ipv6("::ffff:0:0:0"),
        "compatible": ipv6("::"),
        "NAT64": ipv6("64:ff9b::"),
        "local NAT64": ipv6("64:ff9b:1::"),
        "6to4": ipv6("2002::", 80),
        "Teredo client": str(IPv6Address(inverted)),
        "Teredo server": ipv6("2001::73ad:8ffc", 64),
        "ISATAP": ipv6("2606:50c0::5efe:0:0"),
        "global ISATAP": ipv6("2606:50c0::200:5efe:0:0"),
    }


@pytest.mark.parametrize("allow_private", [False, True])
@pytest.mark.parametrize(
    "address",
    [
        *("fe80::1", "fe80::a9fe:a9fe", "febf:ffff::1", "fe80::1%eth0"),
        *("fd00:ec2::254", "fd00:ec2::23", "fd00:ec2::253%lo", "fd20:ce::254"),
        "fd00:c1::a9fe:a9fe",
        *(each for address in METADATA for each in notations(address).values()),
    ],
)
def test_a_metadata_address_is_never_contacted(address: str, allow_private: bool) -> None:
    assert not is_allowed_address(address, allow_private=allow_private)


@pytest.mark.parametrize("notation", ["plain", "mapped", "NAT64", "6to4"])
def test_a_neighbor_of_a_metadata_address_is_contacted(notation: str) -> None:
    public, private = notations("168.63.129.17")[notation], notations("100.100.100.201")[notation]
    assert is_allowed_address(public, allow_private=False)
    assert not is_allowed_address(private, allow_private=False)
    assert is_allowed_address(private, allow_private=True)


@pytest.mark.parametrize("notation", ["compatible", "translated", "local NAT64"])
def test_an_obsolete_notation_of_a_public_address_is_refused(notation: str) -> None:
    address = notations("140.82.112.3")[notation]
    assert not is_allowed_address(address, allow_private=True)


@pytest.mark.parametrize("address", ["fd00:ec3::254", "fd00::254", "fc00::1"])
def test_a_private_ipv6_address_is_contacted_if_the_operator_allows_it(address: str) -> None:
    assert not is_allowed_address(address, allow_private=False)
    assert is_allowed_address(address, allow_private=True)
