import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lib.metrics.exposition import number, parse_line
from tests.unit.metrics.scrapes import RECORDINGS

NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
# Names that begin with two underscores are reserved: the official client refuses most of them.
LABEL_NAMES = st.from_regex(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\x85\u2028\u2029"))
VALUES = st.floats() | st.sampled_from([float("inf"), float("-inf")])


def written(name, labels, value, timestamp):
    def escaped(text):
        return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

    pairs = ",".join(f'{key}="{escaped(text)}"' for key, text in labels.items())
    figure = str(value).replace("inf", "+Inf").replace("-+Inf", "-Inf").replace("nan", "NaN")
    line = f"{name}{{{pairs}}} {figure}" if labels else f"{name} {figure}"
    return line if timestamp is None else f"{line} {timestamp}"


LINES = st.builds(
    written,
    NAMES,
    st.dictionaries(LABEL_NAMES, TEXTS, max_size=4),
    VALUES,
    st.none() | st.integers(0, 2_000_000_000_000),
)


def as_the_official_client(text):
    return [
        (sample.name, sample.labels, repr(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


@given(LINES)
@example('a{b="c\\\\n",d="\\"}"} 1.5')
def test_a_valid_line_reads_as_the_official_client_reads_it(line):
    parsed = parse_line(line)
    assert parsed is not None
    name, labels, value = as_the_official_client(line + "\n")[0]
    assert (parsed.name, parsed.labels, repr(parsed.value)) == (name, labels, value)


@pytest.mark.parametrize(
    "name", ["metrics.txt", "metrics_small_cache.txt", "metrics_running_2.txt"]
)
def test_a_recorded_body_reads_as_the_official_client_reads_it(name):
    text = (RECORDINGS / name).read_text()
    ours = [line for line in map(parse_line, text.split("\n")) if line is not None]
    assert sorted(
        (one.name, sorted(one.labels.items()), repr(one.value)) for one in ours
    ) == sorted(
        (name, sorted(labels.items()), value)
        for name, labels, value in as_the_official_client(text)
    )


@given(st.text(max_size=200))
@example("vllm:running")
@example('vllm:running{engine="0" 1')
@example("vllm:running{} 1_000")
@example("<html>")
def test_any_line_is_read_left_out_or_refused(line):
    try:
        parsed = parse_line(line)
    except ValueError:
        return
    assert parsed is None or isinstance(parsed.value, float)


@pytest.mark.parametrize("line", ["", "   ", "# HELP vllm:x y", "#"])
def test_comments_and_empty_lines_say_nothing(line):
    assert parse_line(line) is None


def test_a_number_with_underscores_is_python_and_not_prometheus():
    with pytest.raises(ValueError, match="1_000"):
        number("1_000")
