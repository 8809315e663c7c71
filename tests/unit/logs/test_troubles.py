"""Each row of the table of troubles explains the line that it was written for."""

import pytest

from lib.logs import read_log, remarks
from lib.logs.entry import Entry
from lib.logs.troubles import Gravity, trouble_of, troubles

LINES = {
    "The longest request does not fit into the KV cache": (
        (
            "ValueError: To serve at least one request with the model's max seq len (13107), (16.00"
            " GiB KV cache is needed, which is larger than the available KV cache memory (7.1 GiB)."
        ),
        (
            "ValueError: The model's max seq len (131072) is larger than the maximum number of"
            " tokens that can be stored in KV cache (20480). Try increasing it"
        ),
    ),
    "No memory left for the KV cache": (
        "ValueError: No available memory for the cache blocks. Try increasing",
    ),
    "The device has less free memory than the server asks for": (
        (
            "ValueError: Free memory on device cuda:0 (2.1/79.15 GiB) on startup is less than"
            " desired GPU memory utilization (0.9, 71.24 GiB). Decrease GPU memory utilization"
        ),
    ),
    "Another process changed the device's memory during the start": (
        (
            "AssertionError: Error in memory profiling. Initial free memory 5.0 GiB, current free"
            " memory 9.0 GiB."
        ),
    ),
    "Out of device memory": (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "torch.cuda.OutOfMemoryError: HIP out of memory.",
    ),
    "Main memory ran out": (
        "Memory cgroup out of memory: oom-kill:constraint=CONSTRAINT_MEMCG",
        "Last state: terminated, reason: OOMKilled",
    ),
    "No main memory was to be had": (
        "RuntimeError: [enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate",
    ),
    "Shared memory is too small": (
        "RuntimeError: unable to write to file </torch_7> No space left on device: '/dev/shm/x'",
        "Bus error (core dumped)",
    ),
    "A request was preempted": (
        (
            "Sequence group cmpl-1 is preempted by PreemptionMode.RECOMPUTE mode because there is"
            " not enough KV cache space."
        ),
    ),
    "Swap space is large or not used": ("Possibly too large swap space. 8.00 GiB out of the",),
    "The port is taken": (
        "OSError: [Errno 98] Address already in use",
        "[Errno 98] error while attempting to bind on address ('0.0.0.0', 8000)",
    ),
    "The devices cannot talk to each other (NCCL)": (
        "RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details)",
        "torch.distributed.DistBackendError: ncclSystemError: System call failed",
    ),
    "The driver does not fit the CUDA release": (
        "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
    ),
    "No device was found": (
        "RuntimeError: Failed to infer device type, please set the environment variable",
        "RuntimeError: No CUDA GPUs are available",
    ),
    "Data types that this GPU cannot compute": (
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0.",
    ),
    "More devices are asked for than there are": (
        (
            "ValueError: Total number of attention heads (28) must be divisible by tensor parallel"
            " size (8)."
        ),
        "ValueError: The number of required GPUs exceeds the total number of available GPUs",
    ),
    "The GPU failed while it computed": (
        "RuntimeError: CUDA error: an illegal memory access was encountered",
    ),
    "Direct links between the GPUs are not used": (
        "Custom allreduce is disabled because it's not supported on more than two PCIe-only GPUs.",
    ),
    "The model wants a key of the hub": (
        "OSError: You are trying to access a gated repo. Make sure to have access to it at",
        "401 Client Error: Unauthorized for url: https://huggingface.co/meta-llama/x",
    ),
    "The model was not found": (
        "OSError: meta/nope is not a local folder and is not a valid model identifier listed on",
        "Invalid repository ID or local directory specified: '/models/none'.",
    ),
    "The hub cannot be reached": (
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files",
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find a cached snapshot",
    ),
    "This release does not know the model's kind": (
        "ValueError: Model architectures ['FooForCausalLM'] are not supported for now.",
        (
            "The checkpoint you are trying to load has model type `foo` but Transformers does not"
            " recognize this architecture."
        ),
    ),
    "The weights do not fit the model": (
        "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge",
        "KeyError: 'layers.0.mlp.experts.w2_weight'",
    ),
    "The model's own code must be allowed": (
        "ValueError: Loading x requires you to execute the configuration file in that repo",
    ),
    "max_model_len is more than the model was made for": (
        (
            "ValueError: User-specified max_model_len (200000) is greater than the derived"
            " max_model_len (max_position_embeddings=131072.0)"
        ),
    ),
    "There is no chat template": (
        (
            "As of transformers v4.44, default chat template is no longer allowed, so you must"
            " provide a chat template"
        ),
    ),
    "The tokenizer is slow or split wrongly": (
        "Using a slow tokenizer. This might cause a significant slowdown.",
        "The tokenizer you are loading from 'x' with an incorrect regex pattern: y",
    ),
    "An argument that this release does not know": (
        "vllm: error: unrecognized arguments: --enable-rca",
        "api_server.py: error: argument --dtype: invalid choice: 'int3'",
    ),
    "Something in use will go away": (
        "DeprecationWarning: `vllm.entrypoints.openai.api_server` is deprecated",
        "argument 'task' is deprecated and will be removed in v0.13.0.",
    ),
    "An environment variable that vLLM does not know": (
        "Unknown vLLM environment variable detected: VLLM_PORT_8000_TCP",
    ),
    "Routes are open that should not be": (
        "SECURITY WARNING: Development endpoints are enabled! This should NOT be used in prod",
        "LoRA dynamic loading is enabled in it. This should ONLY be used for local development!",
        "VLLM_SERVER_DEV_MODE is set",
    ),
    "No CUDA graphs and no compilation": (
        "Enforce eager set, disabling torch.compile, CUDAGraphs",
        "Cudagraph is disabled under eager mode",
    ),
    "A slower implementation of attention": (
        "Cannot use FlashAttention-2 backend for Volta and Turing GPUs.",
    ),
    "No tuned kernels for this GPU": (
        "Using default MoE config. Performance might be sub-optimal! Config file not found at x",
    ),
    "Several processes share few cores": (
        "Reducing Torch parallelism from 64 threads to 1 to avoid unnecessary CPU contention.",
    ),
    "A library that would make a CPU faster is missing": (
        "libtcmalloc is not found in LD_PRELOAD. For best performance,",
        "Triton is installed, but doesn't include CPU backend. Disabling Triton.",
    ),
    "Few open files are allowed": (
        "Found ulimit of 1024 and failed to automatically increase with error current limit",
        "OSError: [Errno 24] Too many open files",
    ),
    "A request was longer than the model's context": (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
    ),
    "Requests failed or were refused": (
        "Error in preprocessing prompt inputs",
        "Exception in ASGI application",
        'a:1 - "POST /v1/completions HTTP/1.1" 500',
    ),
    "Requests use fields that are ignored": (
        "The following fields were present in the request but ignored: {'guided_json'}",
    ),
    "The engine did not start": (
        "RuntimeError: Engine core initialization failed. See root cause above.",
        "EngineCore failed to start.",
        "WorkerProc failed to start.",
    ),
    "A step of the engine took too long": (
        "TimeoutError: RPC call to execute_model timed out.",
        "No available shared memory broadcast block found in 60 second.",
    ),
    "The engine died": (
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.",
        "EngineCore encountered a fatal error.",
        "AsyncLLM output_handler failed.",
        "Engine core proc EngineCore_DP0 died unexpectedly, shutting down client.",
        "[shutdown] MPClient: engine core exited unexpectedly; starting cleanup",
    ),
    "A worker died": (
        "Worker proc VllmWorker-1 died unexpectedly (exit code: -11), shutting down executor.",
    ),
    "A process was killed": (
        "Killed",
        "vllm.service: Main process exited, code=killed, status=9/KILL",
        "Fatal Python error: Aborted",
    ),
    "It was asked to end": ("KeyboardInterrupt", "Received signal 15"),
    "A parser failed on the model's text": (
        "Error in extracting tool call from response.",
        "Unexpected: grammar rejected tokens [1] for request a. Terminating request.",
    ),
    "A library is missing or does not fit": (
        "ModuleNotFoundError: No module named 'flashinfer'",
        "ImportError: x.so: undefined symbol: _ZN2at",
    ),
    "The disk is full or may not be written": ("OSError: [Errno 28] No space left on device",),
}
EACH = [(title, line) for title, lines in LINES.items() for line in lines]


