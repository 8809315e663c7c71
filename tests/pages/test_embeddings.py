"""The Embeddings page run headless: what it asks, what it says, and what it keeps in trouble."""

import base64
import io
import json
import struct

import numpy as np
import pytest

from lib.ui.asked import Asked, Told
from lib.ui.house import house
from lib.ui.vectors import offers
from lib.ui.vectors.samples import SAMPLES
from tests.support.faulty import FaultServer, answer_json, in_turn, recorded, slow
from tests.support.headless import Headless
from tests.support.waiting import until

EMBEDDINGS = "pages/lab/embeddings.py"
SECONDS = 40


class Person(Headless):
    """A session on the page."""

    def __init__(self, visit, **query):
        super().__init__(visit.opens(EMBEDDINGS, **query))

    @property
    def answer(self):
        return next(data for data in self.views("summary") if "floor" in str(data["tiles"]))

    def tile(self, label):
        return next(one["value"] for one in self.answer["tiles"] if one["label"] == label)

    def table(self, label):
        return next(data for data in self.views("ranks") if data["label"] == label)

    def warnings(self):
        return " ".join(one.value for one in self.app.warning).replace("\\", "")

    def captions(self):
        return " ".join(one.value for one in self.app.caption).replace("\\", "")

    def labels(self):
        return [one.label for one in self.app.button]

    def pastes(self, text, queries=None):
        self.app.session_state["vectors-source"] = "Paste"
        self.app.session_state["vectors-mode"] = (
            "All with all" if queries is None else "Queries with documents"
        )
        self.app.session_state["vectors-lines"] = text
        if queries is not None:
            self.app.session_state["vectors-queries"] = queries
        self.app.run()
        return self.sound()

    def embeds(self):
        self.app.button(key="embed-go").click().run()
        self.sound()
        return self.waits()

    def waits(self):
        job = self.app.session_state["jobs"]["embed"]
        until(lambda: not job.is_running, SECONDS)
        self.app.run()
        return self.sound()


@pytest.fixture
def visit(dashboard, demo):
    kept = [one for one in demo.split(",") if one.startswith(("demo-embed", "demo-chat"))]
    return dashboard(INSPECTOR_DEMO_SERVERS=",".join(kept))


@pytest.fixture
def person(visit):
    return Person(visit, server="demo-embed")


def test_without_servers_it_says_what_to_do(dashboard):
    visit = dashboard().opens(EMBEDDINGS)
    assert not visit.app.exception
    assert visit.app.title[0].value == "No servers yet"


def test_before_a_click_nothing_is_sent_and_the_button_says_what_it_costs(person):
    assert "Embed" in person.labels()
    assert "Costs demo-embed 2 requests: 24 texts of about" in person.captions()
    assert "28 built-in sentences, once, for this model's floor" in person.captions()
    assert not person.views("summary")


def test_a_sample_set_is_answered_with_its_figures(person):
    person.embeds()
    assert "of 24 texts have a text of their own label as nearest" in person.answer["sentence"]
    assert person.answer["more"][0].startswith("Closest: “")
    assert person.tile("texts") == "24"
    assert person.tile("dimensions") == "384"
    assert int(person.tile("tokens")) > 200
    assert "±" in person.tile("floor of unrelated texts")
    assert len(person.table("Closest pairs")["rows"]) == 12
    assert len(person.table("Nearest texts")["rows"]) == 5
    assert {"Same vector", "Hubs"} <= {row[0] for row in person.views("table")[-1]["rows"]}
    charts = [one.proto.id for one in person.app.get("plotly_chart")]
    assert len(charts) == 3


def test_the_scores_are_those_of_the_servers_own_vectors(person):
    person.embeds()
    found = person.app.session_state["jobs"]["embed"].result
    client = house().embedder.client(house().named("demo-embed"))
    raw = client.embed(found.texts.texts, model=found.model, encoding="float").rows
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    scores = np.triu(unit @ unit.T, 1)
    best = np.unravel_index(scores.argmax(), scores.shape)
    row = person.table("Closest pairs")["rows"][0]
    assert row["value"] == f"{scores[best]:.3f}"
    assert row["cells"] == [found.texts.short(int(n), 110) for n in best]


def test_what_was_embedded_is_remembered_by_everybody(person, visit):
    person.embeds()
    tokens = person.tile("tokens")
    other = Person(type(visit)(), server="demo-embed", sample="Topics")
    assert "embed-go" not in [one.key for one in other.app.button]
    assert other.tile("tokens") == tokens
    more = other.pastes("\n".join([*SAMPLES["Topics"].texts, "one more text"]))
    assert "1 text of about" in more.captions()
    assert "24 texts are remembered." in more.captions()


