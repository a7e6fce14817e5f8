"""`zoombridge rules`: rules are copied, saved as a template, and followed."""

import json

from core.store.sites.sites import Site
from tests.web.cli.conftest import Run


class TestRules:
    def test_are_copied_saved_as_template_and_followed(self, run: Run, with_site: Site) -> None:
        assert run("rules", "list").out.startswith("No template yet.")
        assert run("site", "cancelled-pages", "s1", "--keep-days", "3").status == 0
        assert (
            "Saved the rules of https://s1.example.org as template Schools."
            in run("rules", "save", "Schools", "s1").out
        )
        assert run("rules", "list").out.startswith("Schools  0 sites follow  saved ")
        assert run("rules", "follow", "Schools").status == 2, "of no site"
        assert run("rules", "follow", "schools", "--all").status == 0
        assert run("rules", "list").out.startswith("Schools  1 site follows  saved ")
        shown = json.loads(run("rules", "show", "SCHOOLS", "--json").out)
        assert (shown["rules"]["cancelled_days"], shown["following"]) == (3, ["https://s1.example.org"])
        assert run("site", "cancelled-pages", "s1", "--keep-days", "4").status == 0
        assert "follows Schools, departed " in run("rules", "show", "s1").out
        assert "0 sites follow, 1 departed" in run("rules", "list").out
        assert run("rules", "copy", "s1", "--all").status == 0, "to no other"
        assert run("rules", "unfollow", "s1").status == 0
        assert "follows" not in run("rules", "show", "s1").out
        assert run("rules", "remove", "schools", "--yes").out.startswith("Removed the template Schools.")
        neither = run("rules", "show", "Schools")
        assert (neither.status, "no template “Schools”, and no such site" in neither.err) == (1, True)
        nowhere = run("rules", "follow", "Schools", "s1")
        assert (nowhere.status, "no template “Schools”" in nowhere.err) == (1, True)
