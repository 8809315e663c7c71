import pytest

from lib.api.releases import guarded, numbers, written


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        ("/v1/models", "0.4.3", True),
        ("/v2/rerank", "0.19.1", False),
        ("/v2/rerank", "0.22.1", True),
        ("/inference/v1/generate", "0.21.0", False),
        ("/inference/v1/generate", "0.22.1", True),
        ("/cohere/v2/chat", "0.25.1", False),
        ("/cohere/v2/chat", "0.28.0", True),
        ("/cohere/v2/chat", "0.1.dev18498+g7a33ba95f", True),
        ("/v1/models", None, True),
        ("/tokenize", "0.32.0", False),
        ("/invocations", "0.32.0", False),
        ("/metrics", "0.33.0", False),
    ],
)
def test_a_key_guards_what_the_release_compares(path, version, expected):
    assert guarded(path, version) is expected


def test_a_development_build_is_newer_than_any_release():
    assert numbers("0.1.dev18+gabc") > numbers("0.33.0") > numbers("0.10.2") > numbers("v0.9")
    assert numbers(None) == numbers("nightly")


def test_a_release_is_written_as_people_do():
    assert written((0, 8, 5)) == "0.8.5"
    assert written(()) == ""
