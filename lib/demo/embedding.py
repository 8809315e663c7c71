"""`/v1/embeddings`, `/pooling`, `/score` and `/rerank`: a pooling server of the current release.

Each text is a request of its own in the simulated engine, which reads its tokens and makes none.
What is asked is read in `texts`, what comes out is decided in `hashed`.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lib.demo import texts, tokenizers
from lib.demo.bounds import whole
from lib.demo.demo import Demo
from lib.demo.hashed import Vector, hashed, unit
from lib.demo.replies import Fields, RefusalError, read_fields
from lib.demo.texts import Prompt
from lib.demo.visitors import LostError, Visitor, Visitors

__all__ = ["Embedding"]

BUSY = (
    "The engine is currently busy and cannot accept new requests. "
    "Please try again later or on a different instance."
)
LOST = "EngineCore encountered an issue. See stack trace (above) for the root cause."
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """Texts that the engine has read: their vectors as its model leaves them, and their tokens."""

    vectors: list[Vector]
    tokens: int

    @property
    def units(self) -> list[Vector]:
        return [unit(vector) for vector in self.vectors]


class Embedding:
    """The handlers, for one demo."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._visitors = Visitors(demo)

    async def embeddings(self, request: Request) -> Response:
        fields = await self._fields(request)
        write, size = texts.writer(fields), texts.dimensions(fields, self._demo.role)
        is_unit = fields.flag("use_activation", default=True)
        fields.check()
        read = await self._read(fields, texts.prompts(fields))
        vectors = [vector[:size] for vector in read.vectors]
        if is_unit:
            vectors = [unit(vector) for vector in vectors]
        rows = [{"object": "embedding", "embedding": write(vector)} for vector in vectors]
        return self._answer("embd", rows, read)

    async def pooling(self, request: Request) -> Response:
        fields = await self._fields(request)
        write = texts.writer(fields)
        texts.check_task(fields.body.get("task"))
        read = await self._read(fields, texts.prompts(fields))
        rows = [{"object": "pooling", "data": write(vector)} for vector in read.units]
        return self._answer("pooling", rows, read)

    async def score(self, request: Request) -> Response:
        fields = await self._fields(request)
        first, second = texts.pairs(fields)
        read = await self._read(fields, [*first, *second])
        sides = zip(read.units[: len(first)], read.units[len(first) :], strict=True)
        rows = [{"object": "score", "score": float(one @ other)} for one, other in sides]
        return self._answer("score", rows, read)

    async def rerank(self, request: Request) -> Response:
        fields = await self._fields(request)
        query, top = fields.text("query"), whole(fields.body, "top_n")
        fields.check()
        documents = texts.texts(fields, "documents")
        read = await self._read(fields, [query, *documents])
        asked, *others = read.units
        scores = [float(asked @ other) for other in others]
        order = sorted(range(len(documents)), key=lambda index: -scores[index])
        results = [
            {
                "index": index,
                "document": {"text": documents[index], "multi_modal": None},
                "relevance_score": scores[index],
            }
            for index in order[: top or None]
        ]
        usage = {"prompt_tokens": read.tokens, "total_tokens": read.tokens}
        head = {"id": f"score-{secrets.token_hex(8)}", "model": self._demo.role.model}
        return JSONResponse({**head, "usage": usage, "results": results})

    async def _fields(self, request: Request) -> Fields:
        fields = await read_fields(request)
        asked = fields.text("model", default="")
        fields.check()
        if asked not in ("", self._demo.role.model):
            message = f"The model `{asked}` does not exist."
            raise RefusalError(404, "NotFoundError", message, "model")
        return fields

    async def _read(self, fields: Fields, given: Sequence[Prompt]) -> Read:
        """Let the engine read texts, and wait until it has."""
        longest = texts.longest(fields, self._demo.role)
        prompts, vectors = await asyncio.to_thread(self._prepared, given, longest)
        await self._computed(prompts)
        await self._demo.answering()
        return Read(vectors, sum(map(len, prompts)))

    def _prepared(
        self, given: Sequence[Prompt], longest: int | None
    ) -> tuple[list[list[int]], list[Vector]]:
        """The tokens that are read, and what will come of them: of a cut text, of its rest."""
        role = self._demo.role
        tokenizer = tokenizers.load(role.tokenizer)
        prompts = [
            tokenizer.encode(one, add_special_tokens=True) if isinstance(one, str) else one
            for one in given
        ]
        prompts = [prompt[:longest] for prompt in prompts]
        for prompt in prompts:
            texts.check_prompt(prompt, role, tokenizer.size)
        seen = (tokenizer.decode(prompt).removeprefix("<s>") for prompt in prompts)
        return prompts, [hashed(text, role.dimensions) for text in seen]

    async def _computed(self, prompts: Sequence[Sequence[int]]) -> None:
        here: list[Visitor] = []
        try:
            for prompt in prompts:
                visitor = self._visitors.enter(prompt, (), 0)
                if visitor is None:
                    raise RefusalError(503, "Service Unavailable", BUSY)
                here.append(visitor)
            for visitor in here:
                await visitor.over()
        except LostError as error:
            raise RefusalError(500, "InternalServerError", LOST) from error
        finally:
            for visitor in here:
                self._visitors.leave(visitor)

    def _answer(self, kind: str, rows: Sequence[Body], read: Read) -> Response:
        usage = {
            "prompt_tokens": read.tokens,
            "total_tokens": read.tokens,
            "completion_tokens": 0,
            "prompt_tokens_details": None,
            "completion_tokens_details": None,
        }
        return JSONResponse(
            {
                "id": f"{kind}-{secrets.token_hex(8)}",
                "object": "list",
                "created": int(time.time()),
                "model": self._demo.role.model,
                "data": [{"index": index, **row} for index, row in enumerate(rows)],
                "usage": usage,
            }
        )
