"""A password that a file or a program repeats is in no plan, no message and no history."""

from dataclasses import replace

import pytest
from planner.builders import app, service

from gitops_orch.model.legible import legible, pieces
from gitops_orch.model.plan import Change
from gitops_orch.model.secret_words import without_secrets
from gitops_orch.model.variable_secrets import secrets_of, secrets_of_app
from gitops_orch.planner.field_changes import service_changes, struck_out
from gitops_orch.planner.world import MadeFrom


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysqladmin ping -h localhost -uroot -phunter2", "mysqladmin ping -h localhost -uroot -p***"),
        ("mariadb-admin -u root -p'hunter 2' ping", "mariadb-admin -u root -p*** ping"),
        ("redis-cli -h cache -a hunter2 ping", "redis-cli -h cache -a *** ping"),
        ("valkey-cli -a hunter2 ping", "valkey-cli -a *** ping"),
        ("mongosh -u root -p hunter2 --eval 1", "mongosh -u root -p *** --eval 1"),
        ("sshpass -p hunter2 ssh host", "sshpass -p *** ssh host"),
        ("curl -fsS -u admin:hunter2 http://web", "curl -fsS -u admin:*** http://web"),
        ("curl --user 'admin:hunter 2' http://web", "curl --user 'admin:*** 2' http://web"),
        ("admin:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/,b:$2y$05$c4WoMPo3SXsafkva", "admin:***,b:***"),
    ],
)
def test_a_password_of_a_well_known_command_is_struck_out(text, shown):
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "mysqladmin ping -p$MYSQL_ROOT_PASSWORD",
        'redis-cli -a "$REDIS_PASS" ping',
        "docker run --user 1000:1000 -p 80:80",
        "mysql -h db -P 3306",
        "pg_isready -U app -d app",
        "echo $1$2",
    ],
)
def test_what_is_no_password_stays(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize("piece", ["mysql -", "redis-cli -a ", "-u a:", "-u=", "$1$", "mongo\t-p "])
def test_a_long_text_costs_time_that_grows_with_its_length(piece):
    assert len(without_secrets(piece * 40_000)) > 0


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"DB_PASSWORD": "hunter2"}, {"hunter2"}),
        ({"DATABASE_URL": "postgres://app:hunter2@db/app"}, {"hunter2"}),
        ({"DB_PASSWORD_FILE": "/run/secrets/db"}, set()),
        ({"DB_PASSWORD": "abc"}, set()),
        ({"MYSQL_USER": "wordpress", "MYSQL_PASSWORD": "wordpress"}, set()),
        ({"DB_PASSWORD": "postgres"}, set()),
        ({"GREETING": "hunter2"}, set()),
    ],
)
def test_secrets_of_variables_are_those_that_nobody_may_see(variables, found):
    assert secrets_of(variables.items(), ("docker.io/library/postgres:16",)) == found


def made_from(test: str, password: str) -> MadeFrom:
    body = {"environment": {"DB_PASSWORD": password}, "healthcheck": {"test": ["CMD", "check", test]}}
    one = replace(service("db"), compose=body)
    return MadeFrom(app=app("shop", one), service=one)


def test_a_secret_that_a_health_check_repeats_is_not_in_a_plan():
    changes = service_changes(made_from("hunter2-x", "hunter2"), made_from("sesame-open", "sesame-open"))
    assert {change.path: (change.before, change.after) for change in changes} == {
        "environment.DB_PASSWORD": ("***", "*** (changed)"),
        "healthcheck.test": ("check ***-x", "check ***"),
    }


def test_a_change_of_nothing_but_a_secret_is_still_seen():
    (shown,) = struck_out(
        [Change(path="command", before="a hunter2", after="a hunter3")], frozenset({"hunter2", "hunter3"})
    )
    assert (shown.before, shown.after) == ("a ***", "a *** (changed)")


def test_a_program_that_prints_its_variables_prints_no_secret():
    shop = made_from("x", "hunter2").app
    assert secrets_of_app(shop) == {"hunter2"}
    assert legible("login as app with hunter2 failed", pieces(shop)) == "login as app with *** failed"
