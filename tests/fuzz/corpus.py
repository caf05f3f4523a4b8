"""What attackers write into fields, and what JSON lets nobody expect.

The one idea: a payload is a text, for addresses and headers, and a piece of JSON, for bodies; some
are only the one or the other. Nothing of it may do anything: `PRODUCT` must never appear, nor
anything be called `forged`.
"""

import json
from dataclasses import dataclass

FORGED = "forged"  # a script, a logger, a header of this name is one of ours
PRODUCT = str(31337 * 31337)  # what a template engine would make of it
SUM = "31337*31337"


@dataclass(frozen=True)
class Payload:
    """Something hostile, or merely odd.

    `literal` is JSON, or what only looks like it; `text` is the same outside of JSON, if it can be.
    """

    name: str
    literal: str
    text: str | None = None


def _text(name: str, text: str) -> Payload:
    return Payload(name, json.dumps(text), text)


def _raw(name: str, literal: str) -> Payload:
    """Something that is no string; in an address it is the same letters."""
    return Payload(name, literal, literal)


_LINE = json.dumps({"level": "critical", "logger": FORGED, "message": FORGED})

TEXTS = (
    _text("SQL, always true", "' OR '1'='1"),
    _text("SQL, a second statement", "x'; DROP TABLE studies; --"),
    _text("SQL, a union", '" UNION SELECT hash FROM api_keys --'),
    _text("SQL, a wait", "x'); SELECT pg_sleep(20); --"),
    _text("SQL, patterns", "%_\\%"),
    _text("NoSQL in a text", '{"$ne": null}'),
    _text("NoSQL, code", "'; return true; var x='"),
    _text("template, braces", "{{" + SUM + "}}"),
    _text("template, dollar", "${" + SUM + "}"),
    _text("template, tags", f"<%= {SUM} %>{{% print({SUM}) %}}"),
    _text("format", "{0.__class__.__mro__} %s%n %(password)s"),
    _text("lookup", "${jndi:ldap://127.0.0.1/a}"),
    _text("shell", "$(touch /tmp/forged) `id` | id ; id"),
    _text("header", f"a\r\nX-{FORGED}: yes\r\n\r\n<html>"),
    _text("line of the log", f"a\n{_LINE}\n"),
    _text("ANSI", "\x1b[2J\x1b]0;forged\x07"),
    _text("NUL", "a\0b"),
    _text("right to left", "\u202egnp.exe\u2066"),
    _text("invisible", "\u200b\ufeff\u00ad"),
    _text("odd ends of lines", "a\u2028b\u2029c\x85d\x0b"),
    _text("script", f"<script>{FORGED}()</script>"),
    _text("attribute", f"'\"><img src=x onerror={FORGED}()>"),
    _text("event", f'" autofocus onfocus="{FORGED}()'),
    _text("end of a script", f"</script><svg onload={FORGED}()>"),
    _text("address of a script", f"javascript:{FORGED}()"),
    _text("other host", "//forged.example/a"),
    _text("formula", "=cmd|' /C calc'!A0"),
    _text("entity", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    _text("prototype", "__proto__"),
    _text("dunder", "__class__"),
    _text("path", "../../../../etc/passwd"),
    _text("a dot", "."),
    _text("nothing", ""),
    _text("a blank", " "),
    _text("percent", "%00%2e%2e%2f"),
    _text("combining", "e" + "\u0301" * 500),
    _text("beyond the first plane", "\U0001f6a8\U0010ffff"),
    _text("no character", "\ufffe\uffff"),
    _text("long", "x" * 20_000),
)
NUMBERS = (
    _raw("2^53 + 1", "9007199254740993"),
    _raw("2^63 - 1", "9223372036854775807"),
    _raw("2^63", "9223372036854775808"),
    _raw("-2^63 - 1", "-9223372036854775809"),
    _raw("2^64", "18446744073709551616"),
    _raw("400 digits", "1" + "0" * 400),
    _raw("5,000 digits", "9" * 5000),
    _raw("1e400", "1e400"),
    _raw("-1e400", "-1e400"),
    _raw("1e308", "1e308"),
    _raw("1e-400", "1e-400"),
    _raw("a zero below zero", "-0.0"),
    _raw("NaN", "NaN"),
    _raw("Infinity", "Infinity"),
    _raw("-Infinity", "-Infinity"),
    _raw("true", "true"),
    _raw("null", "null"),
    Payload("digits of elsewhere", '"\u0663\u0664"', "\u0663\u0664"),
    Payload("hexadecimal", "0x10", "0x10"),
    Payload("a leading zero", "007", "007"),
)
# What JSON allows, or nearly, and no text can be.
STRUCTURES = (
    Payload("half a surrogate pair", '"\\ud800"'),
    Payload("halves in the wrong order", '"\\udc00\\ud800"'),
    Payload("10,000 lists deep", "[" * 10_000 + "]" * 10_000),
    Payload("10,000 objects deep", '{"a":' * 10_000 + "1" + "}" * 10_000),
    Payload("10,000 lists without end", "[" * 10_000),
    Payload("NoSQL", '{"$gt": ""}'),
    Payload("prototype, an object", '{"__proto__": {"polluted": true}}'),
    Payload("constructor", '{"constructor": {"prototype": {"polluted": true}}}'),
    Payload("a name twice", '{"a": 1, "a": 2}'),
    Payload("an empty name", '{"": 1}'),
    Payload("a list", '["a"]'),
    Payload("an object", "{}"),
)
ALL = (*TEXTS, *NUMBERS, *STRUCTURES)
