"""What many sites have in common is said once."""

from core.monitoring.alert_groups import group_alerts
from core.monitoring.alerts import Alert, AlertKind, Severity


def alert(site_id: str | None, message: str = "No.", **values: object) -> Alert:
    given: dict[str, object] = {"kind": AlertKind.SITE, "severity": Severity.CRITICAL, "message": message}
    return Alert(site_id=site_id, site_name=f"Site {site_id}", **(given | values))  # type: ignore[arg-type]


class TestGroups:
    def test_hold_what_is_said_of_several_sites(self) -> None:
        found = group_alerts(
            [
                alert("s1", since=5),
                alert("s2", "Gone."),
                alert("s3", since=3),
                alert("s4", severity=Severity.WARNING),
            ]
        )
        assert [[one.site_id for one in group.alerts] for group in found] == [["s1", "s3"], ["s2"], ["s4"]]
        assert (found[0].since, found[1].since) == (3, None)
        assert "No." in found[0].text

    def test_add_up_what_each_counts(self) -> None:
        some = [alert(one, kind=AlertKind.FAILING, count=count) for one, count in (("s1", 2), ("s2", 40))]
        [group] = group_alerts(some)
        assert group.count == 2
        assert "42" in group.text

    def test_keep_apart_what_concerns_the_bridge(self) -> None:
        accounts = [alert(None, kind=AlertKind.ACCOUNT, subject=name) for name in ("a", "b")]
        assert [group.count for group in group_alerts(accounts)] == [1, 1]
