"""Where addresses lead, and which of them a client may connect to."""

from ipaddress import ip_network

import pytest

from core.wordpress.addresses import Access, Reach, classify, is_evidently_inside, servers_of

INSIDE = (
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1",
    "100.64.0.1", "100.127.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1", "192.0.0.8",
    "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "2001:db8::1", "100::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::808:808",
    "2002:a00:1::1", "2001:0:a00:1::1", "2606:4700::5efe:10.0.0.1",
)  # fmt: skip
PUBLIC = (
    "8.8.8.8", "172.32.0.1", "172.15.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "192.169.0.1",
    "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
)  # fmt: skip
NEVER = (
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254", "2606:4700::5efe:169.254.169.254",
    "0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0",
)  # fmt: skip
ANY = (ip_network("0.0.0.0/0"), ip_network("::/0"))
TYPED_INSIDE = (
    "http://127.0.0.1:8080/",
    "http://localhost/blog",
    "http://a.localhost",
    "http://[::1]/",
    "https://10.0.0.5",
)
TYPED_OTHERS = (
    "https://example.org",
    "http://wordpress:8080",
    "http://8.8.8.8",
    "http://169.254.169.254",
    "http://[",
    "",
)


@pytest.mark.parametrize(
    ("address", "reach"),
    [(one, Reach.INSIDE) for one in INSIDE]
    + [(one, Reach.PUBLIC) for one in PUBLIC]
    + [(one, Reach.NEVER) for one in NEVER],
)
def test_where_an_address_leads(address: str, reach: Reach) -> None:
    assert classify(address) is reach


@pytest.mark.parametrize(
    "text", ["", "example.org", "127.1", "0x7f000001", "2130706433", "10.0.0.1:80", "%eth0"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="not appear"):
        classify(text)


def test_what_is_evidently_inside() -> None:
    assert [one for one in (*TYPED_INSIDE, *TYPED_OTHERS) if is_evidently_inside(one)] == list(TYPED_INSIDE)


class TestAccess:
    @pytest.mark.parametrize("address", PUBLIC)
    def test_public_addresses_are_always_allowed(self, address: str) -> None:
        assert Access().allows("example.org", 443, address, ())

    @pytest.mark.parametrize("address", INSIDE)
    def test_inside_only_what_is_allowed(self, address: str) -> None:
        assert not Access().allows("example.org", 443, address, ())
        assert Access().allows("example.org", 443, address, ANY)
        assert Access(servers_of(("https://example.org/wp-json/",))).allows("Example.org.", 443, address, ())

    @pytest.mark.parametrize("address", NEVER)
    def test_metadata_never(self, address: str) -> None:
        everything = Access(servers_of(("http://example.org",)))
        assert not everything.allows("example.org", 80, address, ANY)

    @pytest.mark.parametrize(
        ("host", "port"),
        [("example.org", 8080), ("www.example.org", 443), ("example.org.evil", 443), ("", 443)],
    )
    def test_of_a_server_no_other_host_or_port(self, host: str, port: int) -> None:
        assert not Access(servers_of(("https://example.org",))).allows(host, port, "10.0.0.1", ())

    def test_networks_hold_mapped_addresses(self) -> None:
        assert Access().allows("example.org", 443, "::ffff:10.0.0.1", (ip_network("10.0.0.0/8"),))

    def test_both_default_ports_belong_to_a_server(self) -> None:
        assert servers_of(("http://Example.org", "https://b.example:8443/", "http://[bad")) == {
            ("example.org", 0),
            ("b.example", 8443),
        }