@pytest.mark.parametrize(("title", "line"), EACH)
def test_a_line_is_explained_by_its_row(title, line):
    found = trouble_of(line)
    assert found is not None
    assert found.title == title


def test_every_row_has_a_line_and_no_title_twice():
    titles = [one.title for one in troubles()]
    assert sorted(titles) == sorted(LINES)
    assert len(titles) >= 25


def test_a_row_that_is_bad_says_what_to_do():
    assert all(one.remedy for one in troubles() if one.gravity is Gravity.BAD)


@pytest.mark.parametrize(("title", "line"), EACH)
def test_a_line_is_remarked_in_a_log_however_it_is_written(title, line):
    log = read_log(f"(A pid=1) ERROR 01-01 00:00:00 [a.py:1] {line}\n".encode())
    assert [one.title for one in log.remarks if one.is_known] == [title]
    traced = f"Traceback (most recent call last):\n  File x\n{line}\n"
    assert read_log(traced.encode()).remarks[0].title == title


def test_what_was_only_warned_of_ended_nothing():
    begun = "(A pid=1) INFO 01-01 00:00:00 [a.py:1] vLLM API server version 0.11.0\n"
    warned = "(A pid=1) WARNING 01-01 00:00:00 [a.py:1] Failed to import: ImportError: vllm._C\n"
    log = read_log((begun + warned).encode())
    assert log.remarks[0].gravity is Gravity.WATCH
    assert log.cause is None
    log = read_log((begun + warned + "ImportError: vllm._C\n").encode())
    assert log.cause.title == "A library is missing or does not fit"


