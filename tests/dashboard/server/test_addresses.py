import pytest

from dashboard.params import ServerParams
from dashboard.server.addresses import UNKNOWN, counted_as, network_of

PROXIES = [network_of("127.0.0.1"), network_of("10.0.0.0/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # no trusted proxy: anybody can write that header
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["6.6.6.6, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["6.6.6.6, nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["10.1.1.1, 10.1.1.2"], "10.1.1.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1:50123"], "198.51.100.1"),
        ("127.0.0.1", ["[2001:db8:1:2::7]:443"], "2001:db8:1:2::/64"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8:1:2:aaaa:bbbb:cccc:dddd", [], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("", [], UNKNOWN),
    ],
)
def test_who_is_counted_together(peer: str, forwarded: list[str], counted: str) -> None:
    assert counted_as(peer, forwarded, PROXIES) == counted


def test_a_proxy_that_is_no_address_is_named() -> None:
    assert ServerParams.model_validate({"trusted_proxies": "10.1.2.3/8"}).trusted_proxies == ("10.0.0.0/8",)
    with pytest.raises(ValueError, match="IP address or network"):
        ServerParams(trusted_proxies=("proxy.example.org",))
