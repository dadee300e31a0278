"""Stacks that many people run, and stub images that behave like theirs.

The Compose files in `stacks/` are written as people write them: without `x-gitops`, with plain `depends_on`, with files mounted
without `:ro`. A stub exits until its database answers, writes to its volumes, is ready late, and takes its time to stop.
"""

from collections.abc import Sequence
from pathlib import Path

from lab.stub import StubImage

STACKS = Path(__file__).parent / "stacks"
# What health checks run: there in every image, and passing once the service is ready.
CHECKS = ("pg_isready", "redis-cli", "healthcheck.sh", "curl")
CHECK = "#!/bin/sh\n[ -e /tmp/ready ]\n"
BASH = '#!/bin/sh\nexec /bin/sh "$@"\n'
BEHAVIOUR = """#!/bin/sh
rm -f /tmp/ready
case "$1" in sh|bash|/bin/sh|/bin/bash) exec "$@" ;; esac
for each in {needs}; do
  nc ${{each%:*}} ${{each#*:}} </dev/null || {{ echo "$each does not answer"; exit 1; }}
done
for each in {reads}; do
  [ -f $each ] || {{ echo "$each is no file"; exit 1; }}
done
for each in {writes}; do
  mkdir -p $each && echo started >> $each/started || exit 1
done
case "$*" in *migrate*|*bootstrap*|*upgrade*|version) sleep 1; exit 0 ;; esac
trap 'sleep {stop_s}; exit 0' TERM INT
sleep {ready_s}
for each in {ports}; do
  httpd -p $each -h /www || exit 1
done
touch /tmp/ready
while :; do sleep 60 & wait $!; done
"""


def stub(
    tag: str,
    ports: str = "",
    *,
    needs: str = "",
    reads: str = "",
    writes: str = "",
    ready_s: int = 0,
    stop_s: int = 0,
) -> StubImage:
    """Return an image: what it `needs` are `host:port`, what it reads are files, what it writes to are directories."""

    def behaves(ports: str) -> str:
        text = BEHAVIOUR.format(
            ports=ports, needs=needs, reads=reads, writes=writes, ready_s=ready_s, stop_s=stop_s
        )
        return text.replace("in ; do", "in; do")

    checks = tuple((f"bin/{name}", CHECK) for name in CHECKS)
    scripts = (("bin/behave", behaves(ports)), ("cron.sh", behaves("")), ("bin/bash", BASH), *checks)
    health = "until [ -e /tmp/ready ]; do sleep 0.2; done" if tag in LATE else None
    return StubImage(
        tag=tag,
        entrypoint=("/bin/behave",),
        command=(),
        programs=("bin/mc",),
        scripts=scripts,
        test=health,
        interval_s=5.0,
    )


# Images with a HEALTHCHECK of their own.
LATE = (
    "ghcr.io/immich-app/immich-server:v2",
    "qmcgaw/gluetun:latest",
    "pihole/pihole:latest",
    "authelia/authelia:4.38",
)
PG, MYSQL, DATA = "/var/lib/postgresql/data", "/var/lib/mysql", "/data"
POSTGRES = (
    *("12-alpine", "13", "14", "14-alpine", "14.11-alpine", "15-alpine", "16", "16-alpine"),
    "17",
)
REDIS = ("6-alpine", "6.2-alpine", "7-alpine", "7.2-bookworm", "8", "alpine")
SENTRY = "redis:6379 postgres:5432"


def database(tag: str, port: str, directory: str) -> StubImage:
    return stub(tag, port, writes=directory, ready_s=1, stop_s=2)


def stubs() -> Sequence[StubImage]:
    """Return all images that the stacks name."""
    return (*_databases(), *_at_home(), *_at_work(), *_for_developers())


