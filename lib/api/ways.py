"""Ways: how a route of a server is described.

This module alone decides what is told of a route: method, path and group, what it gives, since
which release and with what, what an answer costs, and whose server has it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

__all__ = ["Cost", "Group", "Kind", "Known", "Method", "Version", "Way"]

Version = tuple[int, ...]
Method = Literal["GET", "POST", "DELETE", "WS"]


class Kind(Enum):
    """Whose server it is."""

    VLLM = "vLLM"
    TUTORIAL = "vLLM as a tutorial describes it"
    SGLANG = "SGLang"
    LLAMACPP = "llama.cpp"
    OTHER = "an OpenAI-compatible server"

    @property
    def is_vllm(self) -> bool:
        """Whether it is run as vLLM is: whether vLLM's releases and flags hold for it."""
        return self in (Kind.VLLM, Kind.TUTORIAL)


class Cost(Enum):
    """What an answer costs the server."""

    NOTHING = "nothing"
    CPU = "processor time"
    GPU = "GPU time"
    CHANGES = "changes the server"


class Group(Enum):
    """What routes are for, in the order in which they are shown."""

    SYSTEM = "System"
    TOKENIZER = "Tokenizer"
    MODELS = "Models"
    GENERATION = "Generation"
    EMBEDDINGS = "Embeddings and ranking"
    AUDIO = "Audio"
    SCALING = "Scaling"
    DEBUGGING = "Debugging"
    DEVELOPMENT = "Development mode"
    ADMINISTRATION = "Administration"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Way:
    """Method and path of a route, and what a person should know of it.

    Releases are those in which vLLM has the route at the latest (`since`).
    """

    method: Method
    path: str  # `{name}` stands for a part that the caller fills in
    group: Group
    what: str  # of what can be asked, completes "The route gives …"; of the rest, "The route …"
    kinds: tuple[Kind, ...] = (Kind.VLLM,)
    since: Version = ()  # vLLM releases before this one lack it
    needs: str = ""  # the flag, variable or model without which a vLLM server lacks it
    instead: str = ""  # where no vLLM release has it: what to use there
    cost: Cost = Cost.NOTHING
    form: bool = False  # it takes a form with a file instead of JSON
    page: bool = False  # it gives a web page
    shadowed: bool = False  # another route takes GET on its path
    seldom: bool = False  # whether a server has it is asked only for somebody who explores it


class Known(Enum):
    """Every route that is known: those that may be used, and those that may not."""

    _value_: Way

    @property
    def way(self) -> Way:
        return self._value_

    @property
    def method(self) -> Method:
        return self._value_.method

    @property
    def path(self) -> str:
        return self._value_.path

    @property
    def title(self) -> str:
        """Method and path in one line: its name in a link."""
        return f"{self._value_.method} {self._value_.path}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"
