"""Texts as nobody wants them: what fuzzing puts into names, passwords, parameters and statements."""

from __future__ import annotations

from hypothesis import strategies as st

#: Quotes, place holders, fragments of SQL and HTML, what turns the line or the direction, what is no text at all.
FRAGMENTS = (
    *("'", '"', "`", "\\", "%", "%s", "%(a)s", ":a", "{", "}", "{0}", "$1", "$$", ";", "--", "/*", "*/", "&", "=", "@"),
    *("\0", "\n", "\r", "\t", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\udfff", "\ufffe"),
    *(" ", "\u00a0", "\u200b", "\u200d", "\u200e", "\u202e", "\u2066", "\u3164", "\ufeff", "\U000e0041"),
    *("e\u0301", "é", "ß", "SS", "İ", "ı", "ſ", "سلطان", "עִבְרִית", "名", "👩‍🌾", ":smile:", "[red]", "[/]", "[link=x]"),
    *(
        "'; DROP DATABASE postgres; --",
        "' OR 1=1 --",
        "<script>alert(1)</script>",
        "<!--",
        "../../etc",
        "NULL",
        "1",
        "-1",
    ),
)
ANY_CHARACTERS = st.text(st.characters(), max_size=6)
#: Short, or much too long.
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS) | ANY_CHARACTERS, max_size=6).map("".join),
    st.builds(lambda text, times: text * times, st.sampled_from(FRAGMENTS), st.sampled_from((64, 256, 20_000))),
)