def _databases() -> Sequence[StubImage]:
    return (
        *(database(f"postgres:{tag}", "5432", PG) for tag in POSTGRES),
        database("ghcr.io/immich-app/postgres:14", "5432", PG),
        database("supabase/postgres:15", "5432", PG),
        *(database(tag, "3306", MYSQL) for tag in ("mariadb:10.11", "mariadb:10.5", "mysql:8.0")),
        database("mongo:7.0", "27017", "/data/db"),
        database("clickhouse/clickhouse-server:24.3-alpine", "8123", "/var/lib/clickhouse"),
        *(stub(f"redis:{tag}", "6379", writes=DATA, ready_s=1) for tag in REDIS),
        stub("valkey/valkey:8", "6379", ready_s=1),
        database("confluentinc/cp-zookeeper:7.3.2", "2181", "/var/lib/zookeeper/data"),
        stub("confluentinc/cp-kafka:7.6.1", "9092", writes="/var/lib/kafka/data", ready_s=2, stop_s=2),
    )


def _at_home() -> Sequence[StubImage]:
    return (
        stub("caddy:2", "80", reads="/etc/caddy/Caddyfile /srv/index.html", writes="/data /config"),
        stub(
            "ghcr.io/home-assistant/home-assistant:stable", "8123", needs="localhost:1883", writes="/config"
        ),
        stub(
            "eclipse-mosquitto:2",
            "1883",
            reads="/mosquitto/config/mosquitto.conf",
            writes="/mosquitto/data",
            ready_s=2,
        ),
        stub(
            "ghcr.io/immich-app/immich-server:v2",
            "2283",
            needs="database:5432 redis:6379",
            writes=DATA,
            ready_s=3,
        ),
        stub("ghcr.io/immich-app/immich-machine-learning:v2", "3003", writes="/cache"),
        stub("jellyfin/jellyfin:latest", "8096"),
        stub("pihole/pihole:latest", "80", writes="/etc/pihole", ready_s=3),
        stub("traefik:v3.1", "80", reads="/etc/traefik/traefik.yml", writes="/letsencrypt"),
        stub("authelia/authelia:4.38", "9091", needs="redis:6379", reads="/run/secrets/session", ready_s=1),
        stub("traefik/whoami:latest", "80"),
        stub("louislam/uptime-kuma:1", "3001", writes="/app/data"),
        stub("vaultwarden/server:latest", "80", writes=DATA),
        stub("qmcgaw/gluetun:latest", "8000", writes="/gluetun", ready_s=3),
        stub("lscr.io/linuxserver/qbittorrent:latest", "8085", needs="localhost:8000", writes="/config"),
        stub(
            "lscr.io/linuxserver/unifi-network-application:latest",
            "8443",
            needs="unifi-db:27017",
            writes="/config",
        ),
    )


def _at_work() -> Sequence[StubImage]:
    return (
        stub("gitea/gitea:1.22", "3000", needs="db:5432", writes=DATA, stop_s=2),
        stub("ghcr.io/mastodon/mastodon:v4.3", "3000", needs="db:5432 redis:6379"),
        stub("docker.n8n.io/n8nio/n8n:latest", "5678", needs="postgres:5432", writes="/home/node/.n8n"),
        stub("nextcloud:apache", "80", needs="db:3306 redis:6379", writes="/var/www/html", stop_s=2),
        stub(
            "ghcr.io/paperless-ngx/paperless-ngx:latest",
            "8000",
            needs="db:5432 broker:6379 tika:9998",
            writes="/usr/src/paperless/data /usr/src/paperless/export",
            ready_s=3,
        ),
        stub("gotenberg/gotenberg:8.7", "3000"),
        stub("apache/tika:latest", "9998", ready_s=2),
        stub("wordpress:latest", "80", needs="db:3306", writes="/var/www/html"),
        stub("ghost:5-alpine", "2368", needs="db:3306", writes="/var/lib/ghost/content"),
        stub(
            "ghcr.io/plausible/community-edition:v2.1",
            "8000",
            needs="plausible_db:5432 plausible_events_db:8123",
            writes="/var/lib/plausible",
        ),
        stub("ghcr.io/umami-software/umami:postgresql-latest", "3000", needs="db:5432", ready_s=2),
        stub(
            "matrixdotorg/synapse:latest",
            "8008",
            needs="db:5432",
            reads="/data/homeserver.yaml",
            writes=DATA,
            ready_s=2,
        ),
        stub(
            "docker.getoutline.com/outlinewiki/outline:latest",
            "3000",
            needs="postgres:5432 redis:6379",
            writes="/var/lib/outline/data",
        ),
        stub("mailcow/unbound:1.23", "53", reads="/etc/unbound/unbound.conf"),
        stub("mailcow/phpfpm:1.89", "9001", needs="redis:6379 mysql:3306", ready_s=2),
        stub("mailcow/postfix:1.77", "25", needs="mysql:3306", writes="/var/spool/postfix"),
        stub("mailcow/netfilter:1.59"),
        stub("nginx:mainline-alpine", "80"),
    )


