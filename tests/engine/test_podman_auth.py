"""Credentials as podman finds them: which file counts, and which key in it; the rest is as in docker's."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from clab_runtime import CredentialsError
from clab_runtime.engine.podman_auth import podman_credentials
from clab_runtime.engine.reference import ImageReference

pytestmark = pytest.mark.anyio

REGISTRY = "reg.example:5000"
IMAGE = f"{REGISTRY}/team/app:1"
SECRET = "hunter2"


def login(user: str) -> Mapping[str, str]:
    return {"auth": base64.b64encode(f"{user}:{SECRET}".encode()).decode()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folders, and nothing in them."""
    for variable in ("REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "DOCKER_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


def write(path: Path, auths: Mapping[str, object], **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"auths": auths, **more}))


async def user_of(image: str = IMAGE) -> str | None:
    found = await podman_credentials(ImageReference.parse(image))
    return found.username if found else None


async def test_the_file_of_this_session_comes_before_the_user_s_and_that_before_docker_s(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await user_of() is None
    places = (".docker/config.json", ".config/containers/auth.json", "run/containers/auth.json")
    for number, place in enumerate(places):
        write(home / place, {REGISTRY: login(f"u{number}")})
        assert await user_of() == f"u{number}"
    write(home / places[2], {"other": login("x")})
    assert await user_of() == "u1", "a file that has nothing for the registry leaves it to the next"
    write(home / "moved/containers/auth.json", {REGISTRY: login("moved")})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "moved"))
    assert await user_of() == "moved"


async def test_the_file_that_is_named_is_the_only_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / "run/containers/auth.json", {REGISTRY: login("session")})
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "named.json"))
    assert await user_of() is None
    write(home / "named.json", {REGISTRY: login("named")})
    assert await user_of() == "named"


async def test_the_key_with_most_of_the_image_s_name_counts(home: Path) -> None:
    keys = ("https://reg.example:5000/v2/", REGISTRY, f"{REGISTRY}/team", f"{REGISTRY}/team/app")
    auths: dict[str, object] = {f"{REGISTRY}/team/ap": login("x"), f"{REGISTRY}/team/app/x": login("x")}
    for key in keys:
        auths[key] = login(key.replace(":", "_"))
        write(home / "run/containers/auth.json", dict(reversed(auths.items())))
        assert await user_of() == key.replace(":", "_")
    assert await user_of(f"{REGISTRY}/team/other") == f"{REGISTRY}/team".replace(":", "_")
    assert await user_of("reg.example/team/app") is None


@pytest.mark.parametrize("key", ["docker.io", "index.docker.io", "https://index.docker.io/v1/", "docker.io/library"])
async def test_the_hub_has_several_names(home: Path, key: str) -> None:
    write(home / "run/containers/auth.json", {key: login("hub"), f"{REGISTRY}/x": login("x")})
    assert await user_of("alpine") == "hub"


async def test_a_login_for_some_images_is_none_for_others(home: Path) -> None:
    write(home / "run/containers/auth.json", {"docker.io/team": login("team")})
    assert await user_of("docker.io/team/app") == "team"
    assert await user_of("alpine") is None


async def test_a_registry_s_helper_comes_before_its_logins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = home / "docker-credential-own"
    program.write_text(f'#!/bin/sh\necho \'{{"Username":"helped","Secret":"{SECRET}"}}\'\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    write(home / "run/containers/auth.json", {IMAGE: login("x")}, credHelpers={REGISTRY: "own"})
    assert await user_of() == "helped"


@pytest.mark.parametrize("content", ["{", f'{{"auths": {{"{REGISTRY}": {{"auth": "{SECRET}"}}}}}}'])
async def test_a_file_that_is_broken_is_named_with_what_podman_s_user_can_do(home: Path, content: str) -> None:
    path = home / "run/containers/auth.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(CredentialsError, match=str(path)) as caught:
        await user_of()
    assert "REGISTRY_AUTH_FILE" in caught.value.advice or "podman login" in caught.value.advice
    assert SECRET not in str(caught.value)
