"""Podman's events: Docker's words, and each end told once."""

import msgspec
import pytest

from clab_runtime import UnsupportedOperationError
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime import podman_events
from clab_runtime.runtime.podman_events import PodmanEvents, in_dockers_words
from tests.engine.fake_engine import answer, answering, fake_engine


def happened(action: str, moment: int = 1, container: str = "a", **attributes: str) -> schema.Event:
    actor = schema.EventActor(id=container, attributes=attributes)
    return schema.Event(type="container", action=action, actor=actor, time_nano=moment)


def told(events: PodmanEvents, *wire: schema.Event) -> list[str]:
    return [event.action for event in map(events, wire) if event]


def test_a_health_status_without_a_status_stays_as_it_is() -> None:
    assert in_dockers_words(happened("health_status")).action == "health_status"


def test_an_exit_code_is_that_of_an_end_and_one_that_is_there_already_is_kept() -> None:
    died = happened("died", exitCode="1", name="r1", containerExitCode="2")
    assert in_dockers_words(died).actor.attributes == {"exitCode": "1", "name": "r1"}
    assert in_dockers_words(happened("exec_died", containerExitCode="2")).actor.attributes == {"exitCode": "2"}
    assert in_dockers_words(happened("start", containerExitCode="2")).actor.attributes == {}
    assert (died.actor.attributes or {})["containerExitCode"] == "2"


def test_commands_are_counted_in_so_many_containers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman_events, "COUNTED", 2)
    events = PodmanEvents()
    told(events, *(happened("exec", moment, container) for moment, container in enumerate("aabbcc")))
    ends = {container: [happened("exec_died", moment, container) for moment in (11, 12)] for container in "abc"}
    assert told(events, *ends["c"]) == ["exec_die"] * 2
    assert told(events, *ends["b"]) == ["exec_die"] * 2
    assert told(events, *ends["a"]) == ["exec_die"]  # nobody knows any more that there were two


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ("exec_died:1 exec_died:2", "1"),
        ("exec:1 exec_died:2 exec_died:3", "1 2"),
        ("exec:1 exec:2 exec_died:3 exec_died:4 exec_died:5", "1 2 3 4"),
        ("exec:1 exec_died:2 exec:3 exec_died:4", "1 2 3 4"),
        ("exec_died:1 exec_died:2000000001", "1 2000000001"),
        ("exec_died:1 remove:2 exec_died:3", "1 2 3"),
    ],
)
def test_the_end_of_a_command_that_is_written_twice_is_told_once(actions: str, expected: str) -> None:
    events = PodmanEvents()
    wire = [happened(action, int(moment)) for action, _, moment in (each.partition(":") for each in actions.split())]
    seen = [str(event.time_nano) for event in map(events, wire) if event]
    assert seen == expected.split()


def test_two_commands_that_end_at_once_with_different_codes_are_two() -> None:
    events = PodmanEvents()
    ends = [happened("exec_died", moment, containerExitCode=str(moment)) for moment in (1, 2)]
    assert told(events, *ends) == ["exec_die", "exec_die"]


@pytest.mark.anyio
async def test_a_podman_that_logs_no_events_is_refused_with_what_to_do() -> None:
    ping = answer(b"OK", "Api-Version: 1.41", "Server: Libpod/5.4.2 (linux)", "Libpod-Api-Version: 5.4.2")
    async with fake_engine(answering(), ping=ping) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(UnsupportedOperationError, match="events_logger to journald or file") as caught:
            await podman_events.listen(client, "0.0", "none")
        assert (caught.value.engine, caught.value.version) == ("podman", "5.4.2")
        assert not fake.requests


def test_events_are_as_they_come_otherwise() -> None:
    wire = msgspec.json.decode(b'{"Type":"network","Action":"remove","Actor":{"ID":"n"}}', type=schema.Event)
    assert in_dockers_words(wire) is wire
