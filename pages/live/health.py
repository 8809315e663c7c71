"""Health: whether servers are fit to serve, how long they have been, and every check of them."""

from lib.ui import fitness, live, picked, shell

servers = shell.chosen_servers()
if not servers:
    shell.no_servers()
else:
    live.health(
        chosen=[server.name for server in servers],
        model=picked.selected_model(),
        window=shell.selected_window().key,
        on_window=shell.window_changed,
        on_chosen=shell.servers_chosen,
        on_check=fitness.check_now,
        on_infer=fitness.infer,
    )
    fitness.probes(servers[0])
