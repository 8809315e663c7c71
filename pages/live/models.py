"""Models: what each server serves, whether servers agree, and where a request could go now."""

from lib.ui import live, picked, shell

if shell.selected_server() is None:
    shell.no_servers()
else:
    live.models(
        model=picked.selected_model(),
        server=picked.marked_server(),
        raw=picked.whole_list(),
        on_open=shell.follow_link,
        on_model=picked.model_chosen,
        on_raw=picked.list_opened,
    )
