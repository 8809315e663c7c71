import traceback
from pathlib import Path

import pytest

from lib.servers import AddressPolicy, SettingsError, Source, add_server, configured

EXAMPLE = Path(__file__).parents[3] / ".streamlit" / "secrets.toml.example"


@pytest.fixture
def environ(tmp_path):
    return {"INSPECTOR_DATA": str(tmp_path)}


@pytest.fixture
def secrets(tmp_path):
    def write(text):
        file = tmp_path / "secrets.toml"
        file.write_text(text)
        return file

    return write


def shown(servers):
    return [(s.name, s.url, s.key and s.key.reveal(), s.source) for s in servers]


def test_nothing_configured_is_no_server(environ, tmp_path):
    assert configured(environ, None) == ()
    assert configured(environ, tmp_path / "absent.toml") == ()


def test_the_environment_lists_servers_and_their_key(environ):
    environ |= {
        "VLLM_SERVERS": "chat=http://h:8000, A B=https://h/embed/v1,\n http://10.0.0.5:8002 ,",
        "VLLM_API_KEY": " sk-1\n",
    }
    assert shown(configured(environ, None)) == [
        ("chat", "http://h:8000", "sk-1", Source.ENVIRONMENT),
        ("A B", "https://h/embed", "sk-1", Source.ENVIRONMENT),
        ("10.0.0.5:8002", "http://10.0.0.5:8002", "sk-1", Source.ENVIRONMENT),
    ]


def test_the_secrets_file_gives_each_server_its_own_key(environ, secrets):
    environ |= {"VLLM_SERVERS": "a=http://h:1", "VLLM_API_KEY": "sk-env"}
    file = secrets(
        '[servers.b]\nurl = "http://h:2"\napi_key = "sk-b"\nverify = false\n'
        '[servers."c d"]\nurl = "http://h:3"\n[other]\nx = 1\n'
    )
    servers = configured(environ, file)
    assert shown(servers)[1:] == [
        ("b", "http://h:2", "sk-b", Source.SECRETS),
        ("c d", "http://h:3", None, Source.SECRETS),
    ]
    assert [s.verify_tls for s in servers] == [True, False, True]


def test_a_file_of_authorities_is_kept_as_a_path(environ, secrets, tmp_path):
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    file = secrets(f'[servers.b]\nurl = "https://h"\nverify = "{authority}"\n')
    assert configured(environ, file)[0].verify_tls == str(authority)


def test_the_example_file_is_valid(environ):
    assert [s.name for s in configured(environ, EXAMPLE)] == ["chat", "embed"]


def test_demo_servers_come_without_a_key(environ):
    environ |= {"INSPECTOR_DEMO_SERVERS": "demo-chat=http://127.0.0.1:1", "VLLM_API_KEY": "sk-1"}
    (server,) = configured(environ, None)
    assert server.key is None
    assert server.simulated


def test_an_added_server_gives_way_to_one_of_the_same_name(environ, tmp_path):
    for name in ("a", "b"):
        add_server(tmp_path, name, "http://localhost:9", AddressPolicy.allowing(""))
    environ["VLLM_SERVERS"] = "a=http://h:1"
    assert [(s.name, s.source) for s in configured(environ, None)] == [
        ("a", Source.ENVIRONMENT),
        ("b", Source.ADDED),
    ]


def test_two_servers_may_not_share_a_name(environ, secrets):
    environ["VLLM_SERVERS"] = "a=http://h:1"
    with pytest.raises(SettingsError, match="Two servers are called 'a'"):
        configured(environ, secrets('[servers.a]\nurl = "http://h:2"\n'))


@pytest.mark.parametrize(
    "text", ["chat=h:8000", "a b c", "x=", "a=http://u:p@h", "a=http://x b=http://y"]
)
def test_an_unfit_entry_of_the_environment_is_named(environ, text):
    with pytest.raises(SettingsError, match="VLLM_SERVERS"):
        configured(environ | {"VLLM_SERVERS": text}, None)


def test_an_unfit_key_of_the_environment_is_named_without_it(environ):
    with pytest.raises(SettingsError, match="VLLM_API_KEY") as caught:
        configured(environ | {"VLLM_API_KEY": "sk-canary two"}, None)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[servers.a\nurl = 'sk-canary'",
        '[servers.a]\nurl = "http://h"\napi_key = "sk-canary\n"',
        '[servers.a]\nurl = "http://h"\napi_key = sk-canary\n',
        '[servers.a]\nurl = "http://h"\napi_key = "sk-canary two"\n',
        '[servers.a]\nurl = "http://h"\napi_key = ["sk-canary"]\n',
        '[servers.a]\nurl = "http://h"\nkey = "sk-canary"\n',
        '[servers.a]\nurl = "http://h"\nverify = "/absent/ca.pem"\n',
        "[servers.a]\nurl = 3\n",
        "servers = 3\n",
        "[servers]\na = 'http://h'\n",
        '[servers."<b>"]\nurl = "http://h"\n',
    ],
)
def test_an_unfit_secrets_file_is_named_without_its_keys(environ, secrets, text):
    with pytest.raises(SettingsError, match=r"secrets\.toml") as caught:
        configured(environ, secrets(text))
    assert "canary" not in str(caught.value)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_secrets_file_that_is_no_text_is_named(environ, tmp_path):
    (tmp_path / "secrets.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        configured(environ, tmp_path / "secrets.toml")
