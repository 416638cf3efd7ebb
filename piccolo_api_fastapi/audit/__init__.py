"""List what guards each route of an application, and find what nothing guards."""

from .commands import audit
from .report import as_json, as_line, as_table, table_of
from .service import audit_of
from .values import Audit, Finding, GuardSummary, LimitSummary, Route, StepUpSummary

__all__ = [
    "Audit",
    "Finding",
    "GuardSummary",
    "LimitSummary",
    "Route",
    "StepUpSummary",
    "as_json",
    "as_line",
    "as_table",
    "audit",
    "audit_of",
    "table_of",
]