def _for_developers() -> Sequence[StubImage]:
    return (
        stub("minio/minio:latest", "9000", writes=DATA, ready_s=2),
        stub("minio/mc:latest"),
        stub("prom/prometheus:latest", "9090", reads="/etc/prometheus/prometheus.yml", writes="/prometheus"),
        stub(
            "grafana/grafana:latest",
            "3000",
            needs="prometheus:9090",
            reads="/etc/grafana/provisioning/datasources/datasource.yml",
        ),
        stub("quay.io/prometheus/node-exporter:latest", "9100", reads="/host/etc/passwd"),
        stub("getsentry/sentry:24.8.0", "9000", needs=SENTRY, reads="/etc/sentry/config.yml", writes=DATA),
        stub("getsentry/snuba:24.8.0", "1218", needs="clickhouse:8123 kafka:9092"),
        stub("nginx:1.25.4-alpine", "80", needs="web:9000", reads="/etc/nginx/nginx.conf"),
        stub(
            "quay.io/keycloak/keycloak:25.0",
            "9000 8080",
            needs="postgres:5432",
            reads="/opt/keycloak/data/import/shop.json",
            ready_s=3,
        ),
        stub("provectuslabs/kafka-ui:latest", "8080", needs="kafka1:9092"),
        stub(
            "docker.elastic.co/elasticsearch/elasticsearch:8.14.0",
            "9200",
            reads="/usr/share/elasticsearch/config/certs/es01.crt",
            writes="/usr/share/elasticsearch/data",
            ready_s=3,
        ),
        stub(
            "docker.elastic.co/kibana/kibana:8.14.0",
            "5601",
            needs="es01:9200",
            writes="/usr/share/kibana/data",
        ),
        stub("apache/airflow:2.9.2", "8080", needs="postgres:5432 redis:6379", ready_s=1),
        stub("supabase/studio:2024", "3000"),
        stub("kong:2.8.1", "8000", reads="/tmp/kong.yml"),
        stub("supabase/gotrue:v2", "9999", needs="db:5432"),
        stub("supabase/logflare:1", "4000", needs="db:5432", ready_s=2),
        stub("timberio/vector:0.28.1-alpine", "9001", reads="/etc/vector/vector.yml"),
    )


def files_of(name: str, places: dict[str, str]) -> dict[str, str | bytes]:
    """Return the files of a stack by their path in the repository, with places of the host moved elsewhere."""
    found: dict[str, str | bytes] = {}
    for path in sorted((STACKS / name).rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            for place, other in places.items():
                text = text.replace(place, other)
            found[f"{name}/{path.relative_to(STACKS / name).as_posix()}"] = text
    return found


def file_of(name: str) -> Path:
    """Return the Compose file of a stack."""
    names = ("compose.yaml", "docker-compose.yml", "docker-compose.yaml")
    return next(path for each in names if (path := STACKS / name / each).is_file())