def test_what_was_first_a_warning_and_then_an_error_is_bad():
    said = "(A pid=1) {} 01-01 00:00:00 [a.py:1] access to a gated repo\n"
    (remark,) = read_log((said.format("WARNING") + said.format("ERROR")).encode()).remarks
    assert (remark.gravity, remark.count) == (Gravity.BAD, 2)


def test_an_error_that_nobody_knows_is_shown_as_it_is():
    log = read_log(b"(A pid=1) ERROR 01-01 00:00:00 [a.py:1] the frobnicator is upside down\n" * 3)
    (remark,) = log.remarks
    assert (remark.is_known, remark.count, remark.line, remark.last) == (False, 3, 1, 3)
    assert remark.title == "the frobnicator is upside down"


def test_the_same_with_other_numbers_is_counted_and_other_words_are_not():
    line = "(A pid=1) WARNING 01-01 00:00:00 [a.py:1] slow step {} took {} ms\n"
    log = read_log("".join(line.format(n, n * 7) for n in range(50)).encode())
    assert [one.count for one in log.remarks] == [50]


@pytest.mark.parametrize(
    "line",
    [
        "Request to backend {} Failed, and {} others too",
        "(A pid=1) INFO 01-01 00:00:00 [a.py:1] it timed out after {}.5 s at 10.0.0.{}:80",
        "(A pid=1) WARNING 01-01 00:00:00 [a.py:1] slow step {} took {} ms",
    ],
)
def test_the_table_is_asked_once_for_a_wording(line, monkeypatch):
    asked = []
    monkeypatch.setattr(remarks, "trouble_of", lambda text: asked.append(text) or trouble_of(text))
    read_log("\n".join(line.format(10_000 + n, 77) for n in range(500)).encode())
    assert len(asked) == 1


def test_what_was_nothing_hides_no_trouble_that_differs_in_a_number_or_at_the_end():
    same = "the child failed: " + "x " * 120
    lines = [f"{same}and so on", f"{same}NCCL error", "it failed, errno 12", "it failed, errno 98"]
    found = read_log("\n".join(lines).encode()).remarks
    assert [one.line for one in found] == [2, 4]


def test_no_more_wordings_are_known_than_fit():
    kept = remarks.Remarks()
    letters = str.maketrans("0123456789", "abcdefghij")
    for number in range(5_000):
        message = f"{number} failed".translate(letters)
        kept.feed(Entry(number, message), is_landmark=False)
    assert 0 < len(kept._nothing) <= 4_000
    for number in range(5_000):
        message = f"{number} failed".translate(letters)
        kept.feed(Entry(number, message, level="ERROR"), is_landmark=False)
    assert (len(kept._wordings), len(kept._found), kept.uncounted) == (2_000, 400, 4_600)


def test_failed_requests_in_the_access_log_are_remarked():
    log = read_log(b'INFO:     10.0.0.1:5 - "POST /v1/completions HTTP/1.1" 503 Service\n' * 2)
    assert [(one.title, one.count) for one in log.remarks] == [
        ("Requests failed or were refused", 2)
    ]
    assert (log.requests[0].status, log.requests[0].count) == (503, 2)


def test_a_hostile_line_takes_no_time():
    for piece in ("max seq len (", "error ", "swap_space ", "NCCL ", "Model architectures ", "(1)"):
        trouble_of((piece * 3000)[:4_000])


def test_what_concerns_the_server_at_work_stands_before_what_every_start_tells():
    line = "(A pid=1) WARNING 01-01 00:00:00 [a.py:1] {}\n"
    told = ("x is deprecated", "Request 1 is preempted by PreemptionMode.RECOMPUTE mode")
    log = read_log("".join(map(line.format, told)).encode())
    assert [one.line for one in log.remarks] == [2, 1]
