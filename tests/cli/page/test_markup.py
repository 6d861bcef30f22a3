from __future__ import annotations

import pytest

from quinde.cli.page.markup import Markup, element, joined


def test_text_is_escaped_and_markup_is_not() -> None:
    assert (
        element("p", "a < b & 'c'", element("b", "<i>"))
        == "<p>a &lt; b &amp; &#x27;c&#x27;<b>&lt;i&gt;</b></p>"
    )


def test_attributes_are_escaped_named_as_in_html_or_left_out() -> None:
    made = element(
        "a", class_='"x"', aria_label="é", hidden=True, title=None, open=False, width=1.5, name="n"
    )
    assert made == '<a class="&quot;x&quot;" aria-label="é" hidden width="1.5" name="n"></a>'


@pytest.mark.parametrize("name", ["meta", "link"])
def test_an_element_without_content_has_no_end(name: str) -> None:
    assert element(name, rel="icon") == f'<{name} rel="icon">'


def test_characters_that_html_may_not_have_are_left_out() -> None:
    assert element("p", "a\x00\x1b[31mb\ud800\nc", title="\x07d") == '<p title="d">a[31mb\nc</p>'


def test_pieces_are_joined_once() -> None:
    assert joined("<", Markup("<br>"), ">") == "&lt;<br>&gt;"
    assert isinstance(joined("a"), Markup)
    # What is made of markup by a string's methods is text again: nobody vouches for it.
    assert joined(Markup("<b>") + "x") == "&lt;b&gt;x"
