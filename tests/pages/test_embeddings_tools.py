"""The tools of the Embeddings page run headless, on a demo server and on one that fails."""

import base64
import json
import struct

import pytest

from lib.ui.house import house
from tests.support.faulty import FaultServer, answer_json, recorded
from tests.support.headless import Headless
from tests.support.waiting import until

EMBEDDINGS = "pages/lab/embeddings.py"
SECONDS = 40
WHY = "Why equal, why so low?"
TABS = {
    "Prefixes": "prefixes",
    "Reranked": "reranked",
    "Same every time?": "consistency",
    "Throughput": "throughput",
    "Contrasts": "contrasts",
    "Shorter vectors": "shortened",
    "Threshold": "calibrated",
}


class Person(Headless):
    """A session on the page that has embedded a sample set, or lines of its own."""

    def __init__(self, visit, server="demo-embed", sample="Topics", lines=""):
        super().__init__(visit.opens(EMBEDDINGS, server=server, sample=sample))
        # A tool draws once what the servers have told by then.
        until(lambda: all(house().models(one) for one in house().watched()), SECONDS)
        if lines:
            self.app.session_state["vectors-source"] = "Paste"
            self.app.session_state["vectors-lines"] = lines
            self.app.run()
        self.sound()
        self.presses("embed")

    def opens(self, tab):
        self.app.session_state["vector-tools"] = tab
        self.app.run()
        self.sound()
        return self

    def presses(self, name):
        """Press the button of some work, and wait for its end."""
        self.app.button(key=f"{name}-go").click().run()
        self.sound()
        job = self.app.session_state["jobs"][name]
        until(lambda: not job.is_running, SECONDS)
        self.app.run()
        self.sound()
        return job

    @property
    def answer(self):
        """The answer of the open tool: the last on the page."""
        return self.views("summary")[-1]

    def tile(self, label):
        return next(one["value"] for one in self.answer["tiles"] if label in one["label"])

    @property
    def table(self):
        return self.views("table")[-1]

    def captions(self):
        return " ".join(one.value for one in self.app.caption).replace("\\", "")

    def warnings(self):
        return " ".join(one.value for one in self.app.warning).replace("\\", "")

    def widget(self, kind, name):
        """The widget of these vectors whose name begins so."""
        every = getattr(self.app, kind)
        return next(one for one in every if str(one.key).startswith(name))


@pytest.fixture
def listed(demo):
    return ",".join(one for one in demo.split(",") if one.startswith("demo-embed"))


@pytest.fixture
def person(dashboard, listed):
    return Person(dashboard(INSPECTOR_DEMO_SERVERS=listed))


@pytest.fixture
def searching(dashboard, listed):
    return Person(dashboard(INSPECTOR_DEMO_SERVERS=listed), sample="Help desk")


def test_what_asks_more_than_a_few_questions_waits_for_its_button(person):
    for tab, name in TABS.items():
        person.opens(tab)
        assert name not in person.app.session_state["jobs"], tab
        told = person.captions()
        assert "Costs demo-embed" in told or "costs demo-embed" in told or "busy for about" in told
    assert not person.warnings()


def test_two_texts_are_shown_as_the_tokens_that_the_model_reads(person):
    person.opens(WHY)
    data = person.views("alike")[0]
    assert len(data["sides"]) == 2
    assert all(one["tokens"]["text"] in one["title"] for one in data["sides"])
    assert all(one["unread"][0] == one["unread"][1] for one in data["sides"])
    assert "above every unrelated pair" in person.answer["sentence"]
    other = person.widget("selectbox", "why-second")
    other.set_value(next(n for n in range(24) if n != other.value)).run()
    person.sound()
    assert person.views("alike")[0]["sides"][1]["title"] != data["sides"][1]["title"]


def test_texts_of_the_same_tokens_are_told_to_be_equal_for_that(dashboard, listed):
    lines = "the same words\nthe same words\nquite another sentence\nwords same the"
    person = Person(dashboard(INSPECTOR_DEMO_SERVERS=listed), lines=lines).opens(WHY)
    person.widget("selectbox", "why-first").set_value(0).run()
    person.widget("selectbox", "why-second").set_value(1).run()
    person.sound()
    assert person.answer["sentence"].startswith("Equal, because the model reads the same tokens")
    assert person.tile("cosine") == "1.0000"


