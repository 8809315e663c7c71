"""Control: the routes that change a server. Nothing sends one unless its operator asked for that.

This module alone decides which they are. They are a type of their own, so that a client takes none
of them by mistake: only one that was made with `control=True` does. What hands a server over, and
what is no request, is known so that it can be told, and is never sent.
"""

from functools import partial

from lib.api.ways import Cost, Group, Known, Way

__all__ = ["Control", "Unsent"]

_DEVELOPING = "VLLM_SERVER_DEV_MODE=1 (not for production)"
_SLEEPING = f"--enable-sleep-mode and {_DEVELOPING}"
_PROFILING = "a profiler (--profiler-config; VLLM_TORCH_PROFILER_DIR up to 0.12)"
_ADAPTERS = "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"
_STORED = "VLLM_ENABLE_RESPONSES_API_STORE=1 and a model that generates text"
_GENERATING = "a server whose model generates text"
_SCALE_OUT = "--enable-scale-out"
_way = partial(Way, "POST", cost=Cost.CHANGES, seldom=True)
_change = partial(_way, needs=_DEVELOPING, since=(0, 16, 0))
_pause = partial(_change, needs=f"{_DEVELOPING}, but in 0.12 and 0.13 nothing", since=(0, 12, 0))


class Control(Known):
    """Every route by which an operator may change a server from here."""

    SLEEP = _way(
        "/sleep",
        Group.ADMINISTRATION,
        "puts the engine to sleep: its memory is freed, running requests end",
        since=(0, 7, 3),
        needs=_SLEEPING,
    )
    WAKE_UP = _way(
        "/wake_up",
        Group.ADMINISTRATION,
        "wakes the engine up",
        since=(0, 7, 3),
        needs=_SLEEPING,
    )
    RELEASE_CACHE = _way(
        "/release_kv_cache_memory",
        Group.ADMINISTRATION,
        "frees the memory of the KV cache",
        since=(0, 32, 0),
        needs=_SLEEPING,
    )
    RESET_PREFIX_CACHE = _way(
        "/reset_prefix_cache",
        Group.ADMINISTRATION,
        "forgets every cached prefix: the next prompts are computed anew",
        since=(0, 8, 5),
        needs=_DEVELOPING,
    )
    RESET_MM_CACHE = _change(
        "/reset_mm_cache", Group.ADMINISTRATION, "forgets every cached image and sound"
    )
    RESET_ENCODER_CACHE = _change(
        "/reset_encoder_cache", Group.ADMINISTRATION, "forgets what the encoder has cached"
    )
    PAUSE = _pause("/pause", Group.ADMINISTRATION, "stops generating: requests wait or end")
    RESUME = _pause("/resume", Group.ADMINISTRATION, "lets a paused engine go on")
    ABORT_REQUESTS = _change("/abort_requests", Group.ADMINISTRATION, "ends running requests")
    START_PROFILE = _way(
        "/start_profile",
        Group.ADMINISTRATION,
        "starts the profiler: everything gets slow and its disk fills",
        needs=_PROFILING,
    )
    STOP_PROFILE = _way(
        "/stop_profile", Group.ADMINISTRATION, "stops the profiler", needs=_PROFILING
    )
    SCALE = _way(
        "/scale_elastic_ep",
        Group.SCALING,
        "changes the number of engines; the server answers nothing meanwhile",
        since=(0, 10, 0),
        needs=_GENERATING,
    )
    LOAD_ADAPTER = _way(
        "/v1/load_lora_adapter",
        Group.MODELS,
        "loads an adapter (LoRA) and adds it to the models",
        needs=_ADAPTERS,
    )
    UNLOAD_ADAPTER = _way(
        "/v1/unload_lora_adapter",
        Group.MODELS,
        "takes an adapter (LoRA) from the models",
        needs=_ADAPTERS,
    )
    ADD_ADAPTER = _way(
        "/adapters",
        Group.MODELS,
        "loads an adapter (LoRA) as SageMaker asks for it",
        since=(0, 32, 0),
        needs=_ADAPTERS,
    )
    REMOVE_ADAPTER = Way(
        "DELETE",
        "/adapters/{adapter_name}",
        Group.MODELS,
        "takes away an adapter (LoRA) as SageMaker asks for it",
        since=(0, 32, 0),
        needs=_ADAPTERS,
        cost=Cost.CHANGES,
        seldom=True,
    )
    CANCEL_RESPONSE = _way(
        "/v1/responses/{response_id}/cancel",
        Group.GENERATION,
        "ends an answer that is made in the background",
        since=(0, 10, 0),
        needs=_STORED,
    )
    ABORT_GENERATE = _way(
        "/inference/v1/abort_requests",
        Group.GENERATION,
        "ends requests of /inference/v1/generate",
        since=(0, 32, 0),
        needs=_SCALE_OUT,
    )


class Unsent(Known):
    """Every route that is known and never sent: it hands the server over, or is no request."""

    COLLECTIVE_RPC = _change(
        "/collective_rpc", Group.DEVELOPMENT, "runs any method in the server's workers"
    )
    INIT_TRANSFER = _change(
        "/init_weight_transfer_engine", Group.DEVELOPMENT, "opens a way for other weights to come"
    )
    END_TRANSFER = _change(
        "/shutdown_weight_transfer_engine", Group.DEVELOPMENT, "closes the way for other weights"
    )
    START_UPDATE = _change(
        "/start_weight_update", Group.DEVELOPMENT, "begins to replace the model's weights"
    )
    START_DRAFT_UPDATE = _change(
        "/start_draft_weight_update", Group.DEVELOPMENT, "begins to replace the draft's weights"
    )
    UPDATE_WEIGHTS = _change(
        "/update_weights", Group.DEVELOPMENT, "replaces the model's weights by others"
    )
    FINISH_UPDATE = _change(
        "/finish_weight_update", Group.DEVELOPMENT, "ends a replacement of the weights"
    )
    UPDATE_VERSION = _change(
        "/update_weight_version", Group.DEVELOPMENT, "names the version of the weights"
    )
    CHECK_WEIGHTS = _change(
        "/weight_checker", Group.DEVELOPMENT, "compares or resets the weights for a test"
    )
    APPLY_FAULT = _way(
        "/fault_tolerance/apply",
        Group.ADMINISTRATION,
        "restores engines that were lost",
        since=(0, 28, 0),
        needs="--enable-fault-tolerance",
    )
    REALTIME = Way(
        "WS",
        "/v1/realtime",
        Group.AUDIO,
        "writes down speech as it comes, over a web socket",
        since=(0, 16, 0),
        needs="a model for realtime speech",
        cost=Cost.GPU,
        seldom=True,
    )
