"""The address of a client: of the connection, or from `X-Forwarded-For` of trusted proxies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monotron.setting_parsers import networks
from monotron.web.client_address import MAX_PROXIES, ClientAddresses, parse_forwarded

PROXY, OTHER_PROXY, CLIENT = "10.0.0.1", "10.9.9.9", "192.0.2.7"
TRUSTED = ClientAddresses(networks("10.0.0.0/8, 2001:db8:1::/48"))


def client(connected: str, forwarded: str, addresses: ClientAddresses = TRUSTED) -> str:
    """The address of a client with this header `X-Forwarded-For`."""
    return addresses.address(connected, {"X-Forwarded-For": forwarded})


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (CLIENT, CLIENT),
        (f"{CLIENT}, {OTHER_PROXY}", CLIENT),
        (f"127.0.0.1, 198.51.100.1,\t{CLIENT}", CLIENT),
        (f"198.51.100.1, {OTHER_PROXY}, {CLIENT}, 2001:db8:1::9", CLIENT),
        (f"{CLIENT}:50123", CLIENT),
        ("2001:db8:2::A", "2001:db8:2::a"),
        ("[2001:db8:2::a]:443", "2001:db8:2::a"),
        ("[2001:db8:2::a]", "2001:db8:2::a"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, ::ffff:10.0.0.3", CLIENT),
    ],
)
def test_the_last_address_that_is_not_a_trusted_proxy_is_the_client(
    forwarded: str, address: str
) -> None:
    assert client(PROXY, forwarded) == address
    assert client("2001:db8:1::1", forwarded) == address


@pytest.mark.parametrize("connected", [CLIENT, "11.0.0.1", "2001:db8:2::1", "127.0.0.1"])
def test_the_header_of_an_untrusted_client_is_ignored(connected: str) -> None:
    assert client(connected, "198.51.100.1") == connected
    assert client(connected, PROXY) == connected


def test_no_header_is_trusted_by_default() -> None:
    for connected in PROXY, "127.0.0.1", "::1":
        assert client(connected, CLIENT, addresses=ClientAddresses(networks(""))) == connected


def test_a_proxy_without_the_header_is_the_client() -> None:
    assert TRUSTED.address(PROXY, {}) == PROXY


def test_a_client_in_a_trusted_network_is_the_first_address() -> None:
    assert client(PROXY, "10.1.1.1, 10.2.2.2") == "10.1.1.1"


@pytest.mark.parametrize(
    "garbage",
    [
        *("", " ", "unknown", "_hidden", "10.0.0", "10.0.0.256", "010.0.0.1", "1", "0x7f000001"),
        *("fe80::1%eth0", "[::1", "::1]", "[]", "192.0.2.7:", "192.0.2.7:123456", "2001:db8::1::1"),
        *('"192.0.2.7"', "for=192.0.2.7", "192.0.2.7 198.51.100.1", "192.0.2.7/32", "\xff", "'--"),
        9999 * "1",
    ],
)
def test_garbage_before_a_trusted_proxy_is_not_an_address(garbage: str) -> None:
    assert parse_forwarded(garbage) is None
    assert client(PROXY, f"{CLIENT}, {garbage}, {OTHER_PROXY}") == OTHER_PROXY
    assert client(PROXY, f"{CLIENT}, {garbage}") == PROXY


@pytest.mark.parametrize(
    "item", [f"{CLIENT}, ", ",", f"{PROXY},"], ids=["clients", "empty", "proxies"]
)
def test_a_long_header_is_read_from_its_end_only(item: str) -> None:
    assert client(PROXY, 100_000 // len(item) * item + CLIENT) == CLIENT
    assert client(PROXY, 100_000 // len(item) * item + f"{CLIENT}, {OTHER_PROXY}") == CLIENT


def test_addresses_of_too_many_proxies_are_not_read() -> None:
    proxies = [f"10.0.0.{number}" for number in range(MAX_PROXIES + 1)]
    assert client(PROXY, ", ".join([CLIENT, *proxies[1:]])) == "10.0.0.1"
    assert client(PROXY, ", ".join([CLIENT, *proxies[2:]])) == CLIENT


@given(st.text(max_size=200))
def test_what_a_client_sends_does_not_change_what_its_proxy_appends(text: str) -> None:
    assert client(PROXY, f"{text}, {CLIENT}") == CLIENT
    assert client(CLIENT, text) == CLIENT
