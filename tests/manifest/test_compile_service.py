from manifest.compile_world import app_of, compiled, errors, service_of

from gitops_orch.model.app import (
    Condition,
    Dependency,
    FailureAction,
    Mode,
    Network,
    Order,
    Placement,
    Port,
    UpdatePolicy,
    Volume,
)
from gitops_orch.model.problem import Position

SERVICE = "services:\n  api:\n    image: x\n"


def test_a_service_with_nothing_but_an_image_has_the_products_defaults():
    service = service_of(SERVICE)
    assert (service.image, service.mode, service.replicas) == ("x", Mode.REPLICATED, 1)
    assert service.update == UpdatePolicy()
    assert service.placement == Placement()
    assert service.networks == ("default",)
    assert (service.writable, service.job, service.stateful) == (False, False, False)
    assert service.position == Position(path="shop/compose.yaml", line=2, column=3)


def test_deploy_decides_mode_replicas_placement_and_update():
    service = service_of(
        """
        services:
          api:
            image: x
            deploy:
              replicas: 3
              placement:
                constraints: [node.labels.zone == eu]
                preferences: [{spread: node.labels.rack}]
                max_replicas_per_node: 2
              update_config:
                {parallelism: 0, delay: 5s, monitor: 1m, order: stop-first, failure_action: pause, max_failure_ratio: 0.5}
        """
    )
    assert service.replicas == 3
    assert service.placement == Placement(
        constraints=("node.labels.zone == eu",), spread=("node.labels.rack",), replicas_per_host_max=2
    )
    assert service.update == UpdatePolicy(
        parallelism=0,
        delay_s=5.0,
        monitor_s=60.0,
        order=Order.STOP_FIRST,
        failure_action=FailureAction.PAUSE,
        failure_ratio_max=0.5,
    )


def test_scale_counts_where_deploy_says_nothing():
    assert service_of(SERVICE + "    scale: 4\n").replicas == 4
    assert service_of(SERVICE + "    deploy: {replicas: 0}\n").replicas == 0


def test_a_global_service_has_one_container_per_host():
    service = service_of(SERVICE + "    deploy: {mode: global}\n")
    assert (service.mode, service.replicas) == (Mode.GLOBAL, 1)


def test_published_ports_tell_fixed_ones_from_those_that_the_engine_chooses():
    service = service_of(SERVICE + "    ports: ['8080:80', '127.0.0.1:53:53/udp', '3000', '7000-7005:70']\n")
    assert service.ports == (
        Port(target=80, published=8080),
        Port(target=53, published=53, host_ip="127.0.0.1", protocol="udp"),
        Port(target=3000, published=None),
        Port(target=70, published=None),
    )


def test_dependencies_carry_their_conditions():
    text = """
    services:
      api:
        image: x
        depends_on:
          db: {condition: service_healthy, restart: true}
          migrate: {condition: service_completed_successfully, required: false}
      db: {image: y}
      migrate: {image: z}
    """
    assert service_of(text).depends_on == (
        Dependency(service="db", condition=Condition.HEALTHY, restart=True),
        Dependency(service="migrate", condition=Condition.COMPLETED, required=False),
    )


def test_shared_namespaces_volumes_from_and_links_are_dependencies_too():
    text = """
    services:
      api: {image: x, network_mode: "service:a", ipc: "service:b", pid: "service:c", volumes_from: [d]}
      web: {image: x, links: ["a:alias"]}
      a: {image: y}
      b: {image: y, ipc: shareable}
      c: {image: y}
      d: {image: y}
    """
    app = app_of(text)
    assert {edge.service for edge in app.service("api").depends_on} == {"a", "b", "c", "d"}
    assert [edge.service for edge in app.service("web").depends_on] == ["a"]
    shared = next(edge for edge in app.service("api").depends_on if edge.service == "a")
    assert (shared.condition, shared.restart) == (Condition.STARTED, True)
    assert app.service("api").networks == ()


def test_a_service_that_others_wait_for_to_complete_is_a_job_unless_it_is_kept_running():
    text = """
    services:
      api: {{image: x, depends_on: {{migrate: {{condition: service_completed_successfully}}}}}}
      migrate: {{image: y{restart}}}
    """
    assert app_of(text.format(restart="")).service("migrate").job
    assert app_of(text.format(restart=', restart: "no"')).service("migrate").job
    assert app_of(text.format(restart=", restart: on-failure")).service("migrate").job
    assert not app_of(text.format(restart=", restart: always")).service("migrate").job
    assert not app_of(text.format(restart="")).service("api").job