def test_a_link_opens_its_settings_and_never_holds_a_text(visit):
    person = Person(visit, server="demo-embed", sample="Help desk", metric="euclid", k="3").embeds()
    query = person.views("vectors")[0]["query"]
    assert (query["sample"], query["metric"], query["k"]) == ("Help desk", "euclid", "3")
    tables = [one for one in person.views("ranks") if one["label"].startswith("Query")]
    assert len(tables) == 5
    assert all(len(one["rows"]) == 3 for one in tables)
    assert all(one["header"][0] == "euclid" for one in tables)
    person.pastes("my secret\nanother secret")
    assert "secret" not in json.dumps(person.views("vectors")[0])


def test_queries_are_compared_with_documents_only(person):
    person.pastes("a red apple\na green pear\nan old car", queries="fruit\nvehicle").embeds()
    assert person.tile("queries") == "2"
    assert person.tile("documents") == "3"
    rows = person.table("Query 1")["rows"]
    assert {row["cells"][0] for row in rows} == {"a red apple", "a green pear", "an old car"}


def test_pasted_columns_are_labels_and_texts(person):
    person.pastes("fruit\tan apple\nfruit\ta pear\ncar\ta wheel\ncar\ta motor").embeds()
    assert "of 4 texts have a text of their own label" in person.answer["sentence"]
    assert {row["tag"] for row in person.table("Nearest texts")["rows"]} <= {"fruit", "car"}


@pytest.mark.parametrize("text", ["", "\n \n\t\n"])
def test_without_texts_there_is_nothing_to_press(person, text):
    person.pastes(text)
    assert "embed-go" not in [one.key for one in person.app.button]


def test_one_text_alone_is_said(person):
    person.pastes("word").embeds()
    assert person.answer["sentence"] == "One text alone has nothing to be compared with."


def test_mixed_languages_and_equal_texts_are_no_trouble(person):
    lines = ["你好", "hello", "مرحبا", "hello", "🎉", "a" * 400, "<img src=x>", "=1+1"]
    person.pastes("\n".join(lines)).embeds()
    rows = person.table("Closest pairs")["rows"]
    assert (rows[0]["value"], rows[0]["cells"]) == ("1.000", ["hello", "hello"])
    assert ["Same vector", "1 repeated", "“hello” = “hello”"] in person.views("table")[-1]["rows"]


def test_many_texts_are_drawn_in_cells_that_share_them(person):
    lines = [f"{'abcdefgh'[n % 8] * 5} {n * n} {'xyz'[n % 3]}" for n in range(1_200)]
    person.pastes("\n".join(lines)).embeds()
    assert person.tile("texts") == "1\u202f200"
    assert "Each cell is the mean of up to 5 × 5 pairs." in person.captions()
    assert len(person.app.get("plotly_chart")) == 3


def test_another_set_leaves_the_first_in_sight_until_it_is_embedded(person):
    person.embeds()
    person.pastes("something else\nand more")
    assert "Below: 24 texts on demo-embed" in person.captions()
    assert "What is chosen above has no vectors yet." in person.captions()
    assert person.tile("texts") == "24"


def test_a_server_that_chats_only_says_so_and_offers_those_that_embed(visit):
    person = Person(visit, server="demo-chat")
    assert "demo-chat makes no vectors" in person.warnings()

    def offered():
        person.app.run()
        return [one for one in person.app.button if "demo" in one.label]

    until(offered, SECONDS)
    offered()[0].click().run()
    person.app.run()
    assert person.views("vectors")[0]["server"] == "demo-embed"
    assert "Embed" in person.labels()


def test_a_page_that_was_drawn_before_its_server_told_anything_is_drawn_again(visit, monkeypatch):
    told, is_untold, looks = Asked.told, offers.is_untold, []

    def untold(self, server, **how):
        return told(self, server, **how) if looks else Told()

    def looked(server):
        looks.append(is_untold(server))
        return looks[-1]

    until(lambda: told(house().asked, house().named("demo-chat")).capabilities, SECONDS)
    monkeypatch.setattr(Asked, "told", untold)
    monkeypatch.setattr(offers, "is_untold", looked)
    person = Person(visit, server="demo-chat")
    assert looks == [True, False]
    assert "demo-chat makes no vectors" in person.warnings()


# ── Files ──


def uploaded(person, name, data):
    person.app.session_state["vectors-source"] = "File"
    person.app.run()
    person.app.file_uploader(key="vectors-file").upload(name, data).run()
    return person.sound()


def test_a_csv_has_its_columns_picked_and_its_empty_rows_told(person):
    rows = "id,text,topic\n1,an apple,fruit\n2,,fruit\n3,a wheel,car\n4,a pear,fruit\n"
    uploaded(person, "x.csv", rows.encode())
    assert "Left out, because they are empty: rows 3." in person.captions()
    person.embeds()
    assert person.tile("texts") == "3"
    assert person.app.session_state["jobs"]["embed"].result.texts.labels == (
        "fruit",
        "car",
        "fruit",
    )


