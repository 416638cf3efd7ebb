"""The flows of the library as HTML, on top of all features."""

from .brand import Brand
from .context import PageContext
from .declared import Action, Page, PageSet, Step, operations_of
from .pages import Pages

__all__ = ["Action", "Brand", "Page", "PageContext", "PageSet", "Pages", "Step", "operations_of"]