def test_networks_and_volumes_carry_the_engines_names():
    text = """
    services:
      api: {image: x, networks: [front, old], volumes: ["data:/data", "cache:/cache:ro", "old:/old", "/anonymous"]}
    networks: {front: {driver_opts: {a: b}}, old: {external: true, name: legacy}}
    volumes: {data: {}, cache: {name: shared-cache}, old: {external: true}}
    """
    app = app_of(text)
    assert [(network.key, network.name, network.external) for network in app.networks] == [
        ("front", "shop_front", False),
        ("old", "legacy", True),
    ]
    assert app.networks[0].compose["driver_opts"] == {"a": "b"}
    assert app.volumes == (
        Volume(key="cache", name="shared-cache"),
        Volume(key="data", name="shop_data"),
        Volume(key="old", name="old", external=True),
    )
    assert app.service("api").volumes == ("data", "cache", "old")


def test_outside_the_default_namespace_default_names_begin_with_it_and_given_names_stay():
    text = """
    x-gitops: {namespace: team}
    services: {api: {image: x, volumes: ["data:/data", "given:/given"]}}
    volumes: {data: {}, given: {name: shop-data}}
    """
    app = app_of(text)
    assert str(app.key) == "team/shop"
    assert app.networks == (Network(key="default", name="team_shop_default", compose={"ipam": {}}),)
    assert [volume.name for volume in app.volumes] == ["team_shop_data", "shop-data"]


def test_data_can_be_left_in_named_volumes_and_on_the_host_but_not_in_what_is_read_only_or_no_place():
    def writable(*volumes: str) -> bool:
        listed = ", ".join(f'"{volume}"' for volume in volumes)
        return service_of(f"{SERVICE}    volumes: [{listed}]\nvolumes: {{data: {{}}}}\n").writable

    assert writable("data:/data")
    assert writable("/srv/data:/data")
    assert writable("./data:/data")
    assert not writable("data:/data:ro")
    assert not writable("/srv/data:/data:ro")
    assert not writable("/anonymous")
    assert not writable(
        "/var/run/docker.sock:/var/run/docker.sock", "/etc/localtime:/etc/localtime", "/dev/snd:/dev/snd"
    )
    assert not service_of(f"{SERVICE}    tmpfs: /tmp\n").writable


def test_build_and_develop_beside_an_image_are_noted_and_not_part_of_the_container():
    desired = compiled({"shop/compose.yaml": SERVICE + "    build: .\n    develop: {watch: []}\n"})
    assert errors(desired) == []
    assert "build" not in desired.apps[0].services[0].compose


def test_words_that_compose_passes_on_unread_are_checked():
    deploy = "{mode: replicatd, update_config: {order: start-frist, failure_action: roll}}"
    found = errors(compiled({"shop/compose.yaml": f"{SERVICE}    deploy: {deploy}\n"}))
    assert found
    assert all("services.api.deploy" in error for error in found)


def test_stateful_is_read_from_the_services_own_x_gitops():
    assert service_of(SERVICE + "    x-gitops: {stateful: true}\n").stateful


def test_several_replicas_of_an_only_service_spread_and_those_of_others_do_not():
    alone = app_of(SERVICE + "    scale: 2\n")
    assert alone.spreads(alone.service("api"))
    pair = app_of(SERVICE + "    scale: 2\n  db: {image: y}\n")
    assert not pair.spreads(pair.service("api"))


def test_a_restart_policy_of_deploy_decides_before_restart_whether_a_service_ends():
    text = """
    services:
      api: {{image: x, depends_on: {{migrate: {{condition: service_completed_successfully}}}}}}
      migrate: {{image: y, restart: always, deploy: {{restart_policy: {{condition: {condition}}}}}}}
    """
    assert app_of(text.format(condition="none")).service("migrate").job
    assert not app_of(text.format(condition="any")).service("migrate").job


def test_a_monitor_of_no_time_is_no_time_and_not_the_default():
    service = service_of(
        """
        services:
          api:
            image: x
            deploy: {update_config: {monitor: 0s}}
        """
    )
    assert service.update.monitor_s == 0.0