def test_prefixes_are_compared_by_what_they_find(searching):
    searching.opens("Prefixes")
    assert "Costs demo-embed 2 requests with 24 texts in all" in searching.captions()
    searching.presses("prefixes")
    assert searching.tile("queries") == "5"
    assert searching.tile("documents") == "14"
    assert "nDCG@10" in searching.answer["sentence"]
    rows, best = (one["rows"] for one in searching.views("table")[-2:])
    assert [row[0] for row in rows] == ["None", "E5", "Qwen3"]
    assert rows[1][1:3] == ["query:", "passage:"]
    assert len(best) == 5
    assert "Costs nothing" in searching.captions()


def test_a_prefix_of_ones_own_is_tried_too(person):
    person.opens("Prefixes")
    person.widget("multiselect", "prefix-names").set_value(["Own"]).run()
    person.app.text_input(key="prefix-own-query").set_value("ask: ").run()
    person.presses("prefixes")
    rows = person.views("table")[-2]["rows"]
    assert [row[:2] for row in rows] == [["None", "–"], ["Own", "ask:"]]
    assert float(rows[0][4]) < 0.99  # no text finds itself


def test_reranked_documents_stand_beside_their_cosines(searching):
    searching.opens("Reranked").presses("reranked")
    assert searching.tile("queries") == "5"
    assert "→" in searching.tile("nDCG@10")
    header, rows = searching.table["header"], searching.table["rows"]
    assert header == ["Reranked", "By cosine", "Change", "Score", "Cosine", "Label", "Document"]
    assert [row[0] for row in rows] == [str(n) for n in range(1, 15)]
    assert sorted(int(row[1]) for row in rows) == list(range(1, 15))
    assert all((row[2] == "=") == (row[0] == row[1]) for row in rows)


def test_one_query_is_reranked_alone(person):
    person.opens("Reranked")
    person.app.number_input(key="rerank-top").set_value(4).run()
    assert "Costs demo-embed 1 request with 4 texts" in person.captions()
    person.presses("reranked")
    query = person.widget("selectbox", "rerank-query").value
    documents = [row[-1] for row in person.table["rows"]]
    assert len(documents) == 4
    assert not any(one.startswith(f"{query + 1} ·") for one in documents)


def test_two_models_are_compared_by_their_neighbours(dashboard, listed):
    twice = f"{listed},twin={listed.partition('=')[2]}"
    person = Person(dashboard(INSPECTOR_DEMO_SERVERS=twice)).opens("Two models")
    assert "Costs twin 1 request with 24 texts" in person.captions()
    person.presses("models")
    assert person.answer["sentence"].startswith("Both find the same neighbours: 100")
    assert person.tile("dimensions") == "384 / 384"
    assert person.tile("rank correlation") == "1.000"


def test_without_another_server_that_embeds_it_says_so(person):
    person.opens("Two models")
    assert "No other watched server embeds." in person.captions()
    assert "models-go" not in [one.key for one in person.app.button]


def test_the_same_texts_are_sent_every_way_and_compared(dashboard, listed):
    twice = f"{listed},twin={listed.partition('=')[2]}"
    person = Person(dashboard(INSPECTOR_DEMO_SERVERS=twice)).opens("Same every time?")
    person.widget("number_input", "same-n").set_value(8).run()
    assert "Costs demo-embed 12 requests with 40 texts in all" in person.captions()
    person.presses("consistency")
    assert person.answer["sentence"] == "The same to the last bit, every way."
    rows = person.table["rows"]
    assert [row[0] for row in rows][:4] == [
        "Batches of 64",
        "The same again",
        "One at a time",
        "Shuffled",
    ]
    assert rows[4][0].startswith("On twin")
    assert all(row[4].startswith("All 8 texts keep their") for row in rows[1:])


def test_throughput_is_measured_by_the_size_of_a_batch(person):
    person.opens("Throughput")
    sizes, seconds = person.app.select_slider
    sizes.set_value(4).run()
    seconds.set_value(1).run()
    assert "busy for about 3 s" in person.captions()
    person.presses("throughput")
    assert [row[0] for row in person.table["rows"]] == ["1", "2", "4"]
    assert "texts a second in batches of" in person.answer["sentence"]
    assert all(float(row[1].replace("\u202f", "")) > 0 for row in person.table["rows"])


