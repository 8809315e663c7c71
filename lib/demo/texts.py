"""What a request to a pooling server asks, checked in vLLM's order and refused in its words."""

import base64
from collections.abc import Callable, Sequence

from lib.demo.hashed import Vector
from lib.demo.replies import Fields, RefusalError, refusal, wrong_type
from lib.demo.roles import Role

__all__ = [
    "NO_TEMPLATE",
    "Prompt",
    "check_prompt",
    "check_task",
    "dimensions",
    "longest",
    "pairs",
    "prompts",
    "texts",
    "writer",
]

Prompt = str | list[int]
"""A text, or the tokens of one."""

NO_TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a "
    "chat template if the tokenizer does not define one."
)
TASKS = "'embed', 'classify', 'token_embed', 'token_classify', 'plugin' or 'embed&token_classify'"


def prompts(fields: Fields) -> list[Prompt]:
    """The `input`: a text, texts, the tokens of a text, or of many."""
    given = fields.body.get("input")
    if given is None:
        if "messages" in fields.body:
            raise _bad(NO_TEMPLATE)
        fields.missing("input", "messages")
        fields.check()
    listed = [given] if isinstance(given, str) or _is_prompt(given) else given
    if not isinstance(listed, list):
        raise wrong_type("input", "list", given)
    if not listed:
        raise _bad("You must pass at least one prompt")
    if all(isinstance(one, str) for one in listed):
        return _whole(listed)
    if not all(map(_is_prompt, listed)):
        raise wrong_type("input.0", "string", listed[0])
    return listed


def _is_prompt(value: object) -> bool:
    """Whether it is a list of tokens."""
    return isinstance(value, list) and value != [] and all(type(one) is int for one in value)


def texts(fields: Fields, name: str) -> list[Prompt]:
    """The texts of a field: one, or a list of them."""
    given = fields.body.get(name)
    if given is None:
        fields.missing(name)
        fields.check()
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise wrong_type(name, "string", given)
    if not listed:
        raise _bad("At least one text_pair element must be given")
    return _whole(listed)


def pairs(fields: Fields) -> tuple[list[Prompt], list[Prompt]]:
    """Both sides of a score: one text with each of the others, or text by text."""
    names = ("text_1", "text_2") if "text_1" in fields.body else ("queries", "documents")
    first, second = (texts(fields, name) for name in names)
    if len(first) not in (1, len(second)):
        raise _bad("Input lengths must be either 1:1, 1:N or N:N")
    return first * (len(second) // len(first)), second


def writer(fields: Fields) -> Callable[[Vector], list[float] | str]:
    """How vectors are written: as numbers, or as base64 of little-endian float32."""
    form = fields.body.get("encoding_format", "float")
    if form == "base64":
        return lambda vector: base64.b64encode(vector.astype("<f4").tobytes()).decode()
    if form != "float":
        raise refusal("Input should be 'float' or 'base64'", "encoding_format", form)
    return lambda vector: [float(number) for number in vector]


def dimensions(fields: Fields, role: Role) -> int:
    """How many numbers of each vector are wanted."""
    asked = fields.body.get("dimensions")
    if asked is None:
        return role.dimensions
    if type(asked) is not int:
        raise wrong_type("dimensions", "integer", asked)
    if not role.matryoshka:
        raise _bad(
            f"Model '{role.model}' does not support Matryoshka embeddings; dimensions must be "
            f"unset (received dimensions={asked})."
        )
    if not 0 < asked <= role.dimensions:
        raise _bad(f"dimensions must be in [1, {role.dimensions}], got {asked}.")
    return asked


def longest(fields: Fields, role: Role) -> int | None:
    """To how many tokens a text is cut; None: to none, a longer one is refused."""
    asked, most = fields.body.get("truncate_prompt_tokens"), role.limits.max_model_len
    if asked is None:
        return None
    if type(asked) is not int:
        raise wrong_type("truncate_prompt_tokens", "integer", asked)
    if asked > most:
        raise _bad(
            "truncate_prompt_tokens value is greater than max_model_len. "
            "Please request a smaller truncation size."
        )
    return most if asked < 0 else asked


def check_prompt(prompt: Sequence[int], role: Role, vocabulary: int) -> None:
    """Refuse tokens that the model can't read."""
    most = role.limits.max_model_len
    if not prompt:
        raise _bad("The decoder prompt cannot be empty")
    if len(prompt) > most:
        # The real one stops counting there.
        message = (
            f"This model's maximum context length is {most} tokens. However, your prompt "
            f"contains at least {most + 1} input tokens, which exceeds this limit even "
            "without any output tokens. Please reduce the length of the input prompt."
        )
        raise refusal(message, "input_tokens", most + 1)
    unknown = next((token for token in prompt if not 0 <= token < vocabulary), None)
    if unknown is not None:
        raise _bad(f"Token id {unknown} is out of vocabulary")


def check_task(task: object) -> None:
    """Refuse what `/pooling` cannot do here: each token's own vector takes another start."""
    if task in (None, "embed"):
        return
    if task == "token_embed":
        message = "Try switching the model's pooling_task via --pooler-config.task token_embed."
        raise refusal(message, "task")
    if task in ("classify", "token_classify", "plugin", "embed&token_classify"):
        message = f"Unsupported task: {task!r} Supported tasks: ['embed', 'token_embed']"
        raise refusal(message, "task")
    raise refusal(f"Input should be {TASKS}", "task", task)


def _whole(given: Sequence[str]) -> list[Prompt]:
    """Refuse halves of characters, which JSON can name and no text can hold."""
    try:
        "".join(given).encode()
    except UnicodeEncodeError as error:
        raise RefusalError(400, "Bad Request", "There was an error parsing the body") from error
    return list(given)


def _bad(message: str) -> RefusalError:
    return RefusalError(400, "BadRequestError", message)
