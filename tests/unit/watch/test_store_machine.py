"""Whatever is appended, sealed, reopened or rolled back: nothing is lost, doubled or moved."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lib.metrics import Series
from lib.watch.history import History
from lib.watch.store import Store
from tests.support.ticks import LAYOUT, OTHER_LAYOUT, START, tick

TOKENS = Series("generation_tokens", "m", "0")
SERVERS = ("chat", "embed")


class StoreMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "history.sqlite"
        self.store = None
        self.kept = {server: [] for server in SERVERS}
        self.second = 0

    @initialize()
    def open(self):
        self.store = Store(self.path)

    @rule(
        server=st.sampled_from(SERVERS),
        count=st.integers(1, 200),
        failed=st.booleans(),
        of=st.sampled_from([LAYOUT, OTHER_LAYOUT]),
    )
    def append(self, server, count, failed, of):
        new = [
            tick(self.second + i, server=server, of=of, failed=failed and i % 3 == 0)
            for i in range(count)
        ]
        self.second += count
        self.store.append(new)
        self.kept[server] += new

    @rule(server=st.sampled_from(SERVERS), everything=st.booleans())
    def seal(self, server, everything):
        self.store.seal(server, everything=everything)

    @rule()
    def prune(self):
        self.store.prune(START + self.second)

    @rule()
    def close_and_open(self):
        self.store.close()
        self.store = Store(self.path)

    @rule()
    def leave_without_closing(self):
        self.store._db.close()  # what a killed process leaves: the log is not written back
        self.store = Store(self.path)

    @rule(server=st.sampled_from(SERVERS))
    def fail_in_the_middle(self, server):
        broken = tick(self.second, server=server)
        try:
            self.store.append([broken, object()])
        except AttributeError:
            return
        raise AssertionError("an object is no tick")

    @invariant()
    def every_tick_is_there_once_and_in_order(self):
        for server, kept in self.kept.items():
            found = History(self.path).window(server, START, START + self.second, "raw")
            assert found.times.tolist() == [one.at for one in kept]
            assert found.answered.tolist() == [one.sample is not None for one in kept]

    @invariant()
    def minutes_grow_as_the_ticks_do(self):
        for server in SERVERS:
            history = History(self.path)
            windows = [
                history.window(server, START, START + self.second, tier)
                for tier in ("raw", "minute")
            ]
            raw, minute = (w.values[w.answered][-1:].tolist() for w in windows)
            assert len(raw) == len(minute)
            if raw:
                token = windows[0].layout.column[TOKENS]
                assert raw[0][token] == minute[0][token]

    def teardown(self):
        if self.store is not None:
            self.store.close()
        shutil.rmtree(self.folder)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
