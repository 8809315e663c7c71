"""The texts that models are measured with: unrelated sentences, and pairs that differ in one thing.

Decided here: the unrelated sentences are about different things, within a language and across the
two, and share no telling word; so their scores are what a model gives for nothing in common. The
contrasts are what embeddings are known to be blind to (other meaning, nearly the same words) or
should see through (the same meaning, other words).
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

__all__ = ["BY_LANGUAGE", "CONTRASTS", "UNRELATED", "Contrast", "unrelated_like"]

BY_LANGUAGE = {
    "en": (
        "The shepherd counted his flock twice.",
        "Whisk the egg whites until they hold stiff peaks.",
        "Our landlord still has not repaired the boiler.",
        "A prime number has exactly two divisors.",
        "She tuned the cello before the rehearsal began.",
        "Glaciers carve valleys with a rounded floor.",
        "Wolves returned to the forest after a century.",
        "The goalkeeper was sent off in the second half.",
        "Interest on the loan is paid every quarter.",
        "Bees tell each other about flowers by dancing.",
        "The parliament rejected the new road tax.",
        "He sewed a patch onto the elbow of his jacket.",
        "Antibiotics do not help against a virus.",
        "Medieval monks copied books by candlelight.",
        "My sister is learning to ride a unicycle.",
        "Copper turns green out in the rain.",
        "How much does a parcel to Norway cost?",
        "The judge adjourned the trial until Monday.",
        "Plant the tulip bulbs before the first frost.",
        "The barber closes early on Wednesdays.",
        "Turn left after the petrol station, then go uphill.",
        "The novel is told by an unreliable narrator.",
        "Concrete needs a month to reach its full strength.",
        "Nobody laughed at the comedian's last joke.",
        "A backup is worthless until it has been restored once.",
        "The toddler refused to put on her shoes.",
        "Whales sleep with half of their brain awake.",
        "Guests threw confetti at the newly-weds.",
    ),
    "zh": (
        "这家面馆的辣椒油是老板自己熬的。",
        "飞机因为大雾推迟了三个小时起飞。",
        "水在高山上不到一百度就会沸腾。",
        "他把祖父留下的手表送去修理了。",
        "请在合同的最后一页签字盖章。",
        "熊猫一天到晚都在吃竹子。",
        "孩子们在操场上放风筝。",
        "清晨的公园里有人在打太极拳。",
        "这首唐诗写的是边塞将士的思乡之情。",
        "打印机卡纸了,谁会处理?",
        "牙医建议他每半年检查一次。",
        "茶叶要密封保存,不能受潮。",
        "考古队在沙漠里发现了一座古城。",
        "周末去爬山记得带雨衣。",
        "她的书法作品得了全国一等奖。",
        "电池快没电了,赶紧充电。",
        "石桥下面停着几只木船。",
        "太阳光到达地球大约需要八分钟。",
        "图书馆周一闭馆。",
        "他学了三年二胡,还是拉不好。",
        "地铁里禁止吃东西和大声喧哗。",
        "蚕吐出的丝可以织成绸缎。",
        "消防员从屋顶上救下一只小猫。",
        "台风过后,果园里的荔枝掉了一地。",
        "候鸟在秋天成群飞往温暖的南方。",
        "他给妻子买了一条珍珠项链。",
        "围棋的棋盘有三百六十一个交叉点。",
        "奶奶在阳台上种了两盆薄荷。",
    ),
}
"""Unrelated sentences: at least 300 pairs of each language."""

UNRELATED = BY_LANGUAGE["en"]
"""Those for texts of no known language; `unrelated_like` chooses by the texts."""

_LOOKED_AT = 1_000
_BEGINNING = 200
_FEW = 0.1
"""A language of fewer of the texts than this is not asked about."""


def unrelated_like(texts: Sequence[str]) -> tuple[str, ...]:
    """Unrelated sentences in the language, English or Chinese, of the texts; in both where mixed.

    A model that has not learnt Chinese finds all Chinese texts alike: one floor does not fit both.
    """
    looked_at = texts[:: max(1, len(texts) // _LOOKED_AT)]
    chinese = sum(map(_is_chinese, looked_at)) / max(1, len(looked_at))
    wanted = {"en": chinese < 1 - _FEW, "zh": chinese > _FEW}
    return tuple(chain.from_iterable(BY_LANGUAGE[one] for one, is_in in wanted.items() if is_in))


def _is_chinese(text: str) -> bool:
    """Is every third letter of its beginning, or more, a Chinese character?"""
    letters = [one for one in text[:_BEGINNING] if one.isalpha()]
    return 3 * sum("\u3400" <= one <= "\u9fff" for one in letters) >= len(letters) > 0


class Contrast(NamedTuple):
    """Two texts that differ in one thing; `same`: they mean the same."""

    kind: str
    one: str
    other: str
    same: bool


CONTRASTS = (
    Contrast("negation", "The patient has a fever.", "The patient has no fever.", same=False),
    Contrast(
        "negation", "The update fixed the leak.", "The update did not fix the leak.", same=False
    ),
    Contrast("negation", "Revenue rose last year.", "Revenue fell last year.", same=False),
    Contrast("negation", "这种药可以和酒一起服用。", "这种药不可以和酒一起服用。", same=False),
    Contrast("number", "The repair costs 20 euros.", "The repair costs 2,000 euros.", same=False),
    Contrast("number", "Take one tablet a day.", "Take ten tablets a day.", same=False),
    Contrast("number", "The meeting is on 3 May.", "The meeting is on 30 May.", same=False),
    Contrast("number", "会议定在下午三点。", "会议定在下午五点。", same=False),
    Contrast("entity swap", "Anna lent Boris her car.", "Boris lent Anna his car.", same=False),
    Contrast("entity swap", "The cat chased the dog.", "The dog chased the cat.", same=False),
    Contrast("entity swap", "Flights from Oslo to Rome.", "Flights from Rome to Oslo.", same=False),
    Contrast("entity swap", "小王把书借给了小李。", "小李把书借给了小王。", same=False),
    Contrast("language", "The library is closed today.", "图书馆今天不开门。", same=True),
    Contrast("language", "Where is the station?", "Wo ist der Bahnhof?", same=True),
    Contrast("language", "I would like a cup of tea.", "Je voudrais une tasse de thé.", same=True),
    Contrast("language", "The train is late again.", "El tren llega tarde otra vez.", same=True),
    Contrast("typo", "How do I reset my password?", "How do I rest my pasword?", same=True),
    Contrast("typo", "The weather is beautiful.", "The wether is beatiful.", same=True),
    Contrast("typo", "Book a table for tonight.", "Bok a tabel for tonite.", same=True),
    Contrast("typo", "请帮我重新安装系统。", "请帮我从新按装系统。", same=True),
    Contrast("case", "stop the server now", "STOP THE SERVER NOW", same=True),
    Contrast("case", "New York in autumn", "new york in autumn", same=True),
    Contrast("case", "read the manual first", "Read The Manual First", same=True),
    Contrast("paraphrase", "The film bored me.", "I found the movie dull.", same=True),
    Contrast("paraphrase", "He quit his job.", "He resigned from his position.", same=True),
    Contrast("paraphrase", "Can you help me?", "Would you give me a hand?", same=True),
    Contrast("paraphrase", "这道菜太咸了。", "这个菜盐放多了。", same=True),
)
"""Of each kind, three pairs or more."""
