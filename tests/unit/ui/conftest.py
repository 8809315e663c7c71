"""What holds for every test of the drawing room."""

import pytest

from tests.support.patience import be_patient


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch):
    """A limit is in force only in the test that is about it."""
    be_patient(monkeypatch)
