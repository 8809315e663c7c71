"""Text that a hostile server may put wherever it is asked for a name.

`images(url)` is every form of Markdown or HTML that fetches a picture in one sink or another;
`TEXTS` are the rest: scripts, links, markup, terminal codes, directions, things that are no text.
"""

__all__ = ["TEXTS", "escaped_label", "images", "page"]

TEXTS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '<iframe srcdoc="<script>alert(1)</script>">',
    "[click](javascript:alert(1))",
    '"><script>alert(1)</script>',
    "'-alert(1)-'",
    "${alert(1)}{{alert(1)}}",
    "$\\href{javascript:alert(1)}{x}$",
    ":material/warning: :red[danger] **bold** `code`",
    "=HYPERLINK(0)",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "line\r\n2026-01-01 00:00:00 INFO forged",
    "\u202egnirts desrever\u202c",
    "zero\u200bwidth\ufeff",
    "nul\x00byte",
    "__proto__",
    "constructor",
    "../../etc/passwd",
    "%3Cscript%3E",
    "&lt;b&gt;",
    "</textarea></style></script><b>out</b>",
    "data: x\n\nevent: tick\ndata: {}",
)


def images(url: str) -> tuple[str, ...]:
    """Names that ask for `url/…` to be fetched, in 26 ways."""
    forms = (
        "![a]({u})",
        "![]({u})",
        "[![a]({u})](x)",
        "![a][1]\n\n[1]: {u}",
        "<img src={u}>",
        "<img srcset='{u} 1x'>",
        "<picture><source srcset={u}></picture>",
        "<svg><image href={u} /></svg>",
        "<svg><use href={u} /></svg>",
        "<video poster={u}></video>",
        "<video src={u} autoplay></video>",
        "<audio src={u} autoplay></audio>",
        "<iframe src={u}></iframe>",
        "<object data={u}></object>",
        "<embed src={u}>",
        "<link rel=stylesheet href={u}>",
        "<link rel=icon href={u}>",
        "<style>@import '{u}';</style>",
        "<style>*{{background:url({u})}}</style>",
        "<b style='background:url({u})'>x</b>",
        "<input type=image src={u}>",
        "<body background={u}>",
        "<table background={u}>",
        "<script src={u}></script>",
        "<base href={u}>",
        "<meta http-equiv=refresh content='0;url={u}'>",
    )
    return tuple(form.format(u=f"{url}/{number}.png") for number, form in enumerate(forms))


def escaped_label(text: str) -> str:
    """A label's value as the text format writes it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def page(names: tuple[str, ...], running: int = 1) -> str:
    """A page of metrics in which every label that we keep is one of these names."""
    lines = [f'vllm:num_requests_running{{engine="0",model_name="m"}} {running}']
    for number, name in enumerate(map(escaped_label, names)):
        engine = f'engine="{name}",model_name="{name}"'
        lines += [
            f"vllm:num_requests_running{{{engine}}} 1",
            f'vllm:num_requests_waiting_by_reason{{{engine},reason="{name}"}} 1',
            f'vllm:request_success_total{{{engine},finished_reason="{name}"}} 5',
            (
                f'vllm:cache_config_info{{engine="{name}",num_gpu_blocks="101",block_size="16",'
                f'x{number}="{name}",instance="{name}"}} 1'
            ),
            f"vllm:kv_cache_usage_perc{{{engine}}} 0.5",
            f'http_requests_total{{status="{name}",handler="{name}"}} 7',
        ]
    return "\n".join([*lines, ""])
