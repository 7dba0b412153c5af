"""Notebooks are kept without what they printed; they are executed when the site is built (`make docs`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from documentation import NOTEBOOKS


def test_there_is_a_notebook() -> None:
    assert [path.name for path in NOTEBOOKS] == ["first_policy.ipynb"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_kept_without_outputs_and_without_traces_of_a_machine(notebook: Path) -> None:
    document = json.loads(notebook.read_text())
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
        assert cell["metadata"] == {}
    assert document["metadata"]["kernelspec"]["name"] == "python3"
    assert "version" not in document["metadata"]["language_info"]
