"""API versions, and what an engine says of itself."""

import pytest

from clab_runtime.engine.version import CEILING, FLOOR, APIVersion, EngineInfo, negotiate
from clab_runtime.errors import EngineProtocolError, UnsupportedOperationError


def test_versions_compare_as_numbers_and_are_written_back() -> None:
    assert APIVersion.parse("1.9") < APIVersion.parse("1.10") < APIVersion.parse("2.0")
    assert str(APIVersion.parse(" 1.41 ")) == "1.41"
    assert FLOOR < CEILING


@pytest.mark.parametrize("text", ["", "1", "1.", ".1", "a.b", "1.41.2", "1.4a", "v1.41", "1,41"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        APIVersion.parse(text)


@pytest.mark.parametrize(
    ("headers", "info"),
    [
        (
            {"server": "Docker/20.10.24+dfsg1 (linux)", "api-version": "1.41"},
            EngineInfo("docker", "20.10.24+dfsg1", APIVersion(1, 41)),
        ),
        (
            {"server": "Libpod/4.3.1 (linux)", "libpod-api-version": "4.3.1", "api-version": "1.41"},
            EngineInfo("podman", "4.3.1", APIVersion(1, 41), APIVersion(4, 3)),
        ),
        ({"api-version": "1.40"}, EngineInfo("docker", "", FLOOR)),
        ({"server": "proxy", "api-version": "7.0"}, EngineInfo("docker", "", CEILING)),
    ],
)
def test_the_newest_version_both_know_is_chosen(headers: dict[str, str], info: EngineInfo) -> None:
    assert negotiate(headers, "unix:///x") == info


@pytest.mark.parametrize(
    ("version", "libpod"),
    [("4.2.9", None), ("4.3.0", (4, 3)), ("5.8.6", (5, 8)), ("5.0.0-rc1", (5, 0)), ("6.1.0", (5, 8)), ("next", None)],
)
def test_podmans_own_api_is_spoken_in_the_newest_version_both_know(
    version: str, libpod: tuple[int, int] | None
) -> None:
    info = negotiate({"libpod-api-version": version, "api-version": "1.41"}, "unix:///x")
    assert info.libpod_version == (APIVersion(*libpod) if libpod else None)


@pytest.mark.parametrize("version", ["1.39", "1.12", "0.99"])
def test_an_engine_below_the_floor_is_refused(version: str) -> None:
    with pytest.raises(UnsupportedOperationError, match=rf"API 1\.40 or newer \(it speaks {version}\)"):
        negotiate({"api-version": version, "server": "Docker/1.0"}, "unix:///x")


@pytest.mark.parametrize("headers", [{}, {"api-version": "new"}, {"api-version": ""}])
def test_what_sends_no_version_is_no_engine(headers: dict[str, str]) -> None:
    with pytest.raises(EngineProtocolError, match="unix:///x: what answers is no container engine"):
        negotiate(headers, "unix:///x")
