"""What a person does on the Embeddings page: pastes, looks at map and pair, takes files away."""

import io
import json

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.person import COLD_START
from tests.browser.vectors_person import VectorsPerson
from tests.support.browsing import shot, window
from tests.support.waiting import until

TEXTS = ["red apples", "green apples", "green pears", "a train to Rome", "<b>bold</b> & =1+1"]


@pytest.fixture
def person(page, demo):
    return VectorsPerson(page, demo.url)


def test_a_person_pastes_and_sees_an_answer_a_map_and_pairs(person):
    person.opens("?server=demo-embed")
    person.pastes("\n".join(TEXTS))
    person.embeds()
    expect(person.figure("texts")).to_have_text("5")
    expect(person.figure("dimensions")).to_have_text("384")
    expect(person.answer).to_contain_text("Closest: “")
    person.sees_charts()
    heat = person.chart("vectors-heat")
    assert heat.evaluate("one => one.data[0].z.length ?? one.data[0].z.shape") in (5, "5, 5")
    assert heat.locator("g.heatmap-label").count() == 20
    expect(person.table("Closest pairs").locator("tbody tr")).to_have_count(10)
    assert person.page.locator(".js-plotly-plot b, td b").count() == 0
    assert "apples" not in person.page.url
    shot(person.page, "embeddings")


def test_two_texts_are_picked_and_have_number_percentile_and_verdict(person):
    person.opens("?server=demo-embed")
    person.pastes("\n".join([*TEXTS, TEXTS[0]]))
    person.embeds()
    person.picks("One text", "1 · red apples")
    person.picks("Another", "6 · red apples")
    pair = person.page.locator(".st-key-vectors-pair-words")
    expect(pair).to_contain_text("The same to this model.")
    expect(pair.locator("dd").first).to_have_text("1.000")
    expect(pair.locator("dd").nth(1)).to_have_text("100")
    person.picks("Another", "4 · a train to Rome")
    expect(pair.locator("dd").first).not_to_have_text("1.000")


def test_what_is_taken_away_is_what_is_on_screen(person):
    person.opens("?server=demo-embed")
    person.pastes("\n".join(TEXTS))
    person.embeds()
    rows = np.load(io.BytesIO(person.takes("Vectors, npy")))
    assert rows.shape == (5, 384)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    best = np.sort((unit @ unit.T)[np.triu_indices(5, 1)])[-1]
    expect(person.table("Closest pairs").locator("tbody td").first).to_have_text(f"{best:.3f}")
    matrix = np.load(io.BytesIO(person.takes("Matrix, npy")))
    assert np.nanmax(matrix) == pytest.approx(best, abs=1e-6)
    table = person.takes("Vectors, CSV").decode("utf-8-sig")
    assert table.startswith("number,text,label,d0,")
    assert len(table.splitlines()) == 6
    settings = json.loads(person.takes("Settings, JSON"))
    assert (settings["server"], settings["texts"], settings["dimensions"]) == ("demo-embed", 5, 384)


def test_a_link_restores_what_is_on_screen(person, browser, demo):
    person.opens("?server=demo-embed&sample=Help desk&k=2")
    person.embeds()
    person.measures("Euclid")
    expect(person.table("Query 1").locator("th").first).to_have_text("euclid")
    until(lambda: "metric=euclid" in person.link(), 10)
    link = person.link()
    with window(browser) as other_page:
        other = VectorsPerson(other_page, demo.url)
        other_page.goto(f"{demo.url}/{link}")
        other.sees_answer()  # the vectors are remembered: nobody is asked again
        expect(other.table("Query 1").locator("th").first).to_have_text("euclid")
        expect(other.table("Query 1").locator("tbody tr")).to_have_count(2)


def test_a_chat_only_server_offers_one_that_embeds(person):
    person.opens("?server=demo-chat")
    expect(person.page.get_by_role("alert")).to_contain_text("demo-chat makes no vectors")
    person.is_still()
    person.page.get_by_role("button", name="demo-embed").click(timeout=30_000)
    expect(person.page.get_by_role("button", name="Embed", exact=True)).to_be_visible()
    expect(person.page.locator(".vi-line")).to_contain_text("demo-embed")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_a_narrow_window(browser, demo, dark):
    with window(browser, width=800, dark=dark) as page:
        person = VectorsPerson(page, demo.url).opens("?server=demo-embed&sample=Topics")
        person.embeds()
        expect(person.chart("vectors-plane").locator("svg").first).to_be_visible(timeout=COLD_START)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 800
        box = person.table("Nearest texts").bounding_box()
        assert box["width"] > 380
        shot(page, f"embeddings-800-{'dark' if dark else 'light'}")
