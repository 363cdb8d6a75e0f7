"""Health checks, as Podman is asked for them: it puts in no defaults."""

from clab_runtime.engine import schema

_SECOND = 1_000_000_000
_DEFAULTS = schema.HealthConfig(interval=30 * _SECOND, timeout=30 * _SECOND, retries=3)
_NONE = ("NONE",)


def completed(asked: schema.HealthConfig, of_image: schema.HealthConfig | None) -> schema.HealthConfig | None:
    """Take what is left open from the image's check, and then Docker's defaults; None: there is nothing to check."""
    image = of_image or schema.HealthConfig()
    test = tuple(asked.test or image.test)
    if not test or test == _NONE:
        return schema.HealthConfig(test=test) if test else None
    return schema.HealthConfig(
        test=test,
        interval=asked.interval or image.interval or _DEFAULTS.interval,
        timeout=asked.timeout or image.timeout or _DEFAULTS.timeout,
        retries=asked.retries or image.retries or _DEFAULTS.retries,
        start_period=asked.start_period or image.start_period,
    )
