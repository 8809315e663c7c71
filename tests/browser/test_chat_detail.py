"""One answer as a person sees it: where its time went, its tokens, the wire; answers side by side.

Texts and figures that no demo server gives are put into the scripts themselves, on a bare page of
the dashboard: same origin, same policy, same styles.
"""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat_person import ChatPerson
from tests.support.browsing import shot
from tests.support.hostile import TEXTS, images
from tests.support.waiting import until

LONG = "x" * 100_000
HOSTILE = (*TEXTS, *images("/pixel"), LONG, "\u202egnp.exe", "\ud83d", "\n", "", "a\u0301\u200b")
HARMFUL = "script, img, iframe, object, embed, video, audio, picture, link, base, form, a, style"
DETAIL = """window.detail = new module.AnswerDetail(
    { pickAlternative: (...what) => window.told.push(what) });
root.append(window.detail.element);
window.detail.update(data)"""
LANES = """window.lanes = new module.Lanes(root,
    { data, send: (name, act) => window.told.push([name, act]) })"""
SETTINGS = """window.settings = new module.Parameters(data, () => window.told.push("changed"));
root.append(window.settings.element)"""
PROSE = "root.append(module.draw(data))"
FIGURES = """panel => {
    const texts = (names) => [...panel.querySelectorAll(names)].map((one) => one.textContent);
    const values = texts(".va-values b");
    return Object.fromEntries(texts(".va-names > div > span").map((name, n) => [name, values[n]]));
}"""
"""The figures at the right of the timeline's rows, by their names."""


def answer(**changes):
    """An answer of four tokens in a second, with a pause before the last and a preemption in it."""
    marks = [0.2, 0.22, 0.24, 0.94]
    segments = ((0, 0.2, "wait"), (0.2, 0.24, "answer"), (0.24, 0.94, "pause"))
    looks = ((-0.4, 7), (0.3, 0), (0.9, 2), (1.9, 0), (2.9, 7))
    likely = zip(("The", " queue", " grows", "."), (0.95, 0.5, 0.2, 0.05), strict=True)
    fall = {
        "total": 1.0,
        "segments": [
            {"kind": kind, "from": start, "to": end, "words": f"{kind} of this one"}
            for start, end, kind in segments
        ],
        "marks": marks,
        "server": [
            {"at": at, "running": 3, "waiting": 0, "kv": 0.5, "preemptions": preempted}
            for at, preempted in looks
        ],
        "notes": [],
    }
    tokens = [
        {"text": text, "id": n, "p": p, "logprob": -1, "rank": 1 + (p < 0.3), "group": n}
        | {"top": [[" sure", 0.02, 70 + n], [text, p, n], [" untold", 0.01, None]]}
        for n, (text, p) in enumerate(likely)
    ]
    whole = {"node": "n", "waterfall": fall, "tokens": tokens, "request": "{}", "response": "{}"}
    whole |= {"events": [[at, f'data: {{"n": {n}}}'] for n, at in enumerate(marks)]}
    return whole | {"copies": [{"label": "curl", "text": "curl http://127.0.0.1"}]} | changes


def opens(page, name):
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel")


def value(panel, row):
    """The figure at the right of a row of the timeline."""
    names = panel.locator(".va-names > div > span").all_text_contents()
    return panel.locator(".va-values b").nth(names.index(row))


def timed(person, answer):
    """The answer, its details open, if it came bit by bit and its server was looked at meanwhile.

    What a dashboard that stood still has read at once has no length, and no figures beside it.
    """
    person.button(answer, "Details").click()
    panel = answer.get_by_role("tabpanel")
    phases = panel.get_by_role("list", name="Phases")
    expect(phases).to_be_visible()
    figures = panel.evaluate(FIGURES)
    has_figures = re.search(r"\d", figures.get("Running", ""))
    return answer if "Answer" in phases.inner_text() and has_figures else None


# ── Where the time went ──


