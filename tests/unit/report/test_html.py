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

    understudy eval --a=<b>

![curve](plots/c.png) and ![gone](plots/none.png) and [text](https://example.org/?a=1&b=2)
"""


def test_a_page_becomes_one_file_with_its_pictures_inside(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/c.png").write_bytes(b"picture")
    found = html_page(PAGE, tmp_path)
    assert "<title>A &lt;page&gt;</title>" in found
    assert "<h1>A &lt;page&gt;</h1>" in found
    assert "<p>Words that go on, <b>bold</b>, <i>italic</i>, <code>a" in found
    assert '<th class="number">rate</th>' in found
    assert '<td>x &amp; y</td><td class="number">1.0</td>' in found
    assert "<ul><li>one</li><li>two</li></ul>" in found
    assert "<pre>understudy eval --a=&lt;b&gt;</pre>" in found
    assert base64.b64encode(b"picture").decode() in found
    assert 'src="plots' not in found
    assert "gone and" in found
    assert '<a href="https://example.org/?a=1&amp;b=2">text</a>' in found


def test_nothing_of_a_page_is_taken_for_a_tag(tmp_path: Path) -> None:
    found = html_page("a <script>alert(1)</script>\n\n![<b>](x.png)\n", tmp_path)
    assert "<script>" not in found
    assert "<b>" not in found


def test_a_quotation_mark_does_not_end_an_attribute(tmp_path: Path) -> None:
    assert 'href="x&quot; onclick=' in html_page('[a](x" onclick="b)', tmp_path)


def test_a_picture_elsewhere_is_not_read_unless_it_is_a_png(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    assert base64.b64encode(b"secret").decode() not in html_page("![x](secret.txt)", tmp_path)
