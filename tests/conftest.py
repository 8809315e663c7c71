"""What holds for every test: a data folder of its own, no settings of the person who runs it."""

import os
from pathlib import Path

import hypothesis
import pytest

MARKED = ("browser", "real")
HERE = Path(__file__).parent

# Two shared cores: a slow example is no failure of the property. The examples are the same in every
# run, so that a commit has one verdict; `make search` looks at others.
hypothesis.settings.register_profile("ours", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder in MARKED:
            item.add_marker(folder)


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory):
    """No server, key, setting or proxy of the shell reaches a test; no test writes to real data."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("VLLM_", "INSPECTOR_")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("INSPECTOR_DATA", str(tmp_path_factory.mktemp("data")))
        yield
