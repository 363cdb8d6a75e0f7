"""Health checks that are completed from the image, and with Docker's defaults."""

from clab_runtime.engine.schema import HealthConfig
from clab_runtime.runtime.podman_health import completed

SECOND = 1_000_000_000
IMAGES = HealthConfig(test=["CMD", "true"], interval=7 * SECOND, timeout=SECOND, retries=9, start_period=SECOND)


def test_what_is_left_open_is_as_docker_has_it() -> None:
    assert completed(HealthConfig(test=["CMD", "a"]), None) == HealthConfig(
        test=("CMD", "a"), interval=30 * SECOND, timeout=30 * SECOND, retries=3
    )


def test_numbers_change_the_images_own_check() -> None:
    assert completed(HealthConfig(interval=2 * SECOND), IMAGES) == HealthConfig(
        test=("CMD", "true"), interval=2 * SECOND, timeout=SECOND, retries=9, start_period=SECOND
    )


def test_no_check_is_none_whatever_the_image_says() -> None:
    assert completed(HealthConfig(test=["NONE"]), IMAGES) == HealthConfig(test=("NONE",))


def test_numbers_alone_are_no_check() -> None:
    assert completed(HealthConfig(interval=SECOND), None) is None
