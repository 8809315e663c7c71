"""Servers: who is watched, with which key, and which addresses may be connected to."""

from lib.servers.added import ADDED_FILE, add_server, added_servers, remove_server
from lib.servers.address import AddressPolicy, AddressRefused, normal_url
from lib.servers.configured import configured
from lib.servers.secret import Secret
from lib.servers.server import Server, Source
from lib.servers.settings import SETTINGS, Setting, SettingsError, data_folder, setting

__all__ = [
    "ADDED_FILE",
    "SETTINGS",
    "AddressPolicy",
    "AddressRefused",
    "Secret",
    "Server",
    "Setting",
    "SettingsError",
    "Source",
    "add_server",
    "added_servers",
    "configured",
    "data_folder",
    "normal_url",
    "remove_server",
    "setting",
]
