"""No key survives, wherever a text or a log holds it, and what is no key stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.logs import read_log
from lib.logs.arguments import explained
from lib.secrets import HIDDEN, Masker, is_secret

KEY = "Zq9-opensesame_42x"
WRITTEN = (
    "non-default args: {{'api_key': ['{0}'], 'port': 1}}",
    "non-default args: {{'api_key': ['first-one-here', '{0}'], 'port': 1}}",
    "args: Namespace(host=None, api_key='{0}', port=8000)",
    "args: Namespace(host=None, hf_token={0}, port=8000)",
    "vllm serve model --api-key {0} --port 8000",
    "vllm serve model --api-key={0} --port 8000",
    "vllm serve model --api-key first-one-here {0}",
    "cmd: ['vllm', 'serve', '--api-key', '{0}', '--port', '1']",
    "VLLM_API_KEY={0} vllm serve",
    "export HF_TOKEN={0}",
    "Environment=HF_TOKEN={0}",
    "Authorization: Bearer {0}",
    "{{'Authorization': 'Bearer {0}'}}",
    "curl -H 'authorization: bearer {0}' http://x",
    "Cookie: theme=dark; session={0}",
    "{{'set-cookie': 'session={0}; Path=/'}}",
    "https://user:{0}@huggingface.co/model",
    '{{"api_key": "{0}"}}',
    "AWS_SECRET_ACCESS_KEY={0}",
    "AWS_SESSION_TOKEN={0}",
    "AccountName=x;AccountKey={0};EndpointSuffix=y",
    "LITELLM_MASTER_KEY={0}",
    "password: {0}",
    "token={0} is wrong",
    '["vllm","serve","m","--api-key","{0}"]',
    "--api-key first-one-here,{0}",
    "--ssl-keyfile-password {0}",
    "api_key=SecretStr('{0}')",
    "api_key=b'{0}'",
    "{{'name': 'VLLM_API_KEY', 'value': '{0}'}}",
    'body: {{\\"api_key\\": \\"{0}\\"}}',
    "API key: {0}",
    "ssl passphrase={0}",
    "https://{0}@github.com/model",
    "https://user:p@{0}@host/model",
    "GET https://host/file?X-Amz-Date=1&X-Amz-Signature={0}&x=1",
    "GET /v1/models?key={0}",
    "api_key='{0}",
    "clientSecret={0}",
    "dbPassword: '{0}'",
    '{{"sessionToken": "{0}"}}',
    "PGPASSWORD={0}",
    "myAPIKey={0}",
    "--clientSecret {0}",
    '{{"--api-key": "{0}"}}',
    "redis://u:{0}@h/0",
    '"api_key": [\n  "first-one-here",\n  "{0}"\n]',
    "hub_key = {0}",
)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_key_is_taken_out_wherever_it_stands(written):
    masker = Masker()
    told = masker.masked(written.format(KEY))
    assert KEY not in told
    assert HIDDEN in told
    assert Masker().masked(told) == told, "what is hidden is no secret"


@pytest.mark.parametrize(
    "shaped",
    [
        "hf_AbCdEfGhIjKlMnOpQrStUv",
        "sk-proj-abcdefgh12345678",
        "ghp_" + "a1" * 12,
        "AKIA" + "Q1" * 8,
        "nvapi-" + "aB-3_" * 12,
        "AIza" + "Sy1-_" * 7,
    ],
)
def test_what_is_shaped_like_a_key_is_taken_out_without_a_name(shaped):
    assert shaped not in Masker().masked(f"could not load with {shaped}: 401")


@pytest.mark.parametrize(
    "sentence",
    ["your API key is {}, keep it", "The hf token is '{}'.", "password is: {}", "Token is {}"],
)
def test_a_sentence_that_tells_a_key_does_not(sentence):
    masker = Masker()
    assert masker.masked(sentence.format(KEY)).startswith(sentence.partition("{")[0] + HIDDEN)
    assert KEY not in masker.masked(f"and again {KEY}")


@pytest.mark.parametrize(
    "harmless",
    [
        "The API key is required, the token is invalid",
        "The EOS token is 151645",
        "max_num_batched_tokens=8192, bos_token='<s>', pad_token_id=0",
        "Avg prompt throughput: 12.5 tokens/s, Running: 3 reqs",
        "api_key=None, hf_token=None, ssl_keyfile=None",
        "GPU KV cache size: 372,816 tokens",
        "tokenizer='Qwen/Qwen3-8B', tokenizer_mode=auto",
        "Route: /tokenize, Methods: POST",
        "kv_cache_dtype=auto, key=value",
        "{'hf_overrides': {'a': 1}, 'sk-learn': 2}",
        "Basic configuration of http://0.0.0.0:8000",
        "{'api_key': '***'}",
        "http://host:8000/files?x=y@z",
        "--tokenizer-mode auto --max-num-batched-tokens 8",
        'vllm:prompt_tokens_total{model_name="m"} 5.0\n# HELP x Key size: 5 per token',
        "KeyError: 'layers.0', monkeyPatch=1, hotkeys: 4, tokenIds=[1], sessionTokenizer=x",
    ],
)
def test_what_is_no_key_stays_as_it_is(harmless):
    assert Masker().masked(harmless) == harmless


def test_a_key_that_was_seen_once_is_taken_out_everywhere():
    masker = Masker()
    masker.masked(f"args: Namespace(api_key='{KEY}')")
    assert KEY not in masker.masked(f"KeyError: {KEY!r}")


@pytest.mark.parametrize("begun", ["api_key='", "api_key=b'", 'password="', "token="])
def test_of_what_a_cut_line_leaves_open_only_the_key_is_remembered(begun):
    masker = Masker()
    assert KEY not in masker.masked(f"{begun}{KEY}, port=8000, model=Qwen/Qwen3")
    assert masker.masked(f"{KEY} for model=Qwen/Qwen3") == f"{HIDDEN} for model=Qwen/Qwen3"


def test_a_key_that_an_error_names_before_the_arguments_do_is_hidden_too():
    log = read_log(
        f"(A pid=1) ERROR 01-01 00:00:00 [a.py:1] cannot use {KEY} here\n"
        f"(A pid=1) INFO 01-01 00:00:01 [a.py:1] non-default args: {{'api_key': ['{KEY}']}}\n"
        f"(A pid=1) INFO 01-01 00:00:02 [a.py:1] Starting vLLM server on http://{KEY}:1\n".encode()
    )
    assert KEY not in repr(log)
    assert log.remarks[0].excerpt == f"cannot use {HIDDEN} here"


def test_a_secret_argument_of_any_shape_is_hidden():
    given = {
        "api_key": "1234567",
        "ssl_keyfile": "/etc/k.pem",
        "watermark_config": "{'key': 'abcdefg'}",
    }
    told = {one.name: one.value for one in explained(given, Masker())}
    assert told == {"api_key": HIDDEN, "ssl_keyfile": "/etc/k.pem", "watermark_config": HIDDEN}


def test_names_of_secrets_are_known():
    assert all(map(is_secret, ("api_key", "hf_token", "HF_TOKEN", "token", "db_password")))
    assert all(map(is_secret, ("clientSecret", "dbPassword", "aws_session_token", "AccountKey")))
    assert not any(
        map(is_secret, ("max_tokens", "bos_token", "tokenizer", "monkey", "ssl_keyfile"))
    )


BEFORE = st.text("aBz_-.0", max_size=6)
OWNERS = ("hf", "hub", "auth", "access", "session", "api", "github", "account", "master", "secret")
SECRETS = ("token", "tokens", "key", "keys", "password", "passphrase", "watermark_config")
WORDS = st.sampled_from(OWNERS + SECRETS)
JOINED = st.sampled_from([str.lower, str.upper, str.title])
NAMES = st.builds(
    lambda before, words, between, cased: before + between.join(map(cased, words)),
    BEFORE,
    st.lists(WORDS, min_size=1, max_size=3),
    st.sampled_from(["", "_", "-"]),
    JOINED,
).filter(is_secret)


@given(
    NAMES,
    st.sampled_from(["{}={}", "{}: {}", "{} = '{}'", "{{'{}': '{}'}}", '{{"{}": "{}"}}', "{}:{}"]),
)
def test_what_is_a_secret_by_its_name_is_one_in_a_text(name, written):
    assert KEY not in Masker().masked(f"x {written.format(name, KEY)}")


@given(
    st.sampled_from(WRITTEN),
    st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.", min_size=8, max_size=40).filter(
        lambda key: key[0].isalnum() and not key.isdigit()
    ),
    st.text(max_size=30),
)
def test_no_key_survives_a_whole_log(written, key, around):
    level = "(A pid=1) ERROR 01-01 00:00:00 [a.py:1] "
    around = "".join(char for char in around if char.isprintable() and not char.isalnum())
    told = repr(read_log(f"{level}{around} {written.format(key)}\n".encode()).remarks)
    assert f"{key}" not in told.replace("first-one-here", "")


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "token=",
            "--api-key ",
            "'api_key': [",
            "a" * 50 + "_",
            "Bearer ",
            "Cookie: ",
            "(",
            "= : ",
            ".",
            "a.-",
        ),
        *("a://", "?a-", "--a-", "secret value ", 'token="\\', "api key "),
        *("api_key", "--apikey", "api_key=[\n", "api_key='\\", "://x", "password ,  value"),
    ],
)
def test_a_long_hostile_line_takes_no_time(piece):
    begun = time.process_time()
    Masker().masked((piece * 70_000)[:65_536])
    assert time.process_time() - begun < 1.0, "some ms; four times the line, sixteen times the time"
