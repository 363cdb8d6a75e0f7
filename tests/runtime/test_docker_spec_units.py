"""Sizes with units, and shares of CPU time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.errors import InvalidValueError
from clab_runtime.runtime.units import cpu_quota, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 0),
        ("0", 0),
        ("1048576", 1048576),
        ("17b", 17),
        ("64k", 64_000),
        ("64KB", 64_000),
        ("64KiB", 65_536),
        ("64ki", 65_536),
        ("512mb", 512_000_000),
        ("512 MB", 512_000_000),
        ("1.5GiB", 1_610_612_736),
        ("1GiB", 1_073_741_824),
        ("0.1gb", 100_000_000),
        (" 2t ", 2_000_000_000_000),
    ],
)
def test_a_size_is_read_in_containerlabs_units(text: str, size: int) -> None:
    assert parse_size("memory", text) == size


@pytest.mark.parametrize(
    "text", [" ", "mb", "-1", "1e3", "1,5g", "1 k b", "12x", "0x10", "9eib", "0.5", "\u0661k", "1.g"]
)
def test_what_is_no_size_is_refused_under_the_fields_word(text: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        parse_size("shm-size", text)
    assert raised.value.field == "shm-size"


@given(number=st.integers(0, 2**20), unit=st.sampled_from(["k", "m", "g", "t"]), upper=st.booleans())
def test_units_are_powers_of_a_thousand_or_of_1024(number: int, unit: str, *, upper: bool) -> None:
    power = " kmgt".index(unit)
    for suffix, base in (("", 1000), ("b", 1000), ("i", 1024), ("ib", 1024)):
        text = f"{number}{unit}{suffix}"
        assert parse_size("memory", text.upper() if upper else text) == number * base**power


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_an_invalid_value(text: str) -> None:
    try:
        assert parse_size("memory", text) >= 0
    except InvalidValueError as error:
        assert error.value == text  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(("cores", "quota"), [(0, 0), (0.01, 1000), (0.5, 50_000), (1, 100_000), (2.29, 229_000)])
def test_cores_become_a_quota_of_the_period(cores: float, quota: int) -> None:
    assert cpu_quota(cores) == quota