def test_a_pause_stands_over_what_the_server_did_then(draws):
    panel = opens(draws("answer.js", DETAIL, answer()), "Timeline")
    expect(panel.get_by_role("list", name="Phases")).to_contain_text(re.compile("700.msPause"))
    expect(panel.get_by_role("img")).to_have_attribute("aria-label", re.compile("Pause 700.ms"))
    pause, preempted = (panel.locator(one).bounding_box() for one in (".va-band", ".va-preempted"))
    assert pause["x"] < preempted["x"] + preempted["width"] < pause["x"] + pause["width"]
    assert pause["y"] + pause["height"] > preempted["y"] + preempted["height"]
    expect(value(panel, "Preemptions")).to_have_text("2")
    expect(value(panel, "Running")).to_have_text("3")


def test_the_cursor_tells_what_was_at_that_moment(draws):
    page = draws("answer.js", DETAIL, answer())
    panel = opens(page, "Timeline")
    box = panel.locator(".va-plot").bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 80)
    expect(panel.locator(".va-readout")).to_have_text("pause of this one")
    expect(value(panel, "Token gaps")).to_have_text(re.compile("700.ms"))
    page.mouse.move(0, 0)
    expect(value(panel, "Token gaps")).to_have_text(re.compile("20.*ms"))
    panel.get_by_role("img").focus()
    page.keyboard.press("ArrowRight")
    expect(value(panel, "Phase")).to_have_text(re.compile("0[.]200.s"))


def test_a_part_is_looked_at_more_closely_and_left_again(draws):
    page = draws("answer.js", DETAIL, answer())
    panel = opens(page, "Timeline")
    wide = panel.locator(".va-band").bounding_box()["width"]
    box = panel.locator(".va-plot").bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 80)
    page.mouse.up()
    assert panel.locator(".va-band").bounding_box()["width"] > 1.5 * wide
    panel.get_by_role("img").focus()
    page.keyboard.press("Escape")
    assert panel.locator(".va-band").bounding_box()["width"] == pytest.approx(wide, abs=1)


def test_what_was_not_reported_is_a_gap_and_said_never_a_zero(draws):
    fall = answer()["waterfall"]
    nan = float("nan")
    fall["server"] = [
        {
            "at": n / 5,
            "running": nan if n == 2 else 4,
            "waiting": None,
            "kv": 0.5,
            "preemptions": nan,
        }
        for n in range(5)
    ]
    fall["marks"].append(None)
    panel = opens(draws("answer.js", DETAIL, answer(waterfall=fall)), "Timeline")
    line = panel.locator(".va-line[data-row=running]").get_attribute("d")
    assert line.count("M") == 2
    expect(panel).to_contain_text(
        "Not reported by this server in these seconds: Waiting, Preemptions."
    )
    assert "NaN" not in panel.inner_html()


def test_an_answer_of_which_nothing_came_has_sentences_instead_of_drawings(draws):
    empty = {"total": None, "segments": [], "marks": [], "server": [], "notes": []}
    nothing = answer(waterfall=empty, tokens=[], events=[], copies=[], request=None, response="")
    page = draws("answer.js", DETAIL, nothing)
    for name in ("Timeline", "Tokens", "Request", "Response", "Events", "Copy"):
        expect(opens(page, name)).to_contain_text(re.compile(r"\w.*[.]$"))


# ── Tokens ──


def test_a_token_tells_what_else_could_have_stood_there_and_is_branched_from(draws):
    page = draws("answer.js", DETAIL, answer())
    panel = opens(page, "Tokens")
    tokens = panel.locator(".va-tokens .va-token")
    assert tokens.evaluate_all("all => all.map((one) => one.dataset.level)") == list("0123")
    tokens.nth(2).hover()
    card = panel.get_by_role("dialog", name="Alternatives")
    expect(card).to_contain_text("token 3 of 4")
    expect(card.get_by_role("button", name="untold")).to_be_disabled()
    expect(card.get_by_role("button", name="grows")).to_be_disabled()
    card.get_by_role("button", name="sure").click()
    assert page.evaluate("window.told") == [[2, 72]]