def test_the_contrasts_are_told_by_kind(person):
    person.opens("Contrasts").presses("contrasts")
    assert [one["label"] for one in person.answer["tiles"]][:3] == [
        "negation",
        "number",
        "entity swap",
    ]
    assert len(person.table["rows"]) == 27
    assert "paraphrases" in person.answer["sentence"]


def test_shorter_vectors_are_judged_at_once_and_the_server_asked_on_demand(person):
    person.opens("Shorter vectors")
    forms = [row[0] for row in person.table["rows"]]
    assert forms[0] == "8 dimensions"
    assert forms[-4:] == ["float32", "float16", "int8", "binary"]
    assert not person.answer["remarks"]
    person.presses("shortened")
    assert "was not trained to be cut" in person.answer["remarks"][0]["text"]


def test_a_threshold_is_drawn_between_pasted_pairs(person):
    person.opens("Threshold")
    alike = person.app.text_area(key="calibrate-alike")
    alike.set_value("one two three | one two three four\nno pair\n").run()
    unlike = person.app.text_area(key="calibrate-unlike")
    unlike.set_value("one two three\tzebra quartz\n").run()
    assert "No pair on line 2." in person.captions()
    person.presses("calibrated")
    assert person.answer["sentence"].endswith("no pair is wrong.")
    assert float(person.tile("threshold")) > 0
    assert "With 1 and 1 pairs" in person.answer["remarks"][0]["text"]


# ── A server that fails in the middle ──


def embedding(after):
    """Answers until so many texts were embedded, then fails."""
    done = 0

    async def behave(exchange):
        nonlocal done
        texts = json.loads(exchange.seen.body)["input"]
        done += len(texts)
        if done > after:
            await answer_json({"error": {"message": "gone", "code": 500}}, 500)(exchange)
            return
        rows = [struct.pack("<3f", len(text), text.count("e"), 1.0) for text in texts]
        data = [
            {"index": n, "embedding": base64.b64encode(one).decode()} for n, one in enumerate(rows)
        ]
        await answer_json({"data": data, "usage": {"prompt_tokens": 3 * len(texts)}})(exchange)

    return behave


@pytest.fixture
def failing(dashboard):
    """A session on a server that may be told to fail after so many more texts."""
    card = {"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 512}
    behaviours = {
        "/version": answer_json({"version": "0.32.0"}),
        "/v1/models": answer_json({"object": "list", "data": [card]}),
        "/openapi.json": recorded("openapi_embed.json"),
        "POST /v1/embeddings": embedding(10_000),
    }
    with FaultServer(behaviours) as server:
        person = Person(dashboard(VLLM_SERVERS=f"a={server.url}"), server="a")
        person.server = server
        yield person


def test_a_server_that_does_not_tokenize_still_has_its_score_told(failing):
    failing.opens(WHY)
    assert "No tokens to show." in failing.warnings()
    assert failing.answer["sentence"].startswith(("The cosine is", "Equal"))


def test_the_prefixes_that_were_done_stay_where_the_server_fails(failing):
    failing.opens("Prefixes")
    failing.server["POST /v1/embeddings"] = embedding(60)  # E5 takes 48, and Qwen3 24 more
    failing.presses("prefixes")
    assert failing.warnings()
    assert [row[0] for row in failing.views("table")[-2]["rows"]] == ["None", "E5"]


def test_the_ways_that_were_done_stay_where_the_server_fails(failing):
    failing.opens("Same every time?")
    failing.server["POST /v1/embeddings"] = embedding(50)
    failing.presses("consistency")
    rows = failing.table["rows"]
    assert [bool(row[2] == "0") for row in rows] == [False, True, False, False]
    assert "500" in rows[2][4] or "failed" in rows[2][4]
    assert failing.answer["sentence"] == "The same to the last bit, every way."


def test_a_reranker_that_fails_is_a_sentence(failing):
    failing.opens("Reranked").presses("reranked")
    assert failing.warnings()
