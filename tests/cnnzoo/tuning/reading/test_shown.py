"""A search as text and as HTML."""

import cnnzoo


def test_search_is_shown_with_its_trials(seeded):
    results = cnnzoo.open_search(seeded)
    first, header, *lines = str(results).splitlines()
    assert first == repr(results)
    assert {"status", "score", "learning_rate"} <= set(header.split())
    assert "findings" not in header
    assert sum("done" in line for line in lines) == (results.trials["status"] == "done").sum()
    page = results._repr_html_()
    assert "&lt;SearchResults in" in page
    assert page.count("<table") == 1