def test_tokens_are_walked_by_keys_and_by_how_sure_the_model_was(draws):
    page = draws("answer.js", DETAIL, answer())
    panel = opens(page, "Tokens")
    card = panel.get_by_role("dialog", name="Alternatives")
    panel.get_by_role("button", name="< 10").click()
    expect(card).to_contain_text("token 4 of 4")
    panel.get_by_role("group", name="Tokens with probabilities").focus()
    page.keyboard.press("ArrowLeft")
    expect(card).to_contain_text("token 3 of 4")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.evaluate("window.told") == [[2, 72]]
    expect(card).to_be_hidden()


# ── The wire ──


def test_a_request_is_laid_out_without_a_changed_digit(draws):
    request = '{"seed":12345678901234567890,"ids":[1,2],"n":1.0,"messages":[{"role":"user"}]}'
    panel = opens(draws("answer.js", DETAIL, answer(request=request)), "Request")
    assert panel.locator("pre").text_content() == (
        '{\n  "seed": 12345678901234567890,\n  "ids": [1, 2],\n  "n": 1.0,\n'
        '  "messages": [\n    {\n      "role": "user"\n    }\n  ]\n}'
    )


def test_events_have_their_times_and_unfold(draws):
    panel = opens(draws("answer.js", DETAIL, answer()), "Events")
    rows = panel.locator("tbody tr")
    expect(rows.nth(3)).to_contain_text(re.compile("0[.]940.s700.ms"))
    expect(rows.nth(3).locator("td").nth(1)).to_have_attribute("data-tone", "watch")
    rows.nth(3).click()
    expect(rows.nth(3)).to_have_attribute("aria-expanded", "true")
    expect(rows.nth(3)).to_contain_text('"n": 3')


# ── On the page, of a demo server's answer ──


def test_a_person_opens_an_answer_and_goes_on_from_another_token(page, demo):
    person = ChatPerson(page, demo.url).opens("?server=demo-chat&max=40&logprobs=5")
    first = until(lambda: timed(person, person.hears("Why does a queue grow?")), 60)
    panel = first.get_by_role("tabpanel")
    shot(page, "chat-timeline")
    opens(page, "Tokens")
    tokens = panel.locator(".va-tokens .va-token:not([data-apart])")
    pieces = [one.replace("↵", "") for one in tokens.all_text_contents()]
    said = person.text(first).inner_text()
    unmarked = str.maketrans("", "", "`*")  # the answer is drawn as Markdown, its tokens are not
    assert "".join(pieces).translate(unmarked).split() == said.translate(unmarked).split()
    tokens.nth(4).hover()
    card = panel.get_by_role("dialog", name="Alternatives")
    expect(card).to_be_visible()
    tokens.nth(4).click()  # it stays, also where the page moves under the pointer
    expect(panel.locator('.va-token[data-lit="held"]')).to_be_visible()
    other = card.locator("button:enabled").first
    word = other.locator("bdi").inner_text().replace("·", " ")
    shot(page, "chat-tokens")
    other.click()
    expect(first).to_contain_text("2 of 2")
    person.stands(first)
    begins = " ".join(("".join(pieces[:4]) + word).split())
    expect(person.text(first)).to_contain_text(re.compile(f"^{re.escape(begins)}"))


def test_a_person_asks_two_lanes_at_once_and_sees_where_they_part(page, demo):
    person = ChatPerson(page, demo.url).opens("?server=demo-chat&max=24")
    side = page.get_by_role("region", name="Side by side")
    first, second = (side.get_by_role("region", name=f"Lane {letter}") for letter in "AB")
    expect(second).to_be_visible(timeout=20_000)
    second.get_by_role("textbox").fill("temperature hot")
    expect(second.get_by_role("alert")).to_have_text(re.compile(r"\w"))
    expect(side.get_by_role("button", name="Ask all")).to_be_disabled()
    second.get_by_role("textbox").fill("temperature 0, max tokens 8")
    expect(second.get_by_role("alert")).to_be_hidden()
    side.get_by_role("button", name="Ask all").dblclick()
    figures = side.get_by_role("table", name="Figures side by side")
    expect(figures.get_by_role("row", name=re.compile("^Answer"))).to_contain_text(
        re.compile("24.*8"), timeout=60_000
    )
    for lane in (first, second):
        expect(lane).to_contain_text("done")
    expect(side.get_by_role("region", name="Differences")).to_be_visible()
    assert person.turns.count() == 0
    shot(page, "chat-lanes")


