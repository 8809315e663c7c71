"""Which log the page is about: the example, what is pasted, or a file; and reading it.

Decided here: the limits, that the newest choice is what counts (what is still being read is left),
and that nothing of a log is kept but what was read out of it: the file is forgotten as soon as it
is read, and no text of it reaches an address or a disk.
"""

import streamlit as st

from lib.logs import Log, Reader, read_log
from lib.ui import jobs
from lib.ui.logs.example import example
from lib.ui.plain import count, escaped

__all__ = ["chosen"]

LARGEST = 64
"""MB of a file; no more than the server takes (`maxUploadSize`)."""
_PASTED = 8_000_000
_AT_ONCE, _LINES_AT_ONCE = 1_000_000, 50_000
"""Bytes and lines that are read at once; more are read beside the page, with a bar."""
_CHUNK = 1 << 18
_EXAMPLE, _PASTE, _FILE = "Example", "Paste", "File"
_OPEN, _LOG, _TITLE, _READINGS = "log-open", "log-read", "log-title", "log-readings"
_HINT = """(APIServer pid=2520) INFO 09-24 11:04:27 [api_server.py:1019] Starting vLLM API server …

As the server printed it, or from journalctl, docker logs or kubectl logs."""


def chosen() -> Log | None:
    """The log that was read last, None before the first."""
    _taken_over()
    log = st.session_state.get(_LOG)
    st.session_state.setdefault(_OPEN, log is None)
    title = f"Log: {st.session_state.get(_TITLE, '')}" if log else "Log"
    with st.expander(escaped(title), key=_OPEN, on_change="rerun", icon=":material/description:"):
        _sources()
    job = jobs.job_of(_name())
    if job and job.is_running:
        st.button("Stop", key="log-stop", on_click=job.stop, icon=":material/stop:")
        jobs.progress(_name())
    elif job and job.words:
        st.warning(escaped(job.words), icon=":material/error:")
    return log if isinstance(log, Log) else None


def _sources() -> None:
    source = st.segmented_control(
        "Log from",
        [_PASTE, _FILE, _EXAMPLE],
        default=_PASTE,
        required=True,
        key="log-source",
        label_visibility="collapsed",
    )
    if source == _EXAMPLE:
        st.text("The log of a simulated server with too little KV cache for its clients.")
        st.button("Read the example", key="log-example", on_click=_read_example, type="primary")
    elif source == _FILE:
        _file()
    else:
        st.text_area(
            "The log",
            key="log-text",
            height=220,
            placeholder=_HINT,
            max_chars=_PASTED,
            label_visibility="collapsed",
        )
        st.button("Read it", key="log-go", on_click=_read_pasted, type="primary")
    st.caption(
        "It is read in memory: nothing of it is stored or sent on, and keys in it are hidden."
    )


def _file() -> None:
    key = f"log-file-{st.session_state.get(_READINGS, 0)}"  # once it is read, another widget's
    st.file_uploader(
        f"A log of up to {LARGEST} MB",
        key=key,
        max_upload_size=LARGEST,
        on_change=_read_file,
        args=(key,),
    )


def _read_file(key: str) -> None:
    if found := st.session_state.get(key):
        _begin(found.getvalue(), found.name)


def _read_example() -> None:
    _begin(example(), "the example, a simulated server")


def _read_pasted() -> None:
    text = st.session_state.get("log-text") or ""
    if text.strip():
        _begin(text.encode("utf-8", "replace"), "what was pasted")


def _begin(content: bytes, title: str) -> None:
    """Read it: at once where that is a moment, else beside the page."""
    if before := jobs.job_of(_name()):
        before.stop()
    st.session_state[_READINGS] = st.session_state.get(_READINGS, 0) + 1
    if len(content) <= _AT_ONCE and content.count(b"\n") <= _LINES_AT_ONCE:
        _keep(title, read_log(content))
        return
    jobs.start(_name(), len(content) // 1000, lambda job: _read(job, title, content), "kB")


def _name() -> str:
    """Of the job of the newest reading; those before it are nobody's any more."""
    return f"log-{st.session_state.get(_READINGS, 0)}"


def _read(job: jobs.Job, title: str, content: bytes) -> None:
    """In the thread of the job."""
    reader = Reader()
    for start in range(0, len(content), _CHUNK):
        if job.is_unwanted():
            job.words = f"Stopped after {count(start // 1000)} kB."
            return
        reader.feed(content[start : start + _CHUNK])
        job.tell((start + _CHUNK) // 1000, len(content) // 1000)
    job.result = (title, reader.finish())


def _taken_over() -> None:
    """Take over what a job has read."""
    job = jobs.job_of(_name())
    if job and not job.is_running and isinstance(job.result, tuple):
        _keep(*job.result)
        job.result = None


def _keep(title: str, log: Log) -> None:
    st.session_state[_LOG] = log
    st.session_state[_TITLE] = f"{title}, {count(log.lines)} lines"
    st.session_state[_OPEN] = False
    st.session_state["log-text"] = ""
