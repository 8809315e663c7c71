from lib.diagnosis import Context, diagnose
from lib.diagnosis.rules.engine import HUNG_AFTER
from lib.ui import doctor
from lib.ui.doctor import Doctor
from tests.unit.ui.scene import PAGE, Readings, moved, server


class Asked(Readings):
    def __init__(self):
        super().__init__(server(), [PAGE.encode()] * 60)
        self.questions = []

    def window(self, server, start, end):
        self.questions.append(end - start)
        first = self.ticks[0].at
        return super().window(server, first, self.ticks[-1].at)


def test_views_that_ask_at_once_share_one_answer(monkeypatch):
    monkeypatch.setattr(doctor, "PAGE_REMEMBERED", (600.0, 600.0))
    feed = Asked()
    one = Doctor(feed)
    answers = [one.full(server().id) for _ in range(20)]
    assert len(feed.questions) == 1
    assert all(answer is answers[0] for answer in answers)


def test_a_list_is_never_waited_for():
    feed = Asked()
    one = Doctor(feed)
    assert one.brief(server().id).fine == ()
    assert feed.questions == []
    one.walk([server().id])
    assert one.brief(server().id).fine


def test_a_round_ends_when_its_time_is_over(monkeypatch):
    monkeypatch.setattr(doctor, "ROUND_SECONDS", 0.0)
    feed = Asked()
    one = Doctor(feed)
    for reached in (1, 2, 3, 3):
        one.walk(["a", "b", "c"])
        assert len(feed.questions) == reached


def test_a_list_looks_back_for_when_things_began_if_nobody_looked_and_a_page_always(monkeypatch):
    monkeypatch.setattr(doctor, "REMEMBERED", (0.0, 0.0))
    feed = Asked()
    one = Doctor(feed)
    one.walk([server().id])
    one.walk([server().id])
    one.full(server().id)
    assert feed.questions == [doctor.FULL_SECONDS, doctor.BRIEF_SECONDS, doctor.FULL_SECONDS]
    monkeypatch.setattr(doctor, "CONTINUES", 0.0)
    one.walk([server().id])
    assert feed.questions[3:] == [doctor.FULL_SECONDS]


def test_a_finding_keeps_the_moment_it_was_first_seen(monkeypatch):
    full = PAGE.replace(
        next(line for line in PAGE.splitlines() if line.startswith("vllm:kv_cache_usage_perc{")),
        'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 1.0',
    )
    monkeypatch.setattr(doctor, "REMEMBERED", (0.0, 0.0))
    feed = Readings(server(), [moved(full, 1 + n / 100) for n in range(120)])
    one = Doctor(feed)
    feed.window = lambda name, _start, _end: Readings.window(
        feed, name, feed.ticks[feed.first].at, feed.ticks[feed.told - 1].at
    )
    feed.first = 0
    feed.tell(60)
    one.walk([server().id])
    first = one.brief(server().id).findings[0]
    feed.first = 50
    feed.tell(120)
    one.walk([server().id])
    later = one.brief(server().id).findings[0]
    assert later.rule == first.rule == "cache_full"
    assert later.since == first.since
    assert diagnose(feed.window(server().id, 0, 0)).findings[0].since > first.since


def test_a_diagnosis_is_given_what_else_is_known_of_the_server_for_its_depth(monkeypatch):
    monkeypatch.setattr(doctor, "REMEMBERED", (0.0, 0.0))
    asked = []

    def facts(server, depth):
        asked.append((server, depth))
        return Context(paused=True)

    feed, name = Asked(), server().id
    one = Doctor(feed, facts)
    one.walk([name])
    assert asked == [(name, doctor.BRIEF_SECONDS)]
    assert "asleep" in {finding.rule for finding in one.full(name).findings}
    assert asked[1:] == [(name, doctor.FULL_SECONDS)]
    assert one.brief(name).findings


def test_a_page_is_told_of_a_hang_within_half_a_minute_and_a_list_a_little_later(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(doctor.time, "monotonic", lambda: now[0])
    feed, name = Asked(), server().id
    one = Doctor(feed)
    one.full(name)
    one.walk([name])
    now[0] += 30.0 - HUNG_AFTER - 1.0
    one.full(name)
    one.walk([name])
    assert feed.questions.count(doctor.FULL_SECONDS) == 3
    assert doctor.BRIEF_SECONDS not in feed.questions
