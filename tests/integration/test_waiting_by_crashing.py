"""Apps that exit until what they need answers, on a real Engine: `restart:` says that exits are expected."""

from integration.world import World, compose, service

SHOP = "apps/shop/compose.yaml"
LISTEN = "exec httpd -f -p 5432 -h /www"
NEEDS_DB = "nc db 5432 </dev/null || { echo database not there; exit 1; }; exec httpd -f -p 8080 -h /www"
# Ends three times, and then stays: what it waits for is in no file of Git.
THIRD_TIME = "echo x >> /tries; [ $(wc -l < /tries) -gt 3 ] || exit 3; exec httpd -f -p 8080 -h /www"


def shell(line: str, **more: object) -> dict:
    return service("stub:1", command=["sh", "-c", line], restart="unless-stopped", **more)


def watched_for(monitor: str) -> dict:
    return {"update_config": {"monitor": monitor}}


def test_an_app_that_exits_until_its_database_answers_comes_up(world: World):
    db = shell(f"sleep 8; {LISTEN}", deploy=watched_for("12s"))
    app = shell(NEEDS_DB, depends_on=["db"], deploy=watched_for("2s"))
    world.commit({SHOP: compose({"db": db, "app": app})})

    world.converge()

    assert world.one("shop/app").state == "running"
    assert (
        world.one("shop/app").restart_count > 1
    )  # many more where the machine is not busy with other things


def test_one_that_waits_through_another_service_comes_up_too(world: World):
    """Restarts do not count while a dependency of a dependency is under way, however many there are."""
    db = shell(f"sleep 8; {LISTEN}", deploy=watched_for("12s"))
    cache = shell(LISTEN, depends_on=["db"])
    app = shell(NEEDS_DB, depends_on=["cache"], deploy=watched_for("2s"))
    rollout = {"rollout": {"restarts_max": 1}}
    world.commit({SHOP: compose({"db": db, "cache": cache, "app": app}, **{"x-gitops": rollout})})

    world.converge()

    assert world.one("shop/app").restart_count > 1


def test_one_that_ends_a_few_times_for_no_reason_in_git_comes_up_as_an_update(world: World):
    world.commit({SHOP: compose({"app": shell(LISTEN)})})
    world.converge()

    world.commit({SHOP: compose({"app": shell(THIRD_TIME, deploy=watched_for("3s"))})})
    world.converge()

    seen = world.one("shop/app")
    assert (seen.state, seen.restart_count) == ("running", 3)


def test_one_that_does_not_stop_crashing_goes_back_after_its_restarts(world: World):
    stable = world.commit({SHOP: compose({"app": shell(LISTEN)})})
    world.converge()

    rollout = {"rollout": {"restarts_max": 2}}
    world.commit({SHOP: compose({"app": shell("exit 4")}, **{"x-gitops": rollout})})
    reply = world.sync()

    assert reply.exit_code == 4, reply.text
    assert "keeps crashing: restarted 3 times" in reply.text
    assert reply.app("shop")["commit"] == stable
