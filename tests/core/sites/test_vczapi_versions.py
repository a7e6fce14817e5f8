"""Versions of VCZAPI that the bridge has not been tried with are named."""

import re
from pathlib import Path

import pytest

from core.model.health_facts import FactName
from core.sites.vczapi_versions import TRIED, vczapi_findings

PLUGIN = Path(__file__).parents[3] / "plugin_stub/vczapi-versions.php"


def test_of_a_site_without_it_nothing_is_said() -> None:
    assert vczapi_findings(None, None) == []


def test_the_tried_version_is_well() -> None:
    [found] = vczapi_findings(TRIED, None)
    assert (found.name, found.well) == (FactName.VCZAPI, True)


@pytest.mark.parametrize("version", ["4.6.8", "4.6.10", "4.7.0", "5", "4.6.7.1", "4.6.7-beta", "next"])
def test_another_version_is_named_with_what_to_do(version: str) -> None:
    [found] = vczapi_findings(version, None)
    assert not found.well
    assert f"{version} has not been tried" in found.message
    assert TRIED in found.message


@pytest.mark.parametrize(
    ("version", "advice"), [("4.6.6", "Update"), ("4.5.12", "Update"), ("4.7.0", "install")]
)
def test_advice_leads_to_the_tried_version(version: str, advice: str) -> None:
    [found] = vczapi_findings(version, None)
    assert f"{advice} " in found.message


def test_its_add_on_is_named_and_can_be_nothing_but_untried() -> None:
    found = vczapi_findings(TRIED, "1.7.5")[1]
    assert (found.name, found.well) == (FactName.VCZAPI_PRO, True)
    assert "version 1.7.5; no version" in found.message
    assert "version unknown; no version" in vczapi_findings(TRIED, "")[1].message


def test_the_plugin_names_the_same_version() -> None:
    text = PLUGIN.read_text(encoding="utf-8")
    assert re.findall(r"const ZOOMBRIDGE_VCZAPI_TRIED = '(.*)';", text) == [TRIED]
