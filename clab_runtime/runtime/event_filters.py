"""Which events an engine is asked for."""

from clab_runtime.models import EventStreamOptions


def event_filters(options: EventStreamOptions) -> dict[str, list[str]]:
    """Let the engine choose the events of containers with these labels; an empty value means that the key exists."""
    return {
        "type": ["container"],
        "label": [f"{key}={value}" if value else key for key, value in options.labels.items()],
    }
