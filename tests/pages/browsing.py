"""A browser without scripts: it opens pages, fills in their forms and follows where they lead."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

HEADERS = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en",
    "sec-fetch-site": "same-origin",
    "sec-fetch-dest": "document",
    "sec-fetch-mode": "navigate",
}
VOID = frozenset({"meta", "link", "input", "img", "br", "hr", "path", "svg"})


@dataclass
class Form:
    """A form, with the values that it sends if nobody touches it."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Reads what a page says, and what its forms send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, dict[str, str]]] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        if tag not in VOID:
            self._open.append((tag, given))
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag == "select":
            self._select = given["name"]
        elif self.forms and any(name == "form" for name, _ in self._open):
            self._read_input(tag, given)

    def _read_input(self, tag: str, given: dict[str, str]) -> None:
        form = self.forms[-1]
        if tag == "option":
            form.names.append(self._select)
            if "selected" in given:
                form.fields.append((self._select, given["value"]))
        elif tag == "input":
            form.names.append(given["name"])
            if given["type"] not in {"checkbox", "radio"} or "checked" in given:
                form.fields.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag, given in self._open:
            for name in {tag, *given.get("class", "").split(), given.get("role", "")}:
                self.texts[name] = f"{self.texts.get(name, '')}{data}"


class Page:
    """A page that a browser shows."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.text = response.text
        self.path = response.request.url.path
        self.headers = response.headers
        self._read = _Reader()
        self._read.feed(self.text)

    @property
    def url(self) -> str:
        """The path and the query."""
        return self.response.request.url.raw_path.decode()

    @property
    def title(self) -> str:
        """The only heading of the first level."""
        return self.said("h1")

    @property
    def errors(self) -> list[str]:
        """The sentences of the error summary."""
        said = [line.strip() for line in self.said("alert").splitlines()]
        return [line for line in said if line and line != "There is a problem"]

    @property
    def message(self) -> str:
        """What was done just before."""
        return self.said("status")

    @property
    def forms(self) -> list[Form]:
        """The forms."""
        return self._read.forms

    def said(self, name: str) -> str:
        """The text of the elements of this name, class or role."""
        return self._read.texts.get(name, "").strip()

    def form(self, action: str) -> Form:
        """The first form with this action."""
        return next(form for form in self.forms if form.action == action)

    def tags(self, name: str) -> Iterator[dict[str, str]]:
        """The attributes of the elements of this name."""
        return (given for tag, given in self._read.tags if tag == name)

    def value(self, name: str) -> str | None:
        """The value that the first input of this name has."""
        return next(it.get("value") for it in self.tags("input") if it["name"] == name)

    def check(self) -> None:
        """What holds for every page."""
        assert self.headers["cache-control"] == "no-store"
        policy = self.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert self.headers["referrer-policy"] == "same-origin"
        assert self.headers["x-content-type-options"] == "nosniff"
        assert "Cookie" in self.headers["vary"]
        assert "Accept-Language" in self.headers["vary"]
        assert len(self.headers.get_list("content-security-policy")) == 1
        assert self.text.startswith("<!doctype html>")
        assert [len(list(self.tags(name))) for name in ("h1", "main")] == [1, 1]
        assert len(set(self._read.ids)) == len(self._read.ids), self._read.ids
        assert not any("style" in given for _, given in self._read.tags)
        assert not list(self.tags("style"))
        assert all("src" in script for script in self.tags("script"))
        assert not any(name.startswith("on") for _, given in self._read.tags for name in given)
        assert bool(self.errors) is self.said("title").startswith("Error:")
        assert bool(self.errors) is (self.status >= 400)


class Browser:
    """
    A browser with a jar of cookies, which runs no scripts.

    Args:
        app: The application.
        headers: Further headers of each request.
    """

    def __init__(self, app: FastAPI, **headers: str) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        base = {"transport": transport, "base_url": "https://testserver"}
        self.client = httpx.AsyncClient(**base, headers={**HEADERS, **headers})  # type: ignore[arg-type]
        self.page: Page = Page(httpx.Response(200, request=httpx.Request("GET", "https://x/")))

    async def open(self, path: str, **options: Any) -> Page:
        """Open an address, and follow where it leads."""
        return await self._show(await self.client.get(path, **options))

    async def send(self, path: str, data: Any = None, **fields: Any) -> Page:
        """Send a form that no page has."""
        return await self._show(await self.client.post(path, data={**(data or {}), **fields}))

    async def submit(self, path: str, **typed: Any) -> Page:
        """
        Fill in the form of the page with this action, and send it.

        Args:
            path: The action.
            typed: What the user types, by field; `None` leaves a field out, such as a checkbox.
        """
        form = self.page.form(path)
        assert typed.keys() <= set(form.names), form.names
        fields = {name: value for name, value in form.fields if name not in typed}
        fields |= {name: value for name, value in typed.items() if value is not None}
        return await self._show(await self.client.post(form.action, data=fields))

    async def press(self, label: str) -> Page:
        """Send the form whose action ends like this, as it is."""
        form = next(form for form in self.page.forms if form.action.endswith(label))
        return await self.submit(form.action)

    async def _show(self, response: httpx.Response) -> Page:
        for _ in range(10):
            assert response.status_code < 500 or response.status_code == 503, response.text
            if response.status_code not in {301, 302, 303, 307, 308}:
                break
            assert response.status_code in {303, 307}
            response = await self.client.get(response.headers["location"])
        else:
            raise AssertionError("It goes round in circles.")
        self.page = Page(response)
        if response.headers.get("content-type", "").startswith("text/html"):
            self.page.check()
        return self.page
