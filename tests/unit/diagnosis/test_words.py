import pytest

from lib.diagnosis.words import rate


@pytest.mark.parametrize(
    ("per_second", "told"),
    [
        (0, "0 / s"),
        (0.00006, "< 0.001 / s"),
        (0.0012, "0.0012 / s"),
        (0.5, "0.5 / s"),
        (99.4, "99 / s"),
        (99.7, "100 / s"),
        (12_345, "12,345 / s"),
    ],
)
def test_a_rate_is_never_written_in_powers_of_ten(per_second, told):
    assert rate(per_second) == told
