"""What the demo's models say: short prose about serving language models, in English or Chinese.

The same topic, beginning and dice give the same text. An answer that was cut inside a sentence is
taken up where it was cut, as a model would. What is asked to be repeated or counted is.
"""

import random
import re
from collections.abc import Iterator

__all__ = ["ENGLISH", "answer", "thoughts"]

ENGLISH = (
    "A server computes all requests together, and each step gives every one its next token.",
    "The first token takes longest, because the whole prompt has to be computed before it.",
    "After that the pace depends on how many others sit in the same batch.",
    "The KV cache is handed out in blocks, so a long context costs memory even while nobody reads.",
    "When the blocks run out, the scheduler preempts the newest request and computes it later.",
    "A prompt that begins like an earlier one finds its blocks in the prefix cache.",
    "Long prompts are cut into chunks, so that they do not hold up everybody else.",
    "A full queue is no fault in itself; a queue that never empties is.",
    "Watch the waiting requests first, then the KV cache, and only then the latency.",
    "Averages hide the slow ones: the 95th percentile says what people feel.",
    "More seats in the batch raise the throughput and lower the speed of each answer.",
    "Weights are read once per step, whoever asks, which is why a batch is cheap.",
    "If the answers stop but the server still accepts requests, look at its step counter.",
    "A restart sets every counter to zero, so rates need two readings from the same life.",
    "Lowering `max_tokens` is the kindest thing a client can do for its neighbours.",
    "Nothing here was computed by a real model: this is a demo that obeys a real scheduler.",
)
LIST = (
    "\n\nThree things to check:\n\n"
    "- **Queue**: how many wait, and for how long.\n"
    "- **Cache**: how full it is, and how often requests are preempted.\n"
    "- **Pace**: the time from one token to the next.\n\n"
)
CODE = (
    "\n\nOne way to look:\n\n```bash\ncurl -s localhost:8000/metrics | grep num_requests\n```\n\n"
)
CHINESE = (
    "服务器把所有请求放在一起计算,每一步都为每个正在运行的请求生成下一个词元。",
    "第一个词元最慢,因为在它之前必须先计算整个提示。",
    "之后的速度取决于同一批里有多少其他请求。",
    "KV 缓存按块分配,每块十六个词元,所以长上下文一直占用显存。",
    "当块用完时,调度器会抢占最新的请求,稍后重新计算。",
    "如果提示的开头与之前的相同,前缀缓存会让它更快开始。",
    "先看等待的请求,再看 KV 缓存,最后才看延迟。",
    "平均值会掩盖慢的请求:第九十五百分位才是人们的感受。",
    "批次越大,总吞吐越高,但每个回答会变慢。",
    "这里没有真正的模型:这是一个遵循真实调度器的演示。",
)
CJK = re.compile(r"[\u3400-\u9fff]")
EMOJI = re.compile(r"[\U0001F000-\U0001FAFF\u2600-\u27BF\u200D\uFE0F]+")
REPEAT = re.compile(
    r"\b(?:repeat|say|echo|output|write|answer|reply)\b[^:\"“\n]{0,60}?"
    r"(?::?\s*[\"“](.+?)[\"”][.!]?|:\s*(.+?))\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
COUNT = re.compile(r"\bcount\b.*?(\d+)\D+(\d{1,3})\b", re.IGNORECASE | re.DOTALL)
LONGEST_ECHO = 2000
ENDS = " ?.!,;:\u3002\uff1f\uff01"
TOPIC_WORDS = 8
LOOK_AFTER = 1
"""After this sentence a list or some code may come."""


def answer(topic: str, opening: str, dice: random.Random, *, sentences: int | None = None) -> str:
    """What is said to a topic, after what has been said already (`opening`).

    Without a number of sentences it is as long as the dice have it, or as short as what was asked.
    """
    if sentences is None and not opening and (asked := _asked_for(topic)):
        return asked
    count = sentences or dice.randint(3, 6)
    lines = _lines(topic, dice, opening)
    return "".join(line for line, _ in zip(lines, range(count), strict=False)).rstrip()


def report(result: str, topic: str, dice: random.Random) -> str:
    """What is said once a tool has given its result."""
    short = " ".join(result.split())[:200]
    said = "工具的结果是“{}”。" if CJK.search(topic) else "The tool says: {}. "
    return said.format(short.rstrip(ENDS)) + next(_sentences(topic, dice))


def thoughts(topic: str, dice: random.Random, *, effort: str) -> str:
    """What goes through a mind before the answer."""
    count = {"minimal": 0, "low": 1, "high": 6, "xhigh": 8, "max": 10}.get(effort, 2)
    chinese = bool(CJK.search(topic))
    words = ("首先:", "然后:", "") if chinese else ("First: ", "Then: ", " ")
    about = "问题是“{}”。" if chinese else 'The question is about "{}".'
    lines = [line for line, _ in zip(_sentences(topic, dice), range(count), strict=False)]
    said = [words[place > 0] + line for place, line in enumerate(lines)]
    if topic.strip() or not said:
        said.insert(0, about.format(_short(topic)))
    return words[2].join(said)


def _asked_for(topic: str) -> str:
    """The very text that is asked for, if one is."""
    if found := REPEAT.search(topic):
        return (found.group(1) or found.group(2))[:LONGEST_ECHO]
    if found := COUNT.search(topic):
        first, last = int(found.group(1)), int(found.group(2))
        return ", ".join(str(number) for number in range(first, last + 1)) if first < last else ""
    return ""


def _lines(topic: str, dice: random.Random, opening: str) -> Iterator[str]:
    """What is said, piece by piece and without end, each with the space that goes before it."""
    chinese = bool(CJK.search(opening or topic))
    gap = "" if chinese else " "
    sentences = _sentences(opening or topic, dice)
    if opening:
        rest = _rest(opening, CHINESE if chinese else ENGLISH)
        yield rest or ("" if opening[-1:].isspace() else gap) + next(sentences)
    else:
        yield _beginning(topic, chinese=chinese)
    for place, line in enumerate(sentences):
        yield gap + line
        if place == LOOK_AFTER and not chinese and (extra := dice.choice(("", LIST, CODE))):
            yield extra


def _sentences(topic: str, dice: random.Random) -> Iterator[str]:
    """Sentences in the language of a topic, all of them before one comes again."""
    pool = list(CHINESE if CJK.search(topic) else ENGLISH)
    while True:
        dice.shuffle(pool)
        yield from pool


def _beginning(topic: str, *, chinese: bool) -> str:
    emoji = "".join(EMOJI.findall(topic))[:12]
    short = _short(topic)
    if chinese:
        return f"关于“{short}”{emoji}:"
    return f"About “{short}”{' ' if emoji else ''}{emoji}:" if short else "In short:"


def _short(topic: str) -> str:
    """The first words of a topic, on one line."""
    words = EMOJI.sub("", topic).split()
    short = " ".join(words[:TOPIC_WORDS])[:60].rstrip(ENDS)
    return short + ("…" if len(words) > TOPIC_WORDS else "")


def _rest(opening: str, pool: tuple[str, ...]) -> str:
    """The rest of the sentence in which what was said breaks off; empty between two sentences."""
    tail = opening[-200:]
    for line in pool:
        for length in range(min(len(line) - 1, len(tail)), 3, -1):
            if tail.endswith(line[:length]):
                return line[length:]
    if re.search(r"\w\Z", tail) and not CJK.search(tail):
        return " and so the batch stays full."
    return ""
