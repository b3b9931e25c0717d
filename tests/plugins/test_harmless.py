"""The pages return no spreadsheet formulas, reveal no other connections, and send no unnecessary requests."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.plugins.rates import Allowance, UserAllowances
from airflow_provider_qrt.plugins.task_results import csv_text, histogram, pub_views


@pytest.mark.parametrize("label", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "\uff1d1", "|cmd"])
def test_no_label_is_a_formula(label):
    line = csv_text({"results": [{"counts": {label: 1}}]}).split("\n", 1)[1]
    assert line.replace('"', "").startswith("0,0,'")


def test_ordinary_labels_and_numbers_are_as_they_were():
    text = csv_text({"results": [{"quasi_dists": {"3": -0.25, "0": 1.25}}]})
    assert text.splitlines()[1:] == ["0,0,3,-0.25", "0,0,0,1.25"]


@pytest.mark.parametrize("count", [10**399, float("inf"), float("nan"), 1e308, "9" * 500])
def test_numbers_without_bounds_draw_nothing(count):
    assert histogram({"0": count, "1": 2})["total"] == 2
    deep = 1
    for _ in range(500):
        deep = [deep]
    pub_views({"results": [{"evs": deep}, {"counts": deep}, {"counts": {"0": count}}]})


def test_an_allowance_is_a_burst_and_then_a_rate():
    now = [0.0]
    slept = []
    allowance = Allowance(3, 2.0, lambda: now[0])
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 1.0
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    allowance.wait(slept.append)
    allowance.wait(slept.append)
    assert slept == [0.5, 1.0]


def test_users_do_not_use_up_each_others_allowance():
    users = UserAllowances(2, 0.0)
    assert [users.may_ask("a") for _ in range(3)] == [True, True, False]
    assert users.may_ask("b")
