"""What holds for every page in each of its states."""

from typing import Any

from tests.pages.in_chromium.site import Visitor

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "cache-control": "no-store",
    "content-type": "text/html; charset=utf-8",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}

HARMLESS = (
    "Failed to load resource",  # a page that is an error
    "[DOM] Password forms should have",  # a name, which is not known from a mailed link
)
"""How messages begin that say nothing of the policy."""

SHAPE = """(async () => {
    const problems = []
    const all = (selector) => [...document.querySelectorAll(selector)]
    const check = (holds, what) => { if (!holds) problems.push(what) }
    check(document.compatMode === "CSS1Compat", "quirks mode")
    check(document.documentElement.lang, "no language")
    for (const one of ["h1", "main"]) check(all(one).length === 1, `not one ${one}`)
    const ids = all("[id]").map((one) => one.id)
    check(new Set(ids).size === ids.length, "an id occurs twice")
    const errors = document.querySelector(".errors")
    check(document.title.startsWith("Error: ") === Boolean(errors), "title: " + document.title)
    // The browser moves the focus when it draws, which takes a busy machine a moment.
    for (let tries = 0; errors && document.activeElement !== errors && tries < 250; tries++)
        await new Promise((go) => setTimeout(go, 20))
    if (errors) check(document.activeElement === errors, "the focus is not on the errors")
    for (const link of all(".errors a")) {
        const field = document.querySelector(link.getAttribute("href"))
        check(field && field.matches("input, select, fieldset"), "an error leads nowhere")
        if (field && field.matches("input")) {
            check(field.getAttribute("aria-invalid") === "true", field.name + " is not invalid")
        }
    }
    for (const input of all("input:not([type=hidden]), select")) {
        const name = input.name || input.id
        if (input.matches(".visually-hidden")) {
            check(input.autocomplete === "username" && input.readOnly, name + " is hidden")
            continue
        }
        check(input.labels.length === 1, name + " has no label")
        const isText = !input.matches("[type=checkbox], [type=radio], select")
        check(!isText || input.autocomplete, name + " has no token")
        check(input.type !== "password" || !input.value, name + " has a password")
        const described = (input.getAttribute("aria-describedby") ?? "").split(" ")
        for (const id of described.filter(Boolean)) {
            check(document.getElementById(id)?.innerText, name + " is described by nothing")
        }
        const hint = input.closest(".field")?.querySelectorAll(".hint[id], .error") ?? []
        check(hint.length === described.filter(Boolean).length, name + " leaves hints out")
    }
    check(!all("[tabindex]").some((one) => one.tabIndex > 0), "a tabindex is positive")
    check(!all("[style], [onclick]").length, "something is inline")
    const seen = all("main a[href], main button, main input:not([type=hidden]), main select")
        .filter((one) => one.checkVisibility() && one.tabIndex >= 0)
    for (const one of seen.filter((it) => !it.matches("p a, dd a"))) {
        const box = one.getBoundingClientRect()
        check(Math.min(box.width, box.height) >= 23.5, `${one.outerHTML.slice(0, 60)} is small`)
    }
    const isAfter = (one, other) => {
        const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()]
        const isFurther = document.dir === "rtl" ? b.right <= a.left + 1 : b.left >= a.right - 1
        return b.top >= a.bottom - 1 || (isFurther && b.bottom > a.top)
    }
    seen.slice(1).forEach((one, at) => check(isAfter(seen[at], one), "order: " + one.outerHTML))
    return problems
})()"""

AXE = """(async () => {
    const only = %s
    const options = only ? {runOnly: {type: "rule", values: only}} : {resultTypes: ["violations"]}
    const found = await axe.run(document, options)
    return found.violations.map((one) => `${one.id}: ${one.nodes.map((it) => it.html).join()}`)
})()"""

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"

FITS_ENLARGED = f"""(() => {{
    const root = document.documentElement
    root.style.fontSize = "200%"
    const fits = {FITS}
    if (root.hasAttribute("style")) root.removeAttribute("style")
    return fits
}})()"""
"""Whether text of twice the size fits."""

DARK = {"name": "prefers-color-scheme", "value": "dark"}
FORCED = {"name": "forced-colors", "value": "active"}


async def inspect(visitor: Visitor, *, errors_in: str = "Error: ") -> list[str]:
    """
    Return the problems of a page that its headers, its requests and its elements show.

    Args:
        visitor: Shows the page.
        errors_in: How the titles of pages with errors begin.
    """
    page = visitor.page
    problems = _heard(visitor)
    problems += await page.run(SHAPE.replace("Error: ", errors_in))
    for width, fits in ((320, FITS), (640, FITS_ENLARGED)):
        size = {"width": width, "height": 640, "deviceScaleFactor": 1, "mobile": False}
        await page.call("Emulation.setDeviceMetricsOverride", **size)
        if not await page.run(fits):
            problems.append(f"does not fit {width} px")
    await page.call("Emulation.clearDeviceMetricsOverride")
    await page.wait("innerWidth > 640")
    await page.run("new Promise(requestAnimationFrame)")
    return problems


async def inspect_by_axe(visitor: Visitor, *, colors: bool = False) -> list[str]:
    """
    Return the problems of a page that axe finds.

    Args:
        visitor: Shows the page, which was opened after `page.run_aside(axe)`.
        colors: Whether to look at it in the dark and in forced colours, too.
    """
    page = visitor.page
    world = await page.aside()
    problems: list[str] = await page.run(AXE % "null", contextId=world)
    for features in ([DARK], [FORCED]) if colors else ():
        await page.call("Emulation.setEmulatedMedia", features=features)
        problems += await page.run(AXE % '["color-contrast"]', contextId=world)
    await page.call("Emulation.setEmulatedMedia", features=[])
    return problems


def _heard(visitor: Visitor) -> list[str]:
    """Return what the browser complained of, and what the headers lack, since the last time."""
    page = visitor.page
    problems = [text for text in page.complaints if not text.startswith(HARMLESS)]
    addresses = [str(request["request"]["url"]) for request in page.requests]
    allowed = (visitor.site.address, "data:")
    problems += [address for address in addresses if not address.startswith(allowed)]
    document: dict[str, Any] = page.documents[-1]
    headers = {name.lower(): value for name, value in document["headers"].items()}
    problems += [name for name, value in HEADERS.items() if headers.get(name) != value]
    if not {"Cookie", "Accept-Language"} <= set(headers["vary"].split(", ")):
        problems.append(headers["vary"])
    page.complaints.clear()
    page.requests.clear()
    return problems
