"""Content Security Policy: a dependency, presets, and an endpoint for the reports of browsers."""

from .dependencies import CSP, covering
from .events import EVENTS
from .router import csp_report_router

__all__ = ["CSP", "EVENTS", "covering", "csp_report_router"]
