import sys
from pathlib import Path
from typing import get_args

import pytest

from lib.servers import SETTINGS, SettingsError, data_folder, setting
from lib.servers.settings import NumberSetting, TextSetting


def test_the_typed_names_are_those_of_the_table():
    numbers = {entry.name for entry in SETTINGS if entry.bounds}
    texts = {entry.name for entry in SETTINGS if not entry.bounds}
    assert set(get_args(NumberSetting)) == numbers
    assert set(get_args(TextSetting)) == texts


@pytest.mark.parametrize("entry", SETTINGS, ids=lambda entry: entry.name)
def test_every_setting_is_described_and_its_default_is_valid(entry):
    assert entry.unit
    assert entry.help.endswith(".")
    assert setting({}, entry.name) == (float(entry.default) if entry.bounds else entry.default)


def test_a_set_value_wins_and_an_empty_one_does_not():
    assert setting({"INSPECTOR_PERIOD": " 2.5 "}, "INSPECTOR_PERIOD") == 2.5
    assert setting({"INSPECTOR_PERIOD": ""}, "INSPECTOR_PERIOD") == 1.0


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf", "1e9"])
def test_a_number_out_of_bounds_is_refused_with_the_bounds(text):
    with pytest.raises(SettingsError, match=r"INSPECTOR_PERIOD is '.+'; .* from 0.1 to 3600"):
        setting({"INSPECTOR_PERIOD": text}, "INSPECTOR_PERIOD")


def test_a_choice_is_taken_in_any_case_and_nothing_else_is():
    assert setting({"INSPECTOR_CONTROL": "ON"}, "INSPECTOR_CONTROL") == "on"
    with pytest.raises(SettingsError, match="INSPECTOR_CONTROL is 'yes'; set it to off or on"):
        setting({"INSPECTOR_CONTROL": "yes"}, "INSPECTOR_CONTROL")


def test_the_data_folder_is_the_chosen_one():
    assert data_folder({"INSPECTOR_DATA": "~/here"}) == Path.home() / "here"


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, ".local/share/vllm-inspector"),
        ("darwin", {}, "Library/Application Support/vllm-inspector"),
    ],
)
def test_the_data_folder_is_the_platforms(monkeypatch, platform, environ, expected):
    monkeypatch.setattr(sys, "platform", platform)
    assert data_folder(environ) == Path.home() / expected


def test_the_data_folder_honours_xdg(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert data_folder({"XDG_DATA_HOME": "/x"}) == Path("/x/vllm-inspector")