# ── What means harm ──


def test_a_hostile_answer_is_text_in_every_part(draws):
    tokens = [
        {"text": text, "id": n, "p": 0.3, "logprob": -1, "rank": 2, "group": None}
        | {"top": [[text, 0.3, n], [f"{text}!", 0.6, 5]]}
        for n, text in enumerate(HOSTILE)
    ]
    fall = answer()["waterfall"]
    fall["segments"] = [{"kind": one, "from": 0, "to": 1, "words": one} for one in TEXTS]
    fall["notes"] = [*TEXTS, {"tone": TEXTS[5], "text": TEXTS[0]}]
    told = json.dumps({one: [one, {one: LONG}] for one in HOSTILE})
    hostile = answer(
        waterfall=fall,
        tokens=tokens,
        remarks=list(TEXTS),
        request=told,
        response="\n".join(HOSTILE),
        events=[[0.1 * n, one] for n, one in enumerate(HOSTILE)],
        copies=[{"label": one, "text": one} for one in HOSTILE],
    )
    page = draws("answer.js", DETAIL, hostile)
    for name in ("Timeline", "Tokens", "Request", "Response", "Events", "Copy"):
        panel = opens(page, name)
        expect(panel).to_contain_text("<script>alert(1)</script>")
        assert panel.locator(HARMFUL).count() == 0
    opens(page, "Tokens").locator(".va-tokens .va-token").first.click()
    assert page.get_by_role("dialog").locator(HARMFUL).count() == 0
    assert "\u202e" not in opens(page, "Copy").inner_text()


def test_markdown_makes_allowed_elements_and_nothing_else(draws):
    inside = [
        [tag, {"src": "/pixel", "onclick": "alert(1)", "style": "x"}, *HOSTILE[:3]]
        for tag in ("script", "img", "a", "iframe", "style", "constructor", "__proto__")
    ]
    deep = "deep"
    for _ in range(500):
        deep = ["blockquote", {}, deep]
    code = ["pre", {}, ["code", {"class": "language-python"}, "print(1)\n"]]
    table = ["table", {}, ["tbody", {}, ["tr", {}, ["td", {"align": "right"}, "1"]]]]
    prose = [["h1", {"id": "x"}, "Title"], ["p", {}, *inside], code, table, deep]
    page = draws("markdown.js", PROSE, prose)
    root = page.locator(".va-prose")
    assert root.locator(HARMFUL).count() == 0
    names = root.evaluate(
        "one => [...one.querySelectorAll('*')].flatMap((all) => [...all.attributes])"
        ".map((attribute) => attribute.name)"
    )
    assert not {"src", "onclick", "style", "href", "id"} & set(names)
    expect(root.get_by_role("heading", level=3)).to_have_text("Title")
    expect(root.locator("pre")).to_have_text("print(1)\n")
    expect(root).to_contain_text("deep")


# ── Side by side ──


def side(**changes):
    lanes = [{"server": name, "model": "m", "overrides": "", "problem": ""} for name in "ab"]
    servers = [{"name": name, "models": ["m"]} for name in "ab"]
    data = {"lanes": lanes, "servers": servers, "runs": [], "figures": None, "diff": None}
    return data | {"words": "", "text": "Why?", "seq": 0, "ticket": "t", "stream": "x"} | changes


