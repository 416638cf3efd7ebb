"""All that is signed in as a user: sessions, apps and API tokens in one list."""

from .router import devices_router
from .schemas import DeviceOut

__all__ = ["DeviceOut", "devices_router"]