def test_a_parquet_is_read(person):
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    out = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 2], "body": ["an apple", "a pear"]}), out)
    uploaded(person, "x.parquet", out.getvalue()).embeds()
    assert person.tile("texts") == "2"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.parquet", b"PAR1 not", "no Parquet"),
        ("x.csv", b"\xff\xfe\xfd", "not UTF-8"),
        ("x.jsonl", b"[1]\n[2]", "No line of the file is a JSON object"),
        ("x.csv", b"", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(person, name, data, said):
    uploaded(person, name, data)
    assert said in person.warnings()
    assert "embed-go" not in [one.key for one in person.app.button]


# ── A server that fails in the middle ──


def vector(text):
    values = [float(len(text)), float(text.count("e")), 1.0]
    return base64.b64encode(struct.pack("<3f", *values)).decode()


def embedding(after):
    """Answers until so many texts were embedded, then fails with a status."""
    done = 0

    async def behave(exchange):
        nonlocal done
        texts = json.loads(exchange.seen.body)["input"]
        if any("bad" in text for text in texts):
            error = {"message": "this one I refuse", "type": "BadRequestError", "code": 400}
            await answer_json({"error": error}, 400)(exchange)
            return
        done += len(texts)
        if done > after:
            await answer_json({"error": {"message": "gone", "code": 500}}, 500)(exchange)
            return
        data = [{"index": n, "embedding": vector(text)} for n, text in enumerate(texts)]
        body = {"data": data, "usage": {"prompt_tokens": 3 * len(texts)}}
        await answer_json(body)(exchange)

    return behave


def served(after):
    card = {"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": 512}
    return {
        "/version": answer_json({"version": "0.32.0"}),
        "/v1/models": answer_json({"object": "list", "data": [card]}),
        "/openapi.json": recorded("openapi_embed.json"),
        "POST /v1/embeddings": embedding(after),
    }


def test_a_refused_text_costs_itself_only(dashboard):
    with FaultServer(served(10_000)) as server:
        person = Person(dashboard(VLLM_SERVERS=f"a={server.url}"), server="a")
        person.pastes("one\ntwo two\nbad three\nfour four four").embeds()
        assert "3 of 4 texts have their vectors" in person.warnings()
        assert "Text 3 has none: The server refuses it" in person.warnings()
        assert person.tile("texts") == "3"
        assert ["Without a vector", "1"] in [row[:2] for row in person.views("table")[-1]["rows"]]


def test_a_server_that_fails_in_the_middle_loses_nothing_and_the_button_goes_on(dashboard):
    with FaultServer(served(64)) as server:
        person = Person(dashboard(VLLM_SERVERS=f"a={server.url}"), server="a")
        person.pastes("\n".join(f"text {'e' * (n % 9)} number {n}" for n in range(100))).embeds()
        assert "It ended early." in person.warnings()
        assert "64 of 100 texts have their vectors, and keep them." in person.warnings()
        assert person.views("summary")[0]["tiles"][0]["value"] == "64"
        server["POST /v1/embeddings"] = embedding(10_000)
        person.embeds()
        assert person.tile("texts") == "100"
        sent = [json.loads(one.body)["input"] for one in server.seen if "embeddings" in one.path]
        first = [texts for texts in sent if "text  number 0" in texts]
        assert [len(texts) for texts in first] == [32, 1]  # asked once, and whether it is the same


def test_a_stop_keeps_what_was_done(dashboard):
    with FaultServer(served(10_000)) as server:
        at_once = embedding(10_000)
        server["POST /v1/embeddings"] = in_turn(at_once, at_once, slow(4.0, at_once))
        person = Person(dashboard(VLLM_SERVERS=f"a={server.url}"), server="a")
        person.pastes("\n".join(f"text {n}" for n in range(320)))
        person.app.button(key="embed-go").click().run()
        job = person.app.session_state["jobs"]["embed"]
        until(lambda: job.done, SECONDS)
        person.app.run()
        person.app.button(key="embed-stop").click().run()
        person.waits()
        assert "Stopped." in person.warnings()
        assert "of 320 texts have their vectors, and keep them." in person.warnings()
        done = int(person.views("summary")[0]["tiles"][0]["value"])
        assert 0 < done < 320
        assert f"{done} texts are remembered." in person.captions()


def test_a_server_that_is_down_is_a_sentence(dashboard, down):
    person = Person(dashboard(VLLM_SERVERS=down), server="down")
    until(lambda: (person.app.run(), "Nothing listens" in person.warnings())[1], SECONDS)
    assert "embed-go" not in [one.key for one in person.app.button]
