import ipaddress

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.servers import AddressPolicy, AddressRefused, Server, SettingsError, Source, normal_url

OPERATOR = AddressPolicy()
VISITOR = AddressPolicy.allowing("")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://h:8000", "http://h:8000"),
        (" HTTP://H.Example.ORG:8000/ ", "http://h.example.org:8000"),
        ("http://h:80", "http://h"),
        ("https://h:443/", "https://h"),
        ("https://h:80", "https://h:80"),
        ("http://h/base/path/", "http://h/base/path"),
        ("http://h:8000/v1", "http://h:8000"),
        ("http://h:8000/v1/", "http://h:8000"),
        ("http://h/base/v1", "http://h/base"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ("http://my_service:8000", "http://my_service:8000"),
    ],
)
def test_an_address_has_one_form(text, expected):
    assert normal_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h:8000",
        "localhost",
        "//h",
        "ftp://h",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http://:8000",
        "http://h:0",
        "http://h:65536",
        "http://h:http",
        "http://user@h",
        "http://user:hunter2@h",
        "http://h?x=1",
        "http://h?",
        "http://h#x",
        "http://h/../x",
        "http://h/./x",
        "http://h/a%2e",
        "http://h//x",
        "http://h\\@evil",
        "http://h\n.evil",
        "http://h h",
        "http://hé",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://017700000001",
        "http://0",
        "http://127.0.0.1.",
        "http://0x7f.1",
        "http://1.2.3.4.5",
        "http://[::1",
        "http://[fe80::1%25eth0]",
        "http://[::ffff:1.2.3]",
        "http://-h",
        "http://h..x",
        "http://" + "a" * 64,
    ],
)
def test_what_is_no_plain_address_is_refused(text):
    with pytest.raises(SettingsError) as caught:
        normal_url(text)
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 250


@given(st.text(max_size=40) | st.from_regex(r"https?://[!-~]{1,40}", fullmatch=True))
@example("http://[::ffff:7f00:1]:080/v1/v1")
def test_a_normal_form_is_stable_and_read_alike_by_the_http_library(text):
    try:
        url = normal_url(text)
    except SettingsError:
        return
    assert normal_url(url) == url or url.endswith("/v1")  # only one /v1 is dropped at a time
    parsed = httpx.URL(url)
    assert str(parsed).rstrip("/") == url
    assert parsed.userinfo == b""
    assert not parsed.query


ALWAYS_REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "2001:0:4136:e378:8000:63bf:5601:5601",  # Teredo of 169.254.169.254
    "not an address",
]


@pytest.mark.parametrize("address", ALWAYS_REFUSED)
@pytest.mark.parametrize("policy", [OPERATOR, VISITOR, AddressPolicy.allowing("h,0.0.0.0/0,::/0")])
def test_some_addresses_are_never_connected_to(policy, address):
    with pytest.raises(AddressRefused):
        policy.check("h", address)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.5",
        "192.168.1.1",
        "172.16.0.1",
        "8.8.8.8",
        "127.0.0.1",
        "::1",
        "2001:db8::1",
        "fd12::1",
    ],
)
def test_the_operators_servers_may_live_anywhere_else(address):
    OPERATOR.check("h", address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_a_visitor_may_add_a_server_of_this_machine(address):
    VISITOR.check("localhost", address)


@pytest.mark.parametrize(
    "address", ["10.0.0.5", "8.8.8.8", "::ffff:10.0.0.5", "2002:7f00:1::", "64:ff9b::7f00:1"]
)
def test_a_visitor_may_add_no_other_server(address):
    with pytest.raises(AddressRefused, match="INSPECTOR_ALLOW_HOSTS"):
        VISITOR.check("h", address)


def test_the_operator_can_allow_hosts_domains_addresses_and_networks():
    policy = AddressPolicy.allowing("gpu1, *.models.lan 10.1.0.0/16,192.168.1.7,[fd12::7]")
    policy.check("gpu1", "8.8.8.8")
    policy.check("a.models.lan", "8.8.8.8")
    policy.check("other", "10.1.2.3")
    policy.check("other", "192.168.1.7")
    policy.check("other", "fd12::7")
    for host, address in [
        ("gpu2", "8.8.8.8"),
        ("models.lan", "8.8.8.8"),
        ("evilmodels.lan", "8.8.8.8"),
        ("other", "10.2.0.1"),
    ]:
        with pytest.raises(AddressRefused):
            policy.check(host, address)


@pytest.mark.parametrize("listed", ["http://h", "a b/", "10.0.0.1/8", "127.1", "*"])
def test_an_unfit_allow_list_is_refused(listed):
    with pytest.raises(SettingsError, match="INSPECTOR_ALLOW_HOSTS"):
        AddressPolicy.allowing(listed)


def test_a_host_is_judged_early_where_its_text_tells():
    policy = AddressPolicy.allowing("gpu1")
    for host in ("localhost", "gpu1", "127.0.0.1", "::1"):
        policy.check_text(host)
    for host in ("gpu2", "10.0.0.5", "169.254.169.254", "localhost.evil.org"):
        with pytest.raises(AddressRefused):
            policy.check_text(host)
    OPERATOR.check_text("anything")


def test_only_added_servers_are_held_to_the_allow_list():
    added = Server("a", "http://10.0.0.5", None, Source.ADDED)
    written = Server("a", "http://10.0.0.5", None, Source.ENVIRONMENT)
    AddressPolicy.of(written, "").check("10.0.0.5", "10.0.0.5")
    with pytest.raises(AddressRefused):
        AddressPolicy.of(added, "").check("10.0.0.5", "10.0.0.5")


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_every_ipv6_form_that_carries_it(address):
    def refused(text):
        try:
            OPERATOR.check("h", text)
        except AddressRefused:
            return True
        return False

    number = int(address)
    forms = [
        ipaddress.IPv6Address(0xFFFF << 32 | number),
        ipaddress.IPv6Address(0x64FF9B << 96 | number),
        ipaddress.IPv6Address(0x2002 << 112 | number << 80),
    ]
    assert {refused(str(form)) for form in forms} == {refused(str(address))}


@given(st.ip_addresses())
def test_a_visitor_reaches_nothing_but_this_machine(address):
    try:
        VISITOR.check("h", str(address))
    except AddressRefused:
        return
    mapped = getattr(address, "ipv4_mapped", None)
    assert (mapped or address).is_loopback
