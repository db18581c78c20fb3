"""The bundle of scripts that a page holds, and where it is kept."""


def test_the_bundle_is_made_once(contents, tmp_path, monkeypatch):
    import vl_convert

    from ablations.report.html import vega_bundle

    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path))
    made = []
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda code: made.append(code) or "js")
    assert [vega_bundle(), vega_bundle()] == ["js", "js"]
    assert len(made) == 1
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("vega-bundle-")


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    import vl_convert

    from ablations.report.html import vega_bundle

    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CNNZOO_CACHE", str(blocked))
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda code: "js")
    assert vega_bundle() == "js"
