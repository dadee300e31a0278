"""A database that is renamed together with its volume keeps its data on a real Engine, or a person is asked."""

from integration.world import World, compose, service

APP, OTHER = "shop/compose.yaml", "other/compose.yaml"
WRITER = ["sh", "-c", "test -e /var/lib/pg/mark || echo $$HOSTNAME > /var/lib/pg/mark; exec serve"]


def shop(named: str, key: str, **volume: str) -> str:
    return compose({named: service(command=WRITER, volumes=[f"{key}:/var/lib/pg"])}, volumes={key: volume})


def mark(world: World, name: str) -> str:
    with world.host.client() as client:
        made = client.exec_create(world.one(name).id, ["cat", "/var/lib/pg/mark"])
        return client.exec_start(made["Id"]).decode()


def test_a_service_renamed_with_its_volume_key_is_held_and_keeps_its_data_by_the_line_that_is_named(
    world: World,
):
    world.commit({APP: shop("db", "db-data"), OTHER: compose({"x": service(), "y": service()})})
    world.converge()
    before, rows = world.containers(), mark(world, "shop/db")

    world.commit({APP: shop("postgres", "postgres-data")})
    assert world.sync().exit_code == 1
    assert world.containers() == before
    [reason] = [
        hold["reason"] for hold in world.run("plan").document["holds"] if hold["subject"] == "default/shop"
    ]
    assert "postgres looks like db under another name" in reason
    assert "write `name: shop_db-data` below that volume in shop/compose.yaml" in reason

    world.commit({APP: shop("postgres", "postgres-data", name="shop_db-data")})
    world.converge()
    assert world.ours("shop/db") == []
    assert mark(world, "shop/postgres") == rows


def test_a_service_that_becomes_an_app_of_its_own_takes_its_data_along(world: World):
    both = compose(
        {"web": service(), "db": service(command=WRITER, volumes=["data:/var/lib/pg"])}, volumes={"data": {}}
    )
    world.commit({APP: both, OTHER: compose({"x": service(), "y": service()})})
    world.converge()
    before, rows = world.containers(), mark(world, "shop/db")

    alone = {APP: compose({"web": service()}), "database/compose.yaml": shop("db", "data")}
    world.commit(alone)
    assert world.sync().exit_code == 1
    assert world.containers() == before

    world.commit({"database/compose.yaml": shop("db", "data", name="shop_data")})
    world.converge()
    assert world.ours("shop/db") == []
    assert mark(world, "database/db") == rows
