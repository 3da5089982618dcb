"""A page of its own, for evidence outside of log.html."""

from __future__ import annotations

from html import escape

_STYLE = ":root{color-scheme:light dark}body{font:14px sans-serif;margin:1.5em}pre{white-space:pre-wrap}summary{cursor:pointer}"


def page(title: str, body: str) -> str:
    """An HTML document without scripts or files from elsewhere.

    Args:
        title: plain text.
        body: HTML.
    """
    return (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
