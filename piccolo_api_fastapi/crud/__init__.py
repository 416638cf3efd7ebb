"""Endpoints for Piccolo tables, guarded."""

from .crud import Crud
from .hooks import CrudHooks
from .reader import Page
from .router import crud_router

__all__ = ["Crud", "CrudHooks", "Page", "crud_router"]
