"""What a front end has to know of the ways in, before anybody is signed in."""

from .router import config_router
from .schemas import ConfigOut

__all__ = ["ConfigOut", "config_router"]
