from __future__ import annotations

import base64
from pathlib import Path

from understudy.report.html import html_page

PAGE = """# A <page>

Words that go
on, **bold**, *italic*, `a*b*c`.

| name | rate |
| --- | --: |
| x & y | 1.0 |

- one
- two

As a command:

    understudy eval --a=<b>

![curve](plots/c.png) and ![gone](plots/none.png) and [text](https://example.org/?a=1&b=2)
"""


def test_a_page_becomes_one_file_with_its_pictures_inside(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/c.png").write_bytes(b"picture")
    found = html_page(PAGE, tmp_path)
    assert "<title>A &lt;page&gt;</title>" in found
    assert "<h1>A &lt;page&gt;</h1>" in found
    assert "on, <strong>bold</strong>, <em>italic</em>, <code>a*b*c</code>" in found
    assert '<th style="text-align:right">rate</th>' in found
    assert "<td>x &amp; y</td>" in found
    assert "<li>one</li>\n<li>two</li>" in found
    assert "<pre><code>understudy eval --a=&lt;b&gt;\n</code></pre>" in found
    assert base64.b64encode(b"picture").decode() in found
    assert 'src="plots' not in found
    assert "gone and" in found
    assert '<a href="https://example.org/?a=1&amp;b=2">text</a>' in found


def test_nothing_of_a_page_is_taken_for_a_tag(tmp_path: Path) -> None:
    found = html_page("a <script>alert(1)</script>\n\n![<b>](x.png)\n\n[x](javascript:alert(1))\n", tmp_path)
    assert "<script>" not in found and "<b>" not in found and "href=" not in found


def test_a_quotation_mark_does_not_end_an_attribute(tmp_path: Path) -> None:
    (tmp_path / "c.png").write_bytes(b"picture")
    assert "onclick" not in html_page('[a](x" onclick="b)', tmp_path).replace("&quot; onclick=&quot;", "")
    assert 'alt="a&quot; onclick=&quot;b"' in html_page('![a" onclick="b](c.png)', tmp_path)


def test_a_picture_elsewhere_is_not_read_unless_it_is_a_png(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    assert base64.b64encode(b"secret").decode() not in html_page("![x](secret.txt)", tmp_path)