def test_answers_stand_side_by_side_with_their_figures_and_differences(draws):
    runs = [
        {"run": name, "state": state, "text": text, "figures": [], "trouble": trouble}
        for name, state, text, trouble in (
            ("1", "done", HOSTILE[1], ""),
            ("2", "failed", LONG, "The server stopped in the middle of the answer."),
        )
    ]
    figures = {"header": ["", "A", "B"], "rows": [["TTFT", "12 ms", "–"]]}
    diff = [["same", "One "], ["out", HOSTILE[0]], ["in", "b"]]
    page = draws("lanes.js", LANES, side(runs=runs, figures=figures, diff=diff))
    first, second = (page.get_by_role("region", name=f"Lane {letter}") for letter in "AB")
    expect(first).to_contain_text(HOSTILE[1])
    expect(second).to_contain_text("stopped in the middle")
    expect(page.get_by_role("table", name="Figures side by side")).to_contain_text("12 ms")
    expect(page.get_by_role("region", name="Differences").locator("p.va-diff").last).to_have_text(
        f"One {HOSTILE[0]}b"
    )
    assert page.locator(".va-side").locator(HARMFUL).count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_double_click_asks_once_and_a_problem_keeps_from_asking(draws):
    page = draws("lanes.js", LANES, side(stream="inspector/nowhere"))
    page.evaluate("() => { window.EventSource = class { addEventListener() {} close() {} }; }")
    page.get_by_role("button", name="Ask all").dblclick()
    told = page.evaluate("window.told.map(([, act]) => act)")
    acts = list({act["seq"]: act for act in told}.values())  # one is told again until it is read
    assert [act["kind"] for act in acts] == ["run"]
    assert len(set(acts[0]["runs"])) == 2
    assert acts[0]["text"] == "Why?"
    lanes = side()["lanes"]
    lanes[1] |= {"overrides": "temperature x", "problem": "temperature: x is not a number."}
    page = draws("lanes.js", LANES, side(lanes=lanes))
    expect(page.get_by_role("button", name="Ask all")).to_be_disabled()
    expect(page.get_by_role("alert").filter(has_text="not a number")).to_be_visible()


def test_who_types_in_a_lane_is_not_interrupted_by_what_the_script_says(draws):
    page = draws("lanes.js", LANES, side())
    field = page.get_by_role("region", name="Lane B").get_by_role("textbox")
    field.fill("temper")  # at once: it is told after a pause in typing, which may come early
    until(lambda: page.evaluate("window.told.length"))
    said = side(words="Read.", seq=2**52, lanes=[*side()["lanes"], side()["lanes"][0]])
    page.evaluate("said => window.lanes.update(said)", said)
    expect(page.get_by_role("region", name="Lane C")).to_be_visible()
    expect(field).to_be_focused()
    page.keyboard.type("ature 0")
    expect(field).to_have_value("temperature 0")


# ── Settings ──


def parameter(name, **changes):
    whole = {"name": name, "label": name, "group": "Sampling", "kind": "number", "least": 0}
    return whole | {"most": 2, "step": 0.1, "default": "", "tip": "T.", "choices": []} | changes


def test_who_types_in_a_setting_is_not_interrupted_when_the_server_describes_itself(draws):
    first = [parameter("temperature"), parameter("top_p"), parameter("stop", kind="list")]
    page = draws("parameters.js", SETTINGS, {"parameters": first, "settings": {}})
    field = page.get_by_label("top_p", exact=True)
    page.get_by_label("temperature", exact=True).fill("0.5")
    field.press_sequentially("0")
    after = [
        parameter("seed", kind="integer", group="More"),
        parameter("min_p"),
        parameter("top_p", default="0.95", tip="Another."),
        parameter("temperature", most=1),
        parameter("stop", kind="text"),
    ]
    told = {"parameters": after, "problems": {"top_p": "Not so."}, "mode": "chat"}
    page.evaluate("told => window.settings.know(told)", told)
    expect(field).to_be_focused()
    page.keyboard.type(".9")
    expect(field).to_have_value("0.9")
    expect(field).to_have_attribute("placeholder", "0.95")
    names = page.locator(".vc-parameter input, .vc-parameter textarea").evaluate_all(
        "all => all.map((one) => [one.tagName, one.ariaLabel])"
    )
    assert [name for _, name in names] == ["seed", "min_p", "top_p", "temperature", "stop"]
    assert {tag for tag, _ in names} == {"INPUT"}
    expect(page.get_by_text("Not so.")).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(field).to_have_value("1")
    page.get_by_label("temperature", exact=True).press("Shift+ArrowUp")
    expect(page.get_by_label("temperature", exact=True)).to_have_value("1")
    asked = page.evaluate("window.settings.read().parameters")
    assert asked == {"top_p": "1", "temperature": "1"}
