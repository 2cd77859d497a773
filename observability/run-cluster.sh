#!/usr/bin/env bash
# Runs a cluster on this machine until Ctrl-C: run-cluster.sh [number of nodes, 3 if not given]
#
# Node i is bound to 127.0.0.1:7945+i and serves its metrics at 127.0.0.1:9100+i, where prometheus.yml looks for the
# first three. GOSSIP_BASE_PORT and METRICS_BASE_PORT move both. What the nodes log is in a directory that is printed
# and removed at the end. To see a death, `kill -9` one of the printed process ids; `kill` makes a node leave.
set -euo pipefail

usage() {
  echo "usage: ${0##*/} [number of nodes, 1 to 100]" >&2
  exit 2
}

count=${1:-3}
[[ $# -le 1 && $count =~ ^[0-9]+$ && ${#count} -le 3 ]] || usage
count=$((10#$count))
((count >= 1 && count <= 100)) || usage
gossip_base=${GOSSIP_BASE_PORT:-7946}
metrics_base=${METRICS_BASE_PORT:-9101}
patience=60

root=$(cd "$(dirname "$0")/.." && pwd)
# In a checkout, the Node.js of its dependencies; elsewhere the machine's.
export PATH="$root/node_modules/.bin:$PATH"
# Not from the caller's shell: what is set here is all that the nodes get.
unset "${!GOSSIP_@}"

directory=$(mktemp -d)
pids=()

stop() {
  trap '' INT TERM
  local pid
  if ((${#pids[@]} > 0)); then
    echo "stopping"
    kill "${pids[@]}" 2>/dev/null || true
    # They leave politely. One that does not, as it is stopped itself perhaps, is ended.
    for ((i = 0; i < 100; i++)); do
      local left=0
      for pid in "${pids[@]}"; do if kill -0 "$pid" 2>/dev/null; then left=1; fi; done
      ((left == 0)) && break
      sleep 0.1
    done
    kill -9 "${pids[@]}" 2>/dev/null || true
    wait "${pids[@]}" 2>/dev/null || true
  fi
  rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Sealed, as a cluster should be, with a key of its own.
node "$root/bin/gossip.js" keygen --out "$directory/cluster.key" >/dev/null

peers=
for ((i = 0; i < count && i < 3; i++)); do peers+="${peers:+, }\"127.0.0.1:$((gossip_base + i))\""; done

cat >"$directory/gossip.toml" <<TOML
[network]
cluster = "run-cluster"
peers = [$peers]
cluster_key_file = "$directory/cluster.key"

[metrics]
server_host = "127.0.0.1"
TOML

# A process group for each node: Ctrl-C reaches this script alone, which then ends them in order.
set -m
for ((i = 0; i < count; i++)); do
  GOSSIP_METRICS_SERVER_PORT=$((metrics_base + i)) node "$root/bin/gossip.js" run \
    --config "$directory/gossip.toml" --bind "127.0.0.1:$((gossip_base + i))" \
    >"$directory/node-$((i + 1)).log" 2>&1 </dev/null &
  pids+=("$!")
done
set +m

check_alive() {
  for ((i = 0; i < count; i++)); do
    kill -0 "${pids[i]}" 2>/dev/null && continue
    echo "node $((i + 1)) has ended; the end of its log:" >&2
    tail -n 20 "$directory/node-$((i + 1)).log" >&2
    exit 1
  done
}

# Ready is a node that sees all of them.
sees_all() {
  # shellcheck disable=SC2016 # The dollar signs are JavaScript's.
  node -e '
    const [base, count] = process.argv.slice(1).map(Number)
    const sees = async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(2000) })
      return Number(/^swim_members_alive(?:\{[^}]*\})? (\d+)/m.exec(await response.text())?.[1]) >= count
    }
    const ports = Array.from({ length: count }, (_, i) => base + i)
    Promise.all(ports.map(sees)).then((all) => process.exit(all.every(Boolean) ? 0 : 1), () => process.exit(1))
  ' "$metrics_base" "$count"
}

deadline=$((SECONDS + patience))
until sees_all; do
  check_alive
  if ((SECONDS >= deadline)); then
    echo "the nodes have not all met within $patience s; the end of each log:" >&2
    tail -n 5 "$directory"/node-*.log >&2
    exit 1
  fi
  sleep 0.2
done

echo "$count nodes, which all see each other; logs in $directory"
for ((i = 0; i < count; i++)); do
  echo "node $((i + 1))  gossip 127.0.0.1:$((gossip_base + i))  metrics http://127.0.0.1:$((metrics_base + i))/metrics  pid ${pids[i]}"
done
echo "Ctrl-C stops them"

# Nodes may be killed to see what the others make of it; the script ends with the last of them.
for pid in "${pids[@]}"; do wait "$pid" || true; done
echo "no node is left"
