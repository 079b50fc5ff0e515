"""Texts that come out of data, files and people, and must be shown as texts wherever they are shown."""

from __future__ import annotations

TEXTS = {
    "script": "<script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "entity": "R&D &lt;b&gt;",
    "closing tag": "[/red]",
    "tag": "[x]",
    "style": "[bold on red]loud[/]",
    "link": "[link=https://example.com]x[/link]",
    "backslash": "a\\[/x]\\",
    "emoji code": ":smile: 🙂",
    "colour": "\x1b[31mred\x1b[0m",
    "window title": "\x1b]0;title\x07",
    "C1 control": "\x9b31m\x85",
    "carriage return": "all is well\rheld",
    "direction": "\u202egnp.exe\u2066",
    "line separator": "a\u2028b",
    "half a character": "a\udcffb",
    "Jinja": "{{ 7 * 7 }}{% raw %}{# #}",
    "template": "$name ${name} $$ %s {0} {name}",
    "comment": "*/ -- /*",
    "markdown": "![x](https://example.com/x.png) [a](javascript:alert(1)) `b` *c* # d",
    "formula": "=cmd|' /C calc'!A1",
    "lines": "one\ntwo\tthree",
    "empty": "",
    "blank": " ",
    "long": "x" * 10_000,
}
